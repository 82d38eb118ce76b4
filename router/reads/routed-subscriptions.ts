import { invalidArgument, overloaded, RpcError, unavailable } from '../../ledger/rpc/error.ts';
import type { Leaders } from '../../ledger/rpc/leaders.ts';
import type { SubscribeRequest } from '../../proto/gen/meridian/v1/event.ts';
import { routerTuning, type RouterTuning } from '../router-tuning.ts';
import type { Book } from '../../ledger/core/book.ts';
import type { Books } from '../books/books.ts';
import { type RoutedEventStream, RoutedSubscription } from './routed-subscription.ts';

/** All subscribers of this router. No connection can take every place that ledger servers have. */
export class RoutedSubscriptions {
  readonly #books: Books;
  readonly #leaders: Leaders;
  readonly #perConnection: number;
  readonly #open = new Set<RoutedSubscription>();
  /** How many there are of each connection, by the caller's address and port. */
  readonly #ofConnection = new Map<string, number>();

  constructor(books: Books, leaders: Leaders, tuning: RouterTuning = routerTuning) {
    this.#perConnection = tuning.subscriptionsPerConnection;
    this.#books = books;
    this.#leaders = leaders;
  }

  /**
   * INVALID_ARGUMENT: there is no such book. RESOURCE_EXHAUSTED: the connection has too many. Other
   * errors are the leader's.
   */
  serve(stream: RoutedEventStream): void {
    try {
      const book = this.#bookOf(stream.request);
      const connection = stream.getPeer();
      const count = this.#ofConnection.get(connection) ?? 0;
      if (count >= this.#perConnection) {
        throw overloaded(`${this.#perConnection} subscriptions of this connection are open`, 1_000);
      }
      const subscription = new RoutedSubscription(stream, book, this.#leaders);
      this.#open.add(subscription);
      this.#ofConnection.set(connection, count + 1);
      // Comes at the end of every call, however it ends.
      stream.once('cancelled', () => {
        this.#open.delete(subscription);
        const left = (this.#ofConnection.get(connection) ?? 1) - 1;
        if (left > 0) this.#ofConnection.set(connection, left);
        else this.#ofConnection.delete(connection);
      });
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
