import { accountId, accountNumberOf, bookOf } from '../../../ledger/core/account-id.ts';
import type { ModelBook, ModelRequest } from '../../../ledger/testing/model/model-state.ts';
import type { ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { Conditions, Leg } from '../../../proto/gen/meridian/v1/movement.ts';

/** Added to the number of an account that does not exist: no book gets that far. */
const UNUSED = 2 ** 40;

/** A book that does not exist in an installation of three. */
const NO_BOOK = 4;

/**
 * Ids of accounts in the model, which numbers those of one history, and in the real books. An id
 * that was named before its account was opened stays that of no account.
 */
export class AccountIds {
  /** Number of books of the history. */
  readonly #books: number;
  readonly #real = new Map<bigint, bigint>();

  constructor(books: number) {
    this.#books = books;
  }

  /** The real id; from now on it is always this one. */
  of(id: bigint): bigint {
    if (id === 0n) return id;
    const known = this.#real.get(id);
    if (known !== undefined) return known;
    const book = bookOf(id) > this.#books ? NO_BOOK : bookOf(id);
    const unused = accountId(book, UNUSED + accountNumberOf(id));
    this.#real.set(id, unused);
    return unused;
  }

  opened(id: bigint, real: bigint): void {
    this.#real.set(id, real);
  }

  /** Skips the numbers in the model that were named already: no account will have them. */
  skipNamed(book: ModelBook): void {
    for (;;) {
      const id = accountId(book.number, book.accounts.length + 1);
      if (!this.#real.has(id)) return;
      const none = { min: null, max: null, metadata: {}, asset: '', seq: 0 };
      const life = { frozenIn: false, frozenOut: false, closed: false };
      // What is marked as transit cannot be named by any request.
      book.accounts.push({ id, externalId: `unused ${id}`, transit: true, ...none, ...life });
    }
  }

  /** A transfer of the model, with real ids. */
  fields<T extends ModelRequest>(request: T): T {
    const { action } = request;
    const named = {
      ...request,
      debitAccountId: this.of(request.debitAccountId),
      creditAccountId: this.of(request.creditAccountId),
      conditions: this.#conditions(request.conditions),
    };
    if (action?.$case !== 'group') return named;
    const legs = action.value.legs.map((leg): Leg => this.leg(leg));
    return { ...named, action: { $case: 'group', value: { legs } } };
  }

  leg(leg: Leg): Leg {
    return {
      ...leg,
      debitAccountId: this.of(leg.debitAccountId),
      creditAccountId: this.of(leg.creditAccountId),
      conditions: this.#conditions(leg.conditions),
    };
  }

  change(request: ChangeAccountRequest): ChangeAccountRequest {
    return { ...request, accountId: this.of(request.accountId) };
  }

  #conditions(conditions: Conditions | undefined): Conditions | undefined {
    if (conditions === undefined) return undefined;
    const allOf = conditions.allOf.map(({ accountId: id, test }) => ({
      accountId: this.of(id),
      test,
    }));
    return { allOf };
  }
}
