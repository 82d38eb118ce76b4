import { EventEmitter } from 'node:events';
import { PostReply, PostRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { LaneLeaders, PostingLeader, PostStream } from '../transfers/lane.ts';

/** What happened to a stream to the leader of a book. */
interface StreamEvent {
  readonly book: number;
  readonly event: PostRequest | 'opened' | 'cancelled';
}

/** A posting stream that a test answers, without a server. */
export class ScriptedStream extends EventEmitter implements PostStream {
  readonly book: number;
  /** What was written to it. */
  readonly requests: PostRequest[] = [];
  isCancelled = false;
  readonly #onEvent: (event: StreamEvent) => void;

  constructor(book: number, onEvent: (event: StreamEvent) => void) {
    super();
    this.book = book;
    this.#onEvent = onEvent;
    onEvent({ book, event: 'opened' });
  }

  write(bytes: Buffer): void {
    const request = PostRequest.decode(bytes);
    this.requests.push(request);
    this.#onEvent({ book: this.book, event: request });
  }

  cancel(): void {
    this.isCancelled = true;
    this.#onEvent({ book: this.book, event: 'cancelled' });
  }

  reply(reply: PostReply['reply']): void {
    this.emit('data', Buffer.from(PostReply.encode({ reply }).finish()));
  }
}

/** Leaders that lead when a test wants it. */
export class ScriptedLeaders implements LaneLeaders {
  /** Every stream that was opened, in the order of their opening. */
  readonly streams: ScriptedStream[] = [];
  /** What happened to them. */
  readonly events: StreamEvent[] = [];
  readonly #epochs = new Map<number, number>();
  readonly #listeners: ((book: number) => void)[] = [];

  /** @param epoch undefined: the book has no leader */
  lead(book: number, epoch: number | undefined): void {
    if (epoch === undefined) this.#epochs.delete(book);
    else this.#epochs.set(book, epoch);
    for (const listener of this.#listeners) listener(book);
  }

  leaderOf(book: number): PostingLeader | undefined {
    const epoch = this.#epochs.get(book);
    if (epoch === undefined) return undefined;
    return { epoch, posting: { makeBidiStreamRequest: () => this.#open(book) } };
  }

  onChange(listener: (book: number) => void): void {
    this.#listeners.push(listener);
  }

  #open(book: number): ScriptedStream {
    const stream = new ScriptedStream(book, (event) => this.events.push(event));
    this.streams.push(stream);
    return stream;
  }
}
