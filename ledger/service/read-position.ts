import {
  type Position,
  ReadLevel,
  type ReadOptions,
} from '../../proto/gen/meridian/v1/position.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import type { BookMember, MemberConfig } from '../leader/book-member.ts';
import { LedgerFault } from '../leader/ledger-fault.ts';
import { aborted, behind, type RpcError, unavailable } from '../rpc/error.ts';
import { readPosition } from '../store/read-position.ts';
import { caughtUp } from './catch-up.ts';

/** What reads need of a member of a book. */
export interface ReadMember extends Pick<BookMember, 'sql' | 'leader'> {
  readonly config: Pick<MemberConfig, 'book' | 'address' | 'replicated'>;
}

/**
 * A position that whatever is read from now on is at least as new as, at the level that a
 * request asks for, and not before the seq `notBefore` of the book.
 *
 * UNAVAILABLE: this server may not answer at that level, or has not come as far as asked.
 * ABORTED: it has been deposed.
 */
export async function positionFor(
  member: ReadMember,
  options: ReadOptions | undefined,
  notBefore = 0n,
): Promise<Position> {
  const { level = ReadLevel.UNSPECIFIED, minPosition } = options ?? {};
  const { book } = member.config;
  const bound = minPosition?.book === book.number ? minPosition.seq : 0n;
  const asked = bound > notBefore ? bound : notBefore;
  const position = await caughtUp(
    () => positionAt(member, level),
    ({ seq }) => seq >= asked,
  );
  if (position.seq < asked) throw behind(book.name, position.seq, asked);
  return position;
}

/**
 * Resolves once all is committed that will ever have been decided at or before a time, so that
 * a read as of that time gives the same for ever. A batch has its time before it is committed;
 * what is newer than the newest commit may be on its way.
 */
export async function pastIsFinal(member: ReadMember, micros: bigint): Promise<void> {
  const { leader } = member;
  if (leader === undefined || micros < BigInt(leader.memory.atMicros)) return;
  await prove(leader);
}

async function positionAt(member: ReadMember, level: ReadLevel): Promise<Position> {
  const { leader } = member;
  if (leader === undefined) {
    const copy = level === ReadLevel.STALE ? await readCopy(member) : undefined;
    if (copy === undefined) throw notLeading(member);
    return copy;
  }
  if (level === ReadLevel.LINEARIZABLE) await prove(leader);
  const { epoch, seq } = leader.memory;
  return { book: member.config.book.number, epoch: BigInt(epoch), seq: BigInt(seq) };
}

/**
 * Where this copy ends; undefined if it may not be read. A primary that nobody leads may have
 * commits that no second region has. So may a standby whose newest take-over is this server's
 * own: it was the primary, and knows of no other since.
 */
async function readCopy({ sql, config }: ReadMember): Promise<Position | undefined> {
  const copy = await readPosition(sql);
  if (copy === undefined) return undefined;
  const { book, epoch, seq, leader, standby } = copy;
  const trusted = !config.replicated || (standby && leader !== config.address);
  return trusted ? { book, epoch, seq } : undefined;
}

async function prove(leader: BookLeader): Promise<void> {
  try {
    await leader.proveLeading();
  } catch (error) {
    if (error instanceof LedgerFault) throw aborted(error.message, 100);
    throw error;
  }
}

function notLeading(member: ReadMember): RpcError {
  return unavailable('NOT_LEADER', `this server does not lead ${member.config.book.name}`, 100);
}
