import type { Deadline } from '@grpc/grpc-js';
import { must } from '../ledger/core/assert.ts';
import { validateDryRun } from '../ledger/core/validate/validate-dry-run.ts';
import { type FieldViolation, validateAll } from '../ledger/core/validate/validate.ts';
import { validateOpening } from '../ledger/core/validate/validate-account.ts';
import { refuseMalformed } from '../ledger/rpc/error.ts';
import type {
  OpenAccountRequest,
  OpenAccountResponse,
  OpenAccountsResponse,
} from '../proto/gen/meridian/v1/account.ts';
import type { Books } from './books/books.ts';
import { askByBook } from './books/by-book.ts';
import type { Forward } from './books/forward.ts';
import type { ClientCall } from './books/client-call.ts';

/** Openings of accounts. */
export class Accounts {
  readonly #books: Books;
  readonly #forward: Forward;

  constructor(books: Books, forward: Forward) {
    this.#books = books;
    this.#forward = forward;
  }

  /** One account; failures as for many. */
  async openOne(request: OpenAccountRequest, deadline: Deadline): Promise<OpenAccountResponse> {
    refuseMalformed(this.#validate(request));
    const [response] = await this.#openValid([request], deadline);
    return must(response, 'a call with one account has one response');
  }

  /** One response for each request, in the same order. INVALID_ARGUMENT: none was opened. */
  async open(
    requests: readonly OpenAccountRequest[],
    deadline: Deadline,
  ): Promise<OpenAccountResponse[]> {
    refuseMalformed([
      ...validateAll(requests, 'accounts', (request) => this.#validate(request)),
      ...validateDryRun(requests, 'accounts'),
    ]);
    return this.#openValid(requests, deadline);
  }

  #validate(request: OpenAccountRequest): FieldViolation[] {
    const violations = validateOpening(request);
    const unknown = this.#books.unknownRegion(request.homeRegion);
    return unknown === undefined
      ? violations
      : [...violations, { field: 'home_region', description: unknown }];
  }

  #openValid(
    requests: readonly OpenAccountRequest[],
    deadline: Deadline,
  ): Promise<OpenAccountResponse[]> {
    return askByBook(
      requests,
      ({ homeRegion, externalId }) => this.#books.forAccount(homeRegion, externalId, 'home_region'),
      async (book, accounts) => {
        let resent = false;
        const open: ClientCall<OpenAccountsResponse> = (client, ...rest) =>
          client.openAccounts({ accounts }, ...rest);
        const opened =
          accounts[0]?.dryRun === true
            ? await this.#forward.rehearse(book, deadline, open)
            : await this.#forward.call(book, deadline, open, { onUnclear: () => (resent = true) });
        return resent
          ? opened.accounts.map((response) => ({ ...response, resent }))
          : opened.accounts;
      },
    );
  }
}
