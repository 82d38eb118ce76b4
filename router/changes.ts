import { type Deadline, status } from '@grpc/grpc-js';
import { validateAsset, validateChange } from '../ledger/core/validate/validate-account.ts';
import { must } from '../ledger/core/assert.ts';
import { outcomeUnknown, refuseMalformed, RpcError } from '../ledger/rpc/error.ts';
import type {
  ChangeAccountRequest,
  ChangeAccountResponse,
} from '../proto/gen/meridian/v1/account.ts';
import type {
  RegisterAssetRequest,
  RegisterAssetResponse,
} from '../proto/gen/meridian/v1/asset.ts';
import type { Book } from '../ledger/core/book.ts';
import type { Books } from './books/books.ts';
import type { Forward } from './books/forward.ts';
import type { ClientCall } from './books/client-call.ts';

/** Changes of accounts, and registrations of assets. */
export class Changes {
  readonly #books: Books;
  readonly #forward: Forward;

  constructor(books: Books, forward: Forward) {
    this.#books = books;
    this.#forward = forward;
  }

  async change(request: ChangeAccountRequest, deadline: Deadline): Promise<ChangeAccountResponse> {
    refuseMalformed(validateChange(request));
    const book = this.#books.ofAccount(request.accountId, 'account_id');
    const change: ClientCall<ChangeAccountResponse> = (client, ...rest) =>
      client.changeAccount(request, ...rest);
    if (request.dryRun) return this.#forward.rehearse(book, deadline, change);
    let resent = false;
    const onUnclear = () => (resent = true);
    const response = await this.#forward.call(book, deadline, change, { onUnclear });
    return resent ? { ...response, resent } : response;
  }

  /**
   * Registers an asset in every book. The book with the lowest number decides which of two
   * contradicting registrations comes first; the others are asked only once it has agreed, so
   * that no two books can ever know different scales. A call that broke off may be repeated.
   */
  async registerAsset(
    request: RegisterAssetRequest,
    deadline: Deadline,
  ): Promise<RegisterAssetResponse> {
    refuseMalformed(validateAsset(request));
    const [deciding, ...others] = this.#books.all;
    let resent = false;
    const ask: ClientCall<RegisterAssetResponse> = (client, ...rest) =>
      client.registerAsset(request, ...rest);
    const register = (book: Book) =>
      request.dryRun
        ? this.#forward.rehearse(book, deadline, ask)
        : this.#forward.call(book, deadline, ask, {
            onUnclear: () => (resent ||= book === deciding),
          });
    const decided = await register(must(deciding, 'there is a book'));
    const mark = resent ? { resent } : {};
    if (decided.asset === undefined) return { ...decided, ...mark };
    const following = others.map(register);
    const followed = await (request.dryRun ? Promise.all(following) : this.#follow(following));
    const positions = [decided, ...followed].flatMap((response) => response.positions);
    return { ...decided, positions, ...mark };
  }

  /** A decision stands, whether or not the other books can be notified now. */
  async #follow(
    registrations: readonly Promise<RegisterAssetResponse>[],
  ): Promise<RegisterAssetResponse[]> {
    try {
      return await Promise.all(registrations);
    } catch (error) {
      throw error instanceof RpcError ? outcomeUnknown(status.UNKNOWN) : error;
    }
  }
}
