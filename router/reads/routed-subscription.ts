import type { ClientReadableStream, ServerWritableStream, ServiceError } from '@grpc/grpc-js';
import { backoffMs } from '../../ledger/backoff.ts';
import type { RpcError } from '../../ledger/rpc/error.ts';
import type { Leaders } from '../../ledger/rpc/leaders.ts';
import type {
  BookServiceClient,
  SubscribeReply,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import type { Event, SubscribeRequest } from '../../proto/gen/meridian/v1/event.ts';
import type { Book } from '../../ledger/core/book.ts';
import { isLoss, passedOn } from '../books/passed-on.ts';

/** Before a leader is asked again, until events come. */
const BACKOFF = { firstMs: 20, longestMs: 500 };

export type RoutedEventStream = ServerWritableStream<SubscribeRequest, Event>;

/**
 * One subscriber: passes on the events of the leader of the book. When the leader is lost, the
 * next one is asked for what comes after the last event that was passed on, so that the
 * subscriber sees neither a gap nor an event twice. The leader is read only as fast as the
 * subscriber reads.
 */
export class RoutedSubscription {
  readonly #stream: RoutedEventStream;
  readonly #book: Book;
  readonly #leaders: Leaders;
  readonly #stopWatching: () => void;
  /** Of the last event that was passed on. */
  #after: bigint;
  #events: ClientReadableStream<SubscribeReply> | undefined;
  /** Of these events alone: what is not read here must hold up nothing else. */
  #client: BookServiceClient | undefined;
  /** Of the leader whose events these are. */
  #epoch = 0;
  /** Connections in a row that have delivered no event. */
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(stream: RoutedEventStream, book: Book, leaders: Leaders) {
    this.#stream = stream;
    this.#book = book;
    this.#leaders = leaders;
    this.#after = stream.request.after;
    stream.on('drain', () => this.#events?.resume());
    stream.on('cancelled', () => this.#close());
    this.#stopWatching = leaders.onChange((changed) => {
      if (changed === book.number) this.#leaderChanged();
    });
    this.#connect();
  }

  /** Ends it with an error, after what has been passed on. */
  end(error: RpcError): void {
    if (this.#over) return;
    this.#close();
    this.#stream.emit('error', error);
  }

  #close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#stopWatching();
    this.#drop();
  }

  #drop(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }

  #connect(): void {
    const leader = this.#leaders.leaderOf(this.#book.number);
    if (leader === undefined) {
      this.#connectLater();
      return;
    }
    this.#client = leader.connect();
    const events = this.#client.subscribe({ ...this.#stream.request, after: this.#after });
    this.#events = events;
    this.#epoch = leader.epoch;
    // A stream that was given up may still deliver events.
    const isCurrent = () => events === this.#events;
    events.on('data', (reply: SubscribeReply) => {
      if (isCurrent()) this.#pass(reply.events);
    });
    events.on('error', (error: ServiceError) => {
      if (isCurrent()) this.#failed(error);
    });
    events.on('end', () => {
      if (isCurrent()) this.#ended();
    });
  }

  #connectLater(): void {
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), backoffMs(this.#failures, BACKOFF));
  }

  /** A new leader may be known before the loss of the old one is, or without a loss. */
  #leaderChanged(): void {
    const leader = this.#leaders.leaderOf(this.#book.number);
    if (this.#events === undefined || leader === undefined || leader.epoch <= this.#epoch) return;
    this.#drop();
    this.#connectLater();
  }

  #pass(events: readonly Event[]): void {
    this.#failures = 0;
    for (const event of events) {
      this.#after = placeOf(event, this.#stream.request);
      this.#stream.write(event);
    }
    if (this.#stream.writableNeedDrain) this.#events?.pause();
  }

  #failed(error: ServiceError): void {
    this.#drop();
    if (isLoss(error)) this.#connectLater();
    else this.end(passedOn(error));
  }

  /** A leader ends a stream without an error when all that was asked for was sent. */
  #ended(): void {
    this.#close();
    this.#stream.end();
  }
}

/** Where an event stands in what was asked for. */
function placeOf({ position, debitAccount, creditAccount }: Event, { of }: SubscribeRequest) {
  if (of?.$case !== 'accountId') return position?.seq ?? 0n;
  const state = debitAccount?.accountId === of.value ? debitAccount : creditAccount;
  return state?.version ?? 0n;
}
