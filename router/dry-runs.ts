import type { Deadline } from '@grpc/grpc-js';
import { must } from '../ledger/core/assert.ts';
import { decidingAccountOf } from '../ledger/core/validate-transfer.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
  CreateTransfersResponse,
} from '../proto/gen/meridian/v1/transfer.ts';
import type { Book, Books } from './books.ts';
import type { Forward } from './forward.ts';

type Numbered = readonly [number, CreateTransferRequest];

/** Asks what transfers would come to, book by book. */
export class DryRuns {
  readonly #books: Books;
  readonly #forward: Forward;

  constructor(books: Books, forward: Forward) {
    this.#books = books;
    this.#forward = forward;
  }

  /** One result for each request, in the same order. */
  async create(
    requests: readonly CreateTransferRequest[],
    deadline: Deadline,
  ): Promise<CreateTransferResponse[]> {
    const results: CreateTransferResponse[] = Array.from({ length: requests.length });
    const byBook = Map.groupBy(requests.entries(), ([, request]) =>
      this.#books.ofAccount(decidingAccountOf(request), 'debit_account_id'),
    );
    const ask = async (book: Book, asked: readonly Numbered[]) => {
      const request = { transfers: asked.map(([, item]) => item) };
      const answered = await this.#forward.call<CreateTransfersResponse>(
        book,
        deadline,
        (client, ...rest) => client.dryRun(request, ...rest),
      );
      for (const [place, [index]] of asked.entries()) {
        results[index] = must(answered.results[place], 'every dry run is answered');
      }
    };
    await Promise.all([...byBook].map(([book, asked]) => ask(book, asked)));
    return results;
  }
}
