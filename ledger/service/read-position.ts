import {
  type Position,
  ReadLevel,
  type ReadOptions,
} from '../../proto/gen/meridian/v1/position.ts';
import type { BookMember } from '../leader/book-member.ts';
import { LedgerFault } from '../leader/ledger-fault.ts';
import { aborted, type RpcError, unavailable } from '../rpc/error.ts';
import { readPosition } from '../store/read-position.ts';

/**
 * A position that whatever is read from now on is at least as new as, at the level that a
 * request asks for.
 *
 * UNAVAILABLE: this server may not answer at that level, or has not come as far as asked.
 * ABORTED: it has been deposed.
 */
export async function positionFor(
  member: BookMember,
  options: ReadOptions | undefined,
): Promise<Position> {
  const { level = ReadLevel.UNSPECIFIED, minPosition } = options ?? {};
  const position = await positionAt(member, level);
  if (minPosition?.book === position.book) notBehind(member, position, minPosition.seq);
  return position;
}

/** Throws UNAVAILABLE if the book has not come as far as `seq`. */
export function notBehind(member: BookMember, position: Position, seq: bigint): void {
  if (seq <= position.seq) return;
  const { name } = member.config.book;
  throw unavailable('BEHIND', `${name} has come to ${position.seq}, not to ${seq} yet`, 200);
}

async function positionAt(member: BookMember, level: ReadLevel): Promise<Position> {
  const { leader } = member;
  if (leader === undefined) {
    const copy = level === ReadLevel.STALE ? await readPosition(member.sql) : undefined;
    if (copy === undefined) throw notLeading(member);
    return copy;
  }
  if (level === ReadLevel.LINEARIZABLE) {
    try {
      await leader.proveLeading();
    } catch (error) {
      if (error instanceof LedgerFault) throw aborted(error.message, 100);
      throw error;
    }
  }
  const { epoch, seq } = leader.memory;
  return { book: member.config.book.number, epoch: BigInt(epoch), seq: BigInt(seq) };
}

function notLeading(member: BookMember): RpcError {
  return unavailable('NOT_LEADER', `this server does not lead ${member.config.book.name}`, 100);
}
