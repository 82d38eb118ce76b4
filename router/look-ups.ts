import type { Deadline } from '@grpc/grpc-js';
import { must } from '../ledger/core/assert.ts';
import {
  validateGetAccounts,
  validateGetTransfer,
  validateGetTransfers,
  validateReadOptions,
} from '../ledger/core/validate-reads.ts';
import { refuseMalformed } from '../ledger/rpc/error.ts';
import { inOrderAsked } from '../ledger/rpc/in-order-asked.ts';
import type { GetAccountsRequest, GetAccountsResponse } from '../proto/gen/meridian/v1/account.ts';
import type {
  GetTransferRequest,
  GetTransferResponse,
  GetTransfersRequest,
  GetTransfersResponse,
} from '../proto/gen/meridian/v1/transfer.ts';
import { askBooks, type Question } from './ask-books.ts';
import type { Book, Books } from './books.ts';
import type { Forward } from './forward.ts';

/** Look-ups that go to several books, and their answers put together. */
export class LookUps {
  readonly #books: Books;
  readonly #forward: Forward;

  constructor(books: Books, forward: Forward) {
    this.#books = books;
    this.#forward = forward;
  }

  /** UNAVAILABLE: only its own book can say whether an account exists, and one is silent. */
  async accounts(request: GetAccountsRequest, deadline: Deadline): Promise<GetAccountsResponse> {
    refuseMalformed(validateGetAccounts(request));
    const { ids, options } = request;
    const byBook = Map.groupBy(
      ids.map((id, index) => ({ id, book: this.#books.ofAccount(id, `ids[${index}]`) })),
      ({ book }) => book,
    );
    // All of them are needed, so each has the caller's whole time.
    const responses = await Promise.all(
      [...byBook].map(([book, asked]) => {
        const part = { ids: asked.map(({ id }) => id), options };
        return this.#forward.read<GetAccountsResponse>(
          book,
          { deadline, options },
          (client, ...rest) => client.getAccounts(part, ...rest),
        );
      }),
    );
    const found = new Map(
      responses.flatMap(({ accounts }) => accounts.map((account) => [account.id, account])),
    );
    return {
      ...inOrderAsked(ids, found),
      positions: responses.flatMap(({ positions }) => positions),
    };
  }

  /** UNAVAILABLE: no book that answered has seen it, and one is silent. */
  async transfer(request: GetTransferRequest, deadline: Deadline): Promise<GetTransferResponse> {
    refuseMalformed([...validateGetTransfer(request), ...validateReadOptions(request.options)]);
    const books = this.#mayKnow(request, 'debit_account_id');
    const { heard, silent } = await askBooks(
      this.#forward,
      books.map((book): Question<GetTransferResponse> => {
        return { book, call: (client, ...rest) => client.getTransfer(request, ...rest) };
      }),
      { deadline, options: request.options },
    );
    const positions = [...heard.values()].flatMap((response) => response.positions);
    return { ...decided(books, heard, silent), positions };
  }

  /** UNAVAILABLE: as for one. */
  async transfers(
    { transfers, options }: GetTransfersRequest,
    deadline: Deadline,
  ): Promise<GetTransfersResponse> {
    refuseMalformed(validateGetTransfers({ transfers, options }));
    const asked = transfers.map((transfer, index) => ({
      transfer,
      books: this.#mayKnow(transfer, `transfers[${index}].debit_account_id`),
      answers: new Map<Book, GetTransferResponse>(),
    }));
    const byBook = Map.groupBy(
      asked.flatMap((each) => each.books.map((book) => ({ book, each }))),
      ({ book }) => book,
    );
    const questions = [...byBook].map(([book, part]): Question<GetTransfersResponse> => {
      const request = { transfers: part.map(({ each }) => each.transfer), options };
      return { book, call: (client, ...rest) => client.getTransfers(request, ...rest) };
    });
    const { heard, silent } = await askBooks(this.#forward, questions, { deadline, options });
    for (const [book, response] of heard) {
      for (const [place, { each }] of (byBook.get(book) ?? []).entries()) {
        each.answers.set(book, must(response.transfers[place], 'every look-up is answered'));
      }
    }
    return {
      transfers: asked.map(({ books, answers }) => decided(books, answers, silent)),
      positions: [...heard.values()].flatMap((response) => response.positions),
    };
  }

  /** Books that may have decided it: that of the debit account, or any. */
  #mayKnow({ debitAccountId }: GetTransferRequest, field: string): readonly Book[] {
    return debitAccountId === 0n ? this.#books.all : [this.#books.ofAccount(debitAccountId, field)];
  }
}

/** What became of a transfer: the answer of the first book that knows it. */
function decided(
  books: readonly Book[],
  answers: ReadonlyMap<Book, GetTransferResponse>,
  silent: ReadonlyMap<Book, Error>,
): GetTransferResponse {
  for (const book of books) {
    const answer = answers.get(book);
    if (answer?.found === true) return { ...answer, positions: [] };
  }
  // "Never seen" may be said only if every book has said so.
  for (const book of books) {
    const error = silent.get(book);
    if (error !== undefined) throw error;
  }
  return { found: false, transfer: undefined, positions: [] };
}
