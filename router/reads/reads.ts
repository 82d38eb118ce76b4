import type { Deadline } from '@grpc/grpc-js';
import { accountId, bookOf } from '../../ledger/core/account-id.ts';
import { must } from '../../ledger/core/assert.ts';
import { validateExternalId } from '../../ledger/core/validate/validate-account.ts';
import { validateSearch } from '../../ledger/core/validate/validate-filter.ts';
import {
  validateGetAccount,
  validateListEntries,
  validateStatement,
} from '../../ledger/core/validate/validate-reads.ts';
import {
  invalidArgument,
  refuseMalformed,
  type RpcError,
  topologyOutdated,
} from '../../ledger/rpc/error.ts';
import { accountPages, pageSize } from '../../ledger/rpc/page.ts';
import type { LocateAccountReply } from '../../proto/gen/meridian/internal/v1/book.ts';
import type {
  FindAccountsRequest,
  FindAccountsResponse,
  GetAccountRequest,
  GetAccountResponse,
  ListAccountsRequest,
  ListAccountsResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import type { ListAssetsRequest, ListAssetsResponse } from '../../proto/gen/meridian/v1/asset.ts';
import type {
  GetStatementRequest,
  GetStatementResponse,
  ListEntriesRequest,
  ListEntriesResponse,
  ListTransfersRequest,
  ListTransfersResponse,
} from '../../proto/gen/meridian/v1/query.ts';
import { askBooks, type Question } from '../books/ask-books.ts';
import type { Book } from '../../ledger/core/book.ts';
import type { Books } from '../books/books.ts';
import { orEarlier } from '../books/earlier-release.ts';
import type { Forward } from '../books/forward.ts';

/** Reads that one book answers, and the search for accounts. */
export class Reads {
  readonly #books: Books;
  readonly #forward: Forward;

  constructor(books: Books, forward: Forward) {
    this.#books = books;
    this.#forward = forward;
  }

  account(request: GetAccountRequest, deadline: Deadline): Promise<GetAccountResponse> {
    refuseMalformed(validateGetAccount(request));
    const book = this.#books.ofAccount(request.id, 'id');
    return this.#forward.read(book, { deadline, options: request.options }, (client, ...rest) =>
      client.getAccount(request, ...rest),
    );
  }

  async find(request: FindAccountsRequest, deadline: Deadline): Promise<FindAccountsResponse> {
    const { homeRegion, externalId } = request;
    refuseMalformed(validateExternalId(externalId));
    const books =
      homeRegion === ''
        ? this.#books.all
        : this.#books.candidates(homeRegion, externalId, 'home_region');
    const { answered, unanswered } = await askBooks(
      this.#forward,
      books.map((book) => this.#located(book, request)),
      { deadline },
    );
    const replies = [...answered.values()];
    const accounts = replies.flatMap((reply) => reply.accounts);
    for (const [{ region }, { ownedElsewhere }] of answered) {
      // Where the account is found, no other book of the region has one of that name.
      const found = accounts.some((account) => account.homeRegion === region);
      if (ownedElsewhere && !found) throw unknownOwner(externalId, region);
    }
    // "None" is certain only if every book has answered.
    if (accounts.length === 0) for (const error of unanswered.values()) throw error;
    return {
      accounts,
      positions: replies.flatMap(({ position }) => (position === undefined ? [] : [position])),
      silentBooks: [...unanswered.keys()].map(({ name }) => name),
    };
  }

  #located(book: Book, request: FindAccountsRequest): Question<LocateAccountReply> {
    const { externalId } = request;
    const regionBooks = [...this.#books.regionBooks(book.region)];
    const call = orEarlier<LocateAccountReply, FindAccountsResponse>(
      (client, ...rest) => client.locateAccount({ externalId, regionBooks }, ...rest),
      (client, ...rest) => client.findAccounts(request, ...rest),
      ({ accounts, positions: [position] }) => ({ accounts, position, ownedElsewhere: false }),
    );
    return { book, call };
  }

  /** Pages go on from book to book where a region homes several. */
  async accounts(request: ListAccountsRequest, deadline: Deadline): Promise<ListAccountsResponse> {
    const books = this.#books.inRegion(request.homeRegion, 'home_region');
    pageSize(request.pageSize);
    const tokens = accountPages(request);
    const [after] = tokens.numbers(request.pageToken, 1) ?? [];
    const place =
      after === undefined ? 0 : books.findIndex(({ number }) => number === bookOf(after));
    const book = books[place];
    if (book === undefined) {
      const description = `is not a token of ${request.homeRegion}`;
      throw invalidArgument([{ field: 'page_token', description }]);
    }
    const read = (of: Book, asked: ListAccountsRequest) =>
      this.#forward.read<ListAccountsResponse>(of, { deadline }, (client, ...rest) =>
        client.listAccounts(asked, ...rest),
      );
    const page = await read(book, request);
    if (page.nextPageToken !== '') return page;
    // The last page of the last book that has accounts is the last of all.
    for (const next of books.slice(place + 1)) {
      const { accounts } = await read(next, { ...request, pageSize: 1, pageToken: '' });
      if (accounts.length === 0) continue;
      return { ...page, nextPageToken: tokens.token([accountId(next.number, 1) - 1n]) };
    }
    return page;
  }

  entries(request: ListEntriesRequest, deadline: Deadline): Promise<ListEntriesResponse> {
    refuseMalformed(validateListEntries(request));
    pageSize(request.pageSize);
    const book = this.#books.ofAccount(request.accountId, 'account_id');
    return this.#forward.read(book, { deadline, options: request.options }, (client, ...rest) =>
      client.listEntries(request, ...rest),
    );
  }

  statement(
    request: GetStatementRequest,
    deadline: Deadline,
    signal: AbortSignal,
  ): Promise<GetStatementResponse> {
    refuseMalformed(validateStatement(request));
    pageSize(request.pageSize);
    const book = this.#books.ofAccount(request.accountId, 'account_id');
    return this.#forward.read(
      book,
      {
        deadline,
        options: request.options,
        patienceMs: this.#forward.tuning.searchPatienceMs,
        signal,
      },
      (client, ...rest) => client.getStatement(request, ...rest),
    );
  }

  transfers(
    request: ListTransfersRequest,
    deadline: Deadline,
    signal: AbortSignal,
  ): Promise<ListTransfersResponse> {
    const book = this.#searched(request);
    refuseMalformed(validateSearch(request, book.number));
    pageSize(request.pageSize);
    return this.#forward.read(
      book,
      {
        deadline,
        options: request.options,
        patienceMs: this.#forward.tuning.searchPatienceMs,
        signal,
      },
      (client, ...rest) => client.listTransfers(request, ...rest),
    );
  }

  #searched({ scope }: ListTransfersRequest): Book {
    if (scope?.$case === 'accountId') return this.#books.ofAccount(scope.value, 'account_id');
    const book = this.#books.named(scope?.value);
    if (book !== undefined) return book;
    const description = `must be one of ${this.#books.names}, or account_id must be set`;
    throw invalidArgument([{ field: 'book', description }]);
  }

  /** Asks the book with the lowest number: an asset is registered there before any other. */
  assets(request: ListAssetsRequest, deadline: Deadline): Promise<ListAssetsResponse> {
    const book = must(this.#books.all[0], 'there is a book');
    return this.#forward.read(book, { deadline }, (client, ...rest) =>
      client.listAssets(request, ...rest),
    );
  }
}

/** The name may belong to an account of a book that this router does not know. */
function unknownOwner(externalId: string, region: string): RpcError {
  const why = `${region} homes a book that this router does not know until it is restarted`;
  return topologyOutdated(`"${externalId}" cannot be looked up: ${why} with its new configuration`);
}
