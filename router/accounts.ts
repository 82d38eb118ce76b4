import type { Deadline } from '@grpc/grpc-js';
import { accountId, bookOf } from '../ledger/core/account-id.ts';
import { must } from '../ledger/core/assert.ts';
import {
  type FieldViolation,
  validateAll,
  validateExternalId,
  validateOpening,
} from '../ledger/core/validate.ts';
import { invalidArgument } from '../ledger/rpc/error.ts';
import { nextPageToken, pageSize, pageStart } from '../ledger/rpc/page.ts';
import type {
  FindAccountsRequest,
  FindAccountsResponse,
  GetAccountRequest,
  GetAccountResponse,
  GetTransferRequest,
  GetTransferResponse,
  ListAccountsRequest,
  ListAccountsResponse,
  ListEntriesRequest,
  ListEntriesResponse,
  OpenAccountRequest,
  OpenAccountResponse,
  OpenAccountsResponse,
} from '../proto/gen/meridian/v1/ledger.ts';
import type { Book, Books } from './books.ts';
import type { ClientCall, Forward } from './forward.ts';

/** How long a book of several may take to answer. */
const SILENCE_MS = 2_000;

const soonest = (deadline: Deadline, other: number) => Math.min(Number(deadline), other);

/** Everything of the public API that is not the making of transfers. */
export class Accounts {
  readonly #books: Books;
  readonly #forward: Forward;

  constructor(books: Books, forward: Forward) {
    this.#books = books;
    this.#forward = forward;
  }

  /** One account; faults as for many. */
  async openOne(request: OpenAccountRequest, deadline: Deadline): Promise<OpenAccountResponse> {
    const violations = this.#validate(request);
    if (violations.length > 0) throw invalidArgument(violations);
    const [response] = await this.#openValid([request], deadline);
    return must(response, 'a call with one account has one response');
  }

  /** One response for each request, in the same order. INVALID_ARGUMENT: none was opened. */
  open(
    requests: readonly OpenAccountRequest[],
    deadline: Deadline,
  ): Promise<OpenAccountResponse[]> {
    const violations = validateAll(requests, 'accounts', (request) => this.#validate(request));
    if (violations.length > 0) return Promise.reject(invalidArgument(violations));
    return this.#openValid(requests, deadline);
  }

  #validate(request: OpenAccountRequest): FieldViolation[] {
    const violations = validateOpening(request);
    const unknown = this.#books.unknownRegion(request.homeRegion);
    return unknown === undefined
      ? violations
      : [...violations, { field: 'home_region', description: unknown }];
  }

  async #openValid(
    requests: readonly OpenAccountRequest[],
    deadline: Deadline,
  ): Promise<OpenAccountResponse[]> {
    const responses: OpenAccountResponse[] = Array.from({ length: requests.length });
    const byBook = Map.groupBy(requests.entries(), ([, { homeRegion, externalId }]) =>
      this.#books.forAccount(homeRegion, externalId, 'home_region'),
    );
    const open = async (book: Book, asked: readonly (readonly [number, OpenAccountRequest])[]) => {
      const request = { accounts: asked.map(([, item]) => item) };
      const opened = await this.#forward.call<OpenAccountsResponse>(
        book,
        deadline,
        (client, ...rest) => client.openAccounts(request, ...rest),
      );
      for (const [place, [index]] of asked.entries()) {
        responses[index] = must(opened.accounts[place], 'every opening is answered');
      }
    };
    await Promise.all([...byBook].map(([book, asked]) => open(book, asked)));
    return responses;
  }

  get(request: GetAccountRequest, deadline: Deadline): Promise<GetAccountResponse> {
    const book = this.#books.ofAccount(request.id, 'id');
    return this.#forward.call(book, deadline, (client, ...rest) =>
      client.getAccount(request, ...rest),
    );
  }

  async find(request: FindAccountsRequest, deadline: Deadline): Promise<FindAccountsResponse> {
    const { homeRegion, externalId } = request;
    const violations = validateExternalId(externalId);
    if (violations.length > 0) throw invalidArgument(violations);
    const books =
      homeRegion === ''
        ? this.#books.all
        : [this.#books.forAccount(homeRegion, externalId, 'home_region')];
    const { heard, silent } = await this.#askAll<FindAccountsResponse>(
      books,
      deadline,
      (client, ...rest) => client.findAccounts(request, ...rest),
    );
    const accounts = heard.flatMap((response) => response.accounts);
    // That there is none may be said only if every book has said so.
    if (accounts.length === 0 && silent !== undefined) throw silent;
    return { accounts, positions: heard.flatMap((response) => response.positions) };
  }

  /** Pages go on from book to book where a region homes several. */
  async list(request: ListAccountsRequest, deadline: Deadline): Promise<ListAccountsResponse> {
    const books = this.#books.inRegion(request.homeRegion, 'home_region');
    pageSize(request.pageSize);
    const after = pageStart(request.pageToken);
    const place =
      after === undefined ? 0 : books.findIndex(({ number }) => number === bookOf(after));
    const book = books[place];
    if (book === undefined) {
      const description = `is not a token of ${request.homeRegion}`;
      throw invalidArgument([{ field: 'page_token', description }]);
    }
    const page = await this.#forward.call<ListAccountsResponse>(book, deadline, (client, ...rest) =>
      client.listAccounts(request, ...rest),
    );
    const next = books[place + 1];
    if (page.nextPageToken !== '' || next === undefined) return page;
    const token = nextPageToken(accountId(next.number, 1) - 1n, 1, 1);
    return { ...page, nextPageToken: token };
  }

  entries(request: ListEntriesRequest, deadline: Deadline): Promise<ListEntriesResponse> {
    const book = this.#books.ofAccount(request.accountId, 'account_id');
    return this.#forward.call(book, deadline, (client, ...rest) =>
      client.listEntries(request, ...rest),
    );
  }

  /** Asks the book of the debit account, or every book: the key is decided in one of them. */
  async transfer(request: GetTransferRequest, deadline: Deadline): Promise<GetTransferResponse> {
    const { debitAccountId } = request;
    const books =
      debitAccountId === 0n
        ? this.#books.all
        : [this.#books.ofAccount(debitAccountId, 'debit_account_id')];
    const { heard, silent } = await this.#askAll<GetTransferResponse>(
      books,
      deadline,
      (client, ...rest) => client.getTransfer(request, ...rest),
    );
    const positions = heard.flatMap((response) => response.positions);
    const found = heard.find((response) => response.found);
    if (found !== undefined) return { ...found, positions };
    // "Never seen" may be said only if every book has said so.
    if (silent !== undefined) throw silent;
    return { found: false, transfer: undefined, positions };
  }

  /**
   * Asks several books the same. A region that does not answer must not keep the others'
   * answers back: of several books each has a short time.
   */
  async #askAll<Response>(
    books: readonly Book[],
    deadline: Deadline,
    call: ClientCall<Response>,
  ): Promise<{ heard: Response[]; silent: Error | undefined }> {
    const until = books.length === 1 ? deadline : soonest(deadline, Date.now() + SILENCE_MS);
    const answers = await Promise.allSettled(
      books.map((book) => this.#forward.call(book, until, call)),
    );
    const silent = answers.find((answer) => answer.status === 'rejected');
    return {
      heard: answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
      silent: silent?.reason instanceof Error ? silent.reason : undefined,
    };
  }
}
