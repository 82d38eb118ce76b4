import type { Deadline } from '@grpc/grpc-js';
import { decidingAccountOf } from '../../ledger/core/validate/validate-transfer.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
  CreateTransfersResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import type { Books } from '../books/books.ts';
import { askByBook } from '../books/by-book.ts';
import type { Forward } from '../books/forward.ts';

/** Asks for the outcomes that transfers would have, book by book. */
export class ForwardedDryRuns {
  readonly #books: Books;
  readonly #forward: Forward;

  constructor(books: Books, forward: Forward) {
    this.#books = books;
    this.#forward = forward;
  }

  /** One result for each request, in the same order. */
  create(
    requests: readonly CreateTransferRequest[],
    deadline: Deadline,
  ): Promise<CreateTransferResponse[]> {
    return askByBook(
      requests,
      (request) => this.#books.ofAccount(decidingAccountOf(request), 'debit_account_id'),
      async (book, transfers) => {
        const answered = await this.#forward.rehearse<CreateTransfersResponse>(
          book,
          deadline,
          (client, ...rest) => client.dryRun({ transfers }, ...rest),
        );
        return answered.results;
      },
    );
  }
}
