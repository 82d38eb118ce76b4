import type { Leaders } from '../ledger/rpc/leaders.ts';
import type { ListBooksResponse } from '../proto/gen/meridian/v1/book.ts';
import type { Books } from './books.ts';

/** Every book, and what the server that leads it has last said of itself. */
export function listBooks(books: Books, leaders: Leaders): ListBooksResponse {
  return {
    books: books.all.map(({ number, name, region: homeRegion }) => {
      const leader = leaders.leaderOf(number);
      return {
        number,
        name,
        homeRegion,
        epoch: BigInt(leader?.epoch ?? 0),
        leaderRegion: leader?.region ?? '',
        clockAlarm: leader?.clockAlarm ?? '',
      };
    }),
  };
}
