import type { ListLegsReply, ListLegsRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { BookMember } from '../member/book-member.ts';
import { refuseMalformed } from '../rpc/error.ts';
import { requirePeer } from './compare-channel.ts';
import { leaderOf, outcomeOf } from './asking.ts';

/** Of the protocol between servers: as many legs of any size fit a message. */
const LIMIT_MAX = 2000;

/** The legs of a channel that this book has, for the other end, which may have lost them. */
export async function listLegs(
  member: BookMember,
  { book, name, arrived, after, limit }: ListLegsRequest,
): Promise<ListLegsReply> {
  const leader = leaderOf(member);
  requirePeer(member, book, name);
  const isLimit = limit > 0 && limit <= LIMIT_MAX;
  refuseMalformed(isLimit ? [] : [{ field: 'limit', description: `must be 1 to ${LIMIT_MAX}` }]);
  // A deposed leader might leave out what its successor has.
  await outcomeOf<void>(({ onOutcome, onFailure }) => {
    leader.proveLeading().then(onOutcome, onFailure);
  });
  const { settled: through } = leader.memory.channel(book);
  const legs = arrived
    ? await member.store.readArrivedLegs(book, Number(after), limit)
    : await member.store.readClosedLegs(book, { after: Number(after), through, limit });
  return { legs };
}
