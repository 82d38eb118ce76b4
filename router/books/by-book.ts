import { must } from '../../ledger/core/assert.ts';
import type { Book } from '../../ledger/core/book.ts';

/**
 * Asks each book for its share of some requests, all books at once. The answers stand in the
 * order of the requests; if one book fails, all does.
 *
 * @param ask answers one for each request, in the same order
 */
export async function askByBook<Request, Response>(
  requests: readonly Request[],
  bookOf: (request: Request) => Book,
  ask: (book: Book, requests: Request[]) => Promise<readonly Response[]>,
): Promise<Response[]> {
  const responses: Response[] = Array.from({ length: requests.length });
  const byBook = Map.groupBy(requests.entries(), ([, request]) => bookOf(request));
  await Promise.all(
    [...byBook].map(async ([book, asked]) => {
      const answers = await ask(
        book,
        asked.map(([, request]) => request),
      );
      for (const [place, [index]] of asked.entries()) {
        responses[index] = must(answers[place], `${book.name} answers every request`);
      }
    }),
  );
  return responses;
}
