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
  /** What stands for the connection to the leader of a book. */
  readonly #postings = new Map<number, PostingLeader['posting']>();
  readonly #listeners: ((book: number) => void)[] = [];

  /** @param epoch undefined: the book has no leader */
  lead(book: number, epoch: number | undefined): void {
    if (epoch === undefined) this.#epochs.delete(book);
    else this.#epochs.set(book, epoch);
    this.#changed(book);
  }

  /** The leader of a book, if it has one, is reached by another connection from now on. */
  renew(book: number): void {
    this.#postings.delete(book);
    this.#changed(book);
  }

  leaderOf(book: number): PostingLeader | undefined {
    const epoch = this.#epochs.get(book);
    if (epoch === undefined) return undefined;
    const posting = () => this.#posting(book);
    return {
      epoch,
      get posting() {
        return posting();
      },
    };
  }

  #posting(book: number): PostingLeader['posting'] {
    const known = this.#postings.get(book);
    if (known !== undefined) return known;
    const made = { makeBidiStreamRequest: () => this.#open(book) };
    this.#postings.set(book, made);
    return made;
  }

  onChange(listener: (book: number) => void): void {
    this.#listeners.push(listener);
  }

  #changed(book: number): void {
    for (const listener of this.#listeners) listener(book);
  }

  #open(book: number): ScriptedStream {
    const stream = new ScriptedStream(book, (event) => this.events.push(event));
    this.streams.push(stream);
    return stream;
  }
}
