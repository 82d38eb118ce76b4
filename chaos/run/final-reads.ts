import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { askCopy } from '../../regions/drills/evidence/read-back.ts';
import { dumpCopy } from '../judge/history/dump-copy.ts';
import { copiesOf, type Copy, type Installation } from '../drive/installation/installation.ts';
import type { EpochWatch } from './epoch-watch.ts';

/** The position of one copy. */
interface Standing {
  readonly seq: bigint;
  /** Legs to other books that are not settled; of a primary only. */
  readonly open: bigint;
}

/**
 * Waits until nothing is in transit between books and every copy has what its primary has, at
 * most for the given time. The checkers find what is stuck by then in the reads.
 */
export async function waitUntilDrained(
  installation: Installation,
  leaders: EpochWatch,
  timeoutMs: number,
): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  const books = [...new Set(installation.copies.map(({ book }) => book))];
  let before = '';
  while (performance.now() < giveUpAt) {
    const stands = await Promise.all(
      books.map((book) => standOf(copiesOf(installation, book), leaders.leader(book))),
    );
    const now = stands.join(' ');
    if (!stands.includes('') && now === before) return;
    before = now;
    await sleep(500);
  }
}

/** The seq that all copies of a book have reached; '' while they differ or legs are open. */
async function standOf(copies: readonly Copy[], leader: Copy | undefined): Promise<string> {
  try {
    const all = await Promise.all(copies.map(readStanding));
    const primary = all[copies.findIndex((copy) => copy === leader)];
    if (primary === undefined || primary.open > 0n) return '';
    return all.every(({ seq }) => seq === primary.seq) ? String(primary.seq) : '';
  } catch {
    return '';
  }
}

function readStanding({ auditorUrl }: Copy): Promise<Standing> {
  return askCopy(auditorUrl, async (sql) => {
    const [row] = await sql<Standing[]>`
      SELECT seq, (SELECT coalesce(sum(sent - settled), 0)::int8 FROM channel) AS open FROM head`;
    if (row === undefined) throw new Error('it has no head');
    return row;
  });
}

/** Reads every copy into the folder. Returns what could not be read, one sentence each. */
export async function readCopies({ copies }: Installation, folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const read = await Promise.all(
    copies.map(async ({ auditorUrl, bookName, region }) => {
      try {
        await dumpCopy(auditorUrl, region, folder);
        return [];
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return [`the copy of ${bookName} in ${region} was not read: ${why}`];
      }
    }),
  );
  return read.flat();
}
