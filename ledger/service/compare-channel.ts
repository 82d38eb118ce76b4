import type {
  CompareChannelReply,
  CompareChannelRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import type { BookMember } from '../member/book-member.ts';
import type { Logger } from '../logger.ts';
import { invalidArgument } from '../rpc/error.ts';
import { compare, endOf, viewOf } from '../settlement/compare.ts';
import { leaderOf, outcomeFrom } from './asking.ts';

/**
 * Compares a channel with its other end, which asks. What this book has is reported only after a
 * commit that proves that this server still leads it: a deposed leader would remember too little.
 */
export async function compareChannel(
  member: BookMember,
  log: Logger,
  { book, name, view }: CompareChannelRequest,
): Promise<CompareChannelReply> {
  const leader = leaderOf(member);
  if (view === undefined) throw invalidArgument([{ field: 'view', description: 'must be set' }]);
  requirePeer(member, book, name);
  const { store } = member;
  const comparing = leader
    .proveLeading()
    .then(() => compare({ store, leader, log }, book, endOf(view)));
  const { arrivedHash } = await outcomeFrom(comparing);
  return { view: viewOf(leader.memory.channel(book), arrivedHash) };
}

/** Throws INVALID_ARGUMENT if the other end is no other book of this installation. */
export function requirePeer({ config }: BookMember, book: number, name: string): void {
  const peer = config.books.find(({ number }) => number === book);
  if (peer?.name === name && book !== config.book.number) return;
  const description = `${name} (${book}) is no other book of this installation`;
  throw invalidArgument([{ field: 'book', description }]);
}
