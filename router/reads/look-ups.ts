import { type Deadline, status } from '@grpc/grpc-js';
import { must } from '../../ledger/core/assert.ts';
import {
  validateGetAccounts,
  validateGetTransfer,
  validateGetTransfers,
  validateReadOptions,
} from '../../ledger/core/validate/validate-reads.ts';
import {
  ambiguousKey,
  booksSilent,
  type Candidate,
  refuseMalformed,
  RpcError,
} from '../../ledger/rpc/error.ts';
import { inOrderAsked } from '../../ledger/rpc/in-order-asked.ts';
import type {
  GetAccountsRequest,
  GetAccountsResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import type {
  GetTransferRequest,
  GetTransferResponse,
  GetTransfersRequest,
  GetTransfersResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { askBooks, type Question } from '../books/ask-books.ts';
import type { Book } from '../../ledger/core/book.ts';
import type { Books } from '../books/books.ts';
import type { Forward } from '../books/forward.ts';

/** Look-ups that go to several books, and their answers put together. */
export class LookUps {
  readonly #books: Books;
  readonly #forward: Forward;

  constructor(books: Books, forward: Forward) {
    this.#books = books;
    this.#forward = forward;
  }

  /** UNAVAILABLE: only its own book knows whether an account exists, and one did not answer. */
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

  /** FAILED_PRECONDITION: several books have one of that name. UNAVAILABLE: one did not answer. */
  async transfer(asked: GetTransferRequest, deadline: Deadline): Promise<GetTransferResponse> {
    const request = withCanonicalId(asked);
    refuseMalformed([...validateGetTransfer(request), ...validateReadOptions(request.options)]);
    const books = this.#mayKnow(request, 'debit_account_id');
    const { answered, unanswered } = await askBooks(
      this.#forward,
      books.map((book): Question<GetTransferResponse> => {
        return { book, call: (client, ...rest) => client.getTransfer(request, ...rest) };
      }),
      { deadline, options: request.options },
    );
    const positions = [...answered.values()].flatMap((response) => response.positions);
    const field = request.by?.$case === 'transferId' ? 'transfer_id' : 'idempotency_key';
    const [response] = decided([{ field, books, answers: answered }], unanswered);
    return { ...must(response, 'one look-up has one answer'), positions };
  }

  /** Failures as for one; the details name each look-up that is ambiguous. */
  async transfers(
    { transfers: wanted, options }: GetTransfersRequest,
    deadline: Deadline,
  ): Promise<GetTransfersResponse> {
    const transfers = wanted.map(withCanonicalId);
    refuseMalformed(validateGetTransfers({ transfers, options }));
    const asked = transfers.map((transfer, index) => ({
      transfer,
      field: `transfers[${index}]`,
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
    const { answered, unanswered } = await askBooks(this.#forward, questions, {
      deadline,
      options,
    });
    for (const [book, response] of answered) {
      for (const [place, { each }] of (byBook.get(book) ?? []).entries()) {
        each.answers.set(book, must(response.transfers[place], 'every look-up is answered'));
      }
    }
    return {
      transfers: decided(asked, unanswered),
      positions: [...answered.values()].flatMap((response) => response.positions),
    };
  }

  /** Books that may have decided it: that of the debit account, or any. */
  #mayKnow({ debitAccountId }: GetTransferRequest, field: string): readonly Book[] {
    return debitAccountId === 0n ? this.#books.all : [this.#books.ofAccount(debitAccountId, field)];
  }
}

/** An id is the same in every case. */
function withCanonicalId(request: GetTransferRequest): GetTransferRequest {
  const { by } = request;
  if (by?.$case !== 'transferId') return request;
  return { ...request, by: { $case: 'transferId', value: by.value.toLowerCase() } };
}

/** The answers to one look-up, and the field of the request that names it. */
interface LookedUp {
  readonly field: string;
  readonly books: readonly Book[];
  readonly answers: ReadonlyMap<Book, GetTransferResponse>;
}

/**
 * Returns each transfer. A key belongs to the book of its payer, so that one name can
 * stand for a transfer in each book. Only if every book that may have it has answered, and one
 * has it at most, the answer is certain to concern the transfer that the caller means.
 *
 * FAILED_PRECONDITION: several books have one of them. UNAVAILABLE: a book did not answer.
 */
function decided(
  lookedUp: readonly LookedUp[],
  unanswered: ReadonlyMap<Book, Error>,
): GetTransferResponse[] {
  const candidates: Candidate[] = [];
  const responses = lookedUp.map(({ field, books, answers }): GetTransferResponse => {
    const found = books.filter((book) => answers.get(book)?.found === true);
    const [first] = found;
    const answer = first === undefined ? undefined : answers.get(first);
    if (found.length > 1) {
      for (const book of found) {
        const payer = answers.get(book)?.transfer?.debitAccountId ?? 0n;
        candidates.push({ field, book: book.name, payer });
      }
    }
    return { found: false, transfer: undefined, ...answer, positions: [] };
  });
  // Whatever the books without an answer know, several transfers of one name stay several.
  if (candidates.length > 0) throw ambiguousKey(candidates);
  refuseUnanswered(lookedUp, unanswered);
  return responses;
}

/** Throws if a book that may have one of the transfers did not answer. */
function refuseUnanswered(
  lookedUp: readonly LookedUp[],
  unanswered: ReadonlyMap<Book, Error>,
): void {
  if (unanswered.size === 0) return;
  const asked = new Set(lookedUp.flatMap(({ books }) => books));
  const missing = [...unanswered.keys()].filter((book) => asked.has(book));
  for (const book of missing) {
    const error = must(unanswered.get(book), 'a book without an answer has its error');
    // The error of the only book asked is passed on; so is that of one that refuses the request.
    const isLost = error instanceof RpcError && error.code === status.UNAVAILABLE;
    if (!isLost || lookedUp.every(({ books }) => books.length === 1)) throw error;
  }
  throw booksSilent(
    missing.map(({ name }) => name),
    'it may have a transfer of the same key; set debit_account_id to ask one book only',
  );
}
