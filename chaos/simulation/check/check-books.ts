import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import type { SimBook } from '../../../ledger/testing/books/sim-book.ts';
import { checkInFlight, JournalFold } from '../../../ledger/testing/books/invariants.ts';
import { standInFor } from '../../stand-in-for.ts';
import { batchesOf, describeRow, type SimulatedJournal } from './simulated-journal.ts';
import type { BrokenInvariant } from './broken-invariant.ts';

/**
 * Decides from the journals of the leaders that survived: I1, I2, I3, I6, I7, I9, I10, I11, I17.
 */
export function checkBooks(books: readonly SimulatedJournal[]): BrokenInvariant[] {
  const found: BrokenInvariant[] = [];
  const folds = new Map<number, JournalFold>();
  for (const book of books) {
    const fold = new JournalFold();
    folds.set(book.number, fold);
    attempt(found, book, () => {
      for (const batch of batchesOf(book)) fold.take(batch);
      fold.checkZero();
    });
    found.push(...checkOrigins(book));
  }
  for (const from of books) {
    for (const to of books) {
      const sender = folds.get(from.number);
      const receiver = folds.get(to.number);
      if (from === to || sender === undefined || receiver === undefined) continue;
      found.push(...checkChannel(from, to));
      attempt(found, from, () => {
        checkInFlight([asSimBook(from), sender], [asSimBook(to), receiver]);
      });
      const sides = [asSimBook(from), asSimBook(to), 'EUR'] as const;
      const flying = sender.transitBalance(...sides) + receiver.transitBalance(...sides);
      if (flying !== 0n) {
        const what = `${flying} is still in transit from ${from.name} to ${to.name}`;
        found.push({ invariant: 'I2', what, evidence: channelLines(from, to) });
      }
    }
  }
  return found;
}

/** `transitBalance` and `checkInFlight` use only name and number. */
const asSimBook = ({ number, name }: SimulatedJournal) => standInFor<SimBook>({ number, name });

function attempt(
  found: BrokenInvariant[],
  { name, rows }: SimulatedJournal,
  check: () => void,
): void {
  try {
    check();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const seq = Number(/\b(?:row|seq) (\d+)/u.exec(what)?.[1] ?? rows.length);
    found.push({
      invariant: /\bI\d+\b/u.exec(what)?.[0] ?? 'I25',
      what: `${name}: ${what}`,
      evidence: rows
        .filter(({ row }) => Math.abs(row.seq - seq) <= 2)
        .map(({ row }) => describeRow(row)),
    });
  }
}

/** I3: each leg of another book is applied or refused once, under any number. */
function checkOrigins({ name, rows }: SimulatedJournal): BrokenInvariant[] {
  const seen = new Map<string, JournalRow>();
  const found: BrokenInvariant[] = [];
  for (const { row } of rows) {
    if (row.kind !== RowKind.settlement) continue;
    const place = `${row.peer?.book} ${row.originId}`;
    const before = seen.get(place);
    seen.set(place, row);
    if (before === undefined) continue;
    found.push({
      invariant: 'I3',
      what: `${name} has settled ${row.originId} twice`,
      evidence: [describeRow(before), describeRow(row)],
    });
  }
  return found;
}

/** I3: nothing is applied that was not sent, and the cursors agree at rest. */
function checkChannel(from: SimulatedJournal, to: SimulatedJournal): BrokenInvariant[] {
  const { sent = 0, settled = 0 } = from.memory.channels.get(to.number) ?? {};
  const { applied = 0 } = to.memory.channels.get(from.number) ?? {};
  const numbers = `${sent} sent, ${applied} applied, ${settled} settled`;
  if (sent === applied && applied === settled) return [];
  return [
    {
      invariant: 'I3',
      what: `the channel from ${from.name} to ${to.name} does not balance: ${numbers}`,
      evidence: channelLines(from, to),
    },
  ];
}

function lastLegs({ name, rows }: SimulatedJournal, peer: number): string[] {
  const legs = rows.filter(({ row }) => row.peer?.book === peer);
  return legs.slice(-4).map(({ row }) => `${name} ${describeRow(row)}`);
}

function channelLines(from: SimulatedJournal, to: SimulatedJournal): string[] {
  return [...lastLegs(from, to.number), ...lastLegs(to, from.number)];
}
