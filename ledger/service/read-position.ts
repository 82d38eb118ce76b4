import {
  type Position,
  ReadLevel,
  type ReadOptions,
} from '../../proto/gen/meridian/v1/position.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import type { BookMember, MemberConfig } from '../leader/book-member.ts';
import { LedgerFault } from '../leader/ledger-fault.ts';
import { aborted, type RpcError, unavailable } from '../rpc/error.ts';
import { readPosition } from '../store/read-position.ts';

/** What reads need of a member of a book. */
export interface ReadMember extends Pick<BookMember, 'sql' | 'leader'> {
  readonly config: Pick<MemberConfig, 'book'>;
}

/**
 * A position that whatever is read from now on is at least as new as, at the level that a
 * request asks for.
 *
 * UNAVAILABLE: this server may not answer at that level, or has not come as far as asked.
 * ABORTED: it has been deposed.
 */
export async function positionFor(
  member: ReadMember,
  options: ReadOptions | undefined,
): Promise<Position> {
  const { level = ReadLevel.UNSPECIFIED, minPosition } = options ?? {};
  const position = await positionAt(member, level);
  if (minPosition?.book === position.book) notBehind(member, position, minPosition.seq);
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

/** Throws UNAVAILABLE if the book has not come as far as `seq`. */
export function notBehind(member: ReadMember, position: Position, seq: bigint): void {
  if (seq <= position.seq) return;
  const { name } = member.config.book;
  throw unavailable('BEHIND', `${name} has come to ${position.seq}, not to ${seq} yet`, 200);
}

async function positionAt(member: ReadMember, level: ReadLevel): Promise<Position> {
  const { leader } = member;
  if (leader === undefined) {
    const copy = level === ReadLevel.STALE ? await readPosition(member.sql) : undefined;
    if (copy === undefined) throw notLeading(member);
    return copy;
  }
  if (level === ReadLevel.LINEARIZABLE) await prove(leader);
  const { epoch, seq } = leader.memory;
  return { book: member.config.book.number, epoch: BigInt(epoch), seq: BigInt(seq) };
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
