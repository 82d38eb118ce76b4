import type { Deadline } from '@grpc/grpc-js';
import { must } from '../ledger/core/assert.ts';
import { validateDryRun } from '../ledger/core/validate-dry-run.ts';
import { type FieldViolation, validateAll } from '../ledger/core/validate.ts';
import { validateOpening } from '../ledger/core/validate-account.ts';
import { invalidArgument } from '../ledger/rpc/error.ts';
import type {
  OpenAccountRequest,
  OpenAccountResponse,
  OpenAccountsResponse,
} from '../proto/gen/meridian/v1/account.ts';
import type { Book, Books } from './books.ts';
import type { Forward } from './forward.ts';

/** Openings of accounts. */
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
    const violations = [
      ...validateAll(requests, 'accounts', (request) => this.#validate(request)),
      ...validateDryRun(requests, 'accounts'),
    ];
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
}
