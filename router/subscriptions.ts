import { invalidArgument, RpcError, unavailable } from '../ledger/rpc/error.ts';
import type { Leaders } from '../ledger/rpc/leaders.ts';
import type { SubscribeRequest } from '../proto/gen/meridian/v1/event.ts';
import type { Book, Books } from './books.ts';
import { type EventStream, Subscription } from './subscription.ts';

/** All subscribers of this router. Ledger servers bound how many there may be. */
export class Subscriptions {
  readonly #books: Books;
  readonly #leaders: Leaders;
  readonly #open = new Set<Subscription>();

  constructor(books: Books, leaders: Leaders) {
    this.#books = books;
    this.#leaders = leaders;
  }

  /** INVALID_ARGUMENT: there is no such book. Other errors are the leader's. */
  serve(stream: EventStream): void {
    try {
      const book = this.#bookOf(stream.request);
      const subscription = new Subscription(stream, book, this.#leaders);
      this.#open.add(subscription);
      // Comes at the end of every call, however it ends.
      stream.on('cancelled', () => this.#open.delete(subscription));
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      stream.emit('error', error);
    }
  }

  /** Sends every subscriber to another router. */
  stop(): void {
    const error = unavailable('STOPPING', 'this router is stopping', 100);
    for (const subscription of this.#open) subscription.end(error);
  }

  #bookOf({ of }: SubscribeRequest): Book {
    if (of?.$case === 'accountId') return this.#books.ofAccount(of.value, 'account_id');
    const book = this.#books.named(of?.value);
    if (book !== undefined) return book;
    const { names } = this.#books;
    const description = of === undefined ? 'or account_id must be set' : `must be one of ${names}`;
    throw invalidArgument([{ field: 'book', description }]);
  }
}
