import type { ServerWritableStream } from '@grpc/grpc-js';
import type { SubscribeReply } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { Event, SubscribeRequest } from '../../proto/gen/meridian/v1/event.ts';
import { assert, must } from '../core/assert.ts';
import type { RpcError } from '../rpc/error.ts';
import type { ServiceReads } from '../store/book-store.ts';
import type { Turns } from './turns.ts';

/** How often a subscriber checks on its own whether something was committed. */
const LOOK_MS = 1_000;

export type EventStream = ServerWritableStream<SubscribeRequest, SubscribeReply>;

/** The leader of a book, as far as subscribers look at it. */
export interface FollowedLeader {
  /** Everything up to `seq` is committed. */
  readonly memory: { readonly seq: number };
  /**
   * Calls back after each commit that wrote rows, with the accounts that it looked at by id.
   * Returns how to stop it.
   */
  onCommitted(listener: (accounts: { has(account: bigint): boolean }) => void): () => void;
  /** Resolves after a commit of its own; rejects with a LedgerError if it leads no more. */
  proveLeading(): Promise<void>;
}

export interface SubscriptionParts {
  readonly store: Pick<ServiceReads, 'readEvents'>;
  /** Shared by all subscribers of the server. */
  readonly turns: Turns;
  readonly leader: FollowedLeader;
  /** Null: every row of the journal. Else: the versions of this account. */
  readonly account: bigint | null;
  /** A seq that all of its events come after; undefined: none is known. */
  readonly behind: number | undefined;
  /** Rows that are read and written at once; a slow subscriber keeps this number in memory. */
  readonly pageRows: number;
}

/**
 * One subscriber of a book or an account. It reads the journal in pages, each when the one
 * before has been written, and then waits for commits. A subscriber that does not read its
 * stream holds up this loop and nothing else.
 */
export class Subscription {
  readonly #stream: EventStream;
  readonly #parts: SubscriptionParts;
  /** The seq or version of the last event that was written. */
  #after: number;
  /** A seq that the next event comes after: that of the last one, once there was one. */
  #behind: number | undefined;
  /** True: something may have been committed that was not read. */
  #news = false;
  #writing = false;
  #over = false;
  #resume: (() => void) | undefined;

  constructor(stream: EventStream, parts: SubscriptionParts) {
    this.#stream = stream;
    this.#parts = parts;
    this.#after = Number(stream.request.after);
    this.#behind = parts.behind;
  }

  /**
   * Writes events until the caller has gone, until `end`, or until everything is written that
   * there was, if the caller asked for no more.
   */
  async run(): Promise<void> {
    const { leader, account } = this.#parts;
    const look = () => {
      this.#news = true;
      this.#resume?.();
    };
    const stopListening = leader.onCommitted((accounts) => {
      if (account === null || accounts.has(account)) look();
    });
    // A leader reports every commit; this is for the day on which it would not.
    const timer = setInterval(look, LOOK_MS);
    this.#stream.on('cancelled', () => this.#finish());
    try {
      await this.#follow();
      if (!this.#over) this.#stream.end();
    } finally {
      stopListening();
      clearInterval(timer);
      this.#over = true;
    }
  }

  /** Ends it with an error, after what has been written. */
  end(error: RpcError): void {
    if (this.#over) return;
    this.#finish();
    this.#stream.emit('error', error);
  }

  #finish(): void {
    this.#over = true;
    this.#resume?.();
  }

  async #follow(): Promise<void> {
    const { leader } = this.#parts;
    let through = -1;
    while (!this.#over) {
      this.#news = false;
      if (leader.memory.seq > through) {
        through = leader.memory.seq;
        await this.#catchUp(through);
      }
      if (this.#stream.request.historyOnly) return;
      while (!this.#over && !this.#news) await this.#pause();
    }
  }

  /** Writes everything up to this seq. */
  async #catchUp(through: number): Promise<void> {
    const { store, turns, account } = this.#parts;
    for (let full = true; full && !this.#over;) {
      const { pageRows: limit } = this.#parts;
      const page = { account, after: this.#after, behind: this.#behind, through, limit };
      // A caller who has gone while others had their turns needs nothing read any more.
      const events = await turns.take(async () => (this.#over ? [] : store.readEvents(page)));
      for (const event of events) this.#advance(event);
      if (events.length > 0) await this.#write(events);
      full = events.length === this.#parts.pageRows;
    }
    const complete = this.#over || account !== null || this.#after === through;
    assert(complete, `the journal ends at ${this.#after}, not at ${through}`);
  }

  #advance(event: Event): void {
    const place = placeOf(event, this.#parts.account);
    assert(place === this.#after + 1, `after ${this.#after} the journal has ${place}`);
    this.#after = place;
    this.#behind = seqOf(event);
  }

  /** Resolves once the events are flushed; waits while the router applies back-pressure. */
  async #write(events: Event[]): Promise<void> {
    if (this.#over) return;
    this.#writing = true;
    this.#stream.write({ events }, () => {
      this.#writing = false;
      this.#resume?.();
    });
    while (!this.#over && this.#writing) await this.#pause();
  }

  /** Until something happens: a commit, a page that was written, the end. */
  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    this.#resume = undefined;
  }
}

export function seqOf({ position }: Event): number {
  return Number(must(position, 'an event has a position').seq);
}

/** Where an event stands: its seq, or the version that it gave to the account. */
function placeOf(event: Event, account: bigint | null): number {
  if (account === null) return seqOf(event);
  const { debitAccount, creditAccount } = event;
  const state = debitAccount?.accountId === account ? debitAccount : creditAccount;
  assert(state?.accountId === account, 'an event of an account has its state');
  return Number(state.version);
}
