import type { Book } from '../../../ledger/core/book.ts';
import type { Append } from '../../../ledger/store/append-batch.ts';
import { StoreError } from '../../../ledger/store/store-error.ts';
import {
  MemoryBook,
  type PartitionChange,
  writtenBatch,
} from '../../../ledger/testing/memory-store/memory-book.ts';
import type { SimProcess, World } from '../world.ts';

/** A transaction in the log of a node. The same object in every node that has it. */
export interface Commit {
  /** Unique in the simulation. */
  readonly id: number;
  /** Undefined: it changes the partitions of the journal. */
  readonly append: Append | undefined;
  readonly partitions?: PartitionChange;
}

/** What is asked of a primary, one after the other. */
type Write = { readonly batch: Append } | { readonly change: PartitionChange };

/** What a node answers. */
export type Reply<T> =
  | {
      readonly value: T;
      /** Of a commit: sent before its result; unset: none. */
      readonly warning?: string;
    }
  | { readonly error: Error };

/** The answer where a connection is lost: the node may have done what it was asked. */
export function lost(why: string): { readonly error: Error } {
  return { error: new StoreError('lost', `the connection is gone: ${why}`) };
}

/** A commit that waits for a second node. */
interface Waiting {
  readonly length: number;
  readonly answer: (reply: Reply<boolean>) => void;
}

/** Changes of deliberate bugs to a node; none of them is in the ledger. */
export interface NodeBugs {
  /** A commit is acknowledged before a second node has it. */
  readonly ackAlone: boolean;
  /** The head is not compared. */
  readonly noCompare: boolean;
}

/** A standby as seen by the node that it streams from. */
interface Follower {
  /** The length of the log that it has, and when it reported it. */
  readonly length: number;
  readonly at: number;
  /** The length that was sent to it, and when. */
  sent: number;
  sentAt: number;
}

/** Commits that are not acknowledged are sent again after this time. */
const SEND_AGAIN_MS = 200;
/** A standby streams from a node if its last report is no older than this. */
const STREAMING_MS = 1_000;

/**
 * One Postgres of a book, with Patroni next to it: a log of transactions, what it shows of them,
 * and, as a primary, the wait of each commit until any one other node has it.
 */
export class DatabaseNode {
  readonly name: string;
  readonly process: SimProcess;
  readonly book: number;
  /** Numbers of all books. */
  readonly books: readonly number[];
  readonly #named: Book;
  readonly #instance: string;
  readonly #world: World;
  readonly #bugs: NodeBugs;
  readonly #nextCommit: () => number;
  /** Only appended to or replaced: messages refer to its beginning. */
  log: Commit[] = [];
  /** The commits of the log that are shown, and what they come to. */
  #memory: MemoryBook;
  #shown: Commit[] = [];
  primary = false;
  /** The node that it streams from. */
  upstream: DatabaseNode | undefined;
  readonly #followers = new Map<DatabaseNode, Follower>();
  #queued: { readonly write: Write; readonly answer: Waiting['answer'] }[] = [];
  #waiting: Waiting | undefined;
  readonly #sessions = new Set<(why: string) => void>();

  constructor(
    name: string,
    process: SimProcess,
    book: Book & { readonly instance: string; readonly books: readonly number[] },
    parts: { readonly world: World; readonly bugs: NodeBugs; readonly nextCommit: () => number },
  ) {
    this.name = name;
    this.process = process;
    this.book = book.number;
    this.books = book.books;
    this.#named = { number: book.number, name: book.name, region: book.region };
    this.#instance = book.instance;
    this.#memory = new MemoryBook(this.#named, book.instance);
    this.#world = parts.world;
    this.#bugs = parts.bugs;
    this.#nextCommit = parts.nextCommit;
  }

  get length(): number {
    return this.log.length;
  }

  /** True while a commit waits for another node. */
  get waits(): boolean {
    return this.#waiting !== undefined;
  }

  /** Calls back when this node closes its connections. Returns a function that unsubscribes. */
  onClose(close: (why: string) => void): () => void {
    this.#sessions.add(close);
    return () => this.#sessions.delete(close);
  }

  /**
   * What reads see: a primary shows a commit when its wait is over, and a standby all that it has
   * received.
   */
  get memory(): MemoryBook {
    if (!this.primary) this.#showLog();
    return this.#memory;
  }

  #showLog(): void {
    const last = this.#shown.at(-1);
    if (last !== undefined && this.log[this.#shown.length - 1] !== last) {
      // It was rewound since.
      this.#memory = new MemoryBook(this.#named, this.#instance);
      this.#shown = [];
    }
    for (const commit of this.log.slice(this.#shown.length)) this.#show(commit);
  }

  #show(commit: Commit): void {
    if (commit.append !== undefined) this.#memory.apply(commit.append);
    if (commit.partitions !== undefined) this.#memory.changePartitions(commit.partitions);
    this.#shown.push(commit);
  }

  /** Appends a batch; the answer comes when a second node has it, or never. */
  append(batch: Append, answer: Waiting['answer']): void {
    this.#queued.push({ write: { batch }, answer });
    this.#next();
  }

  /** Changes the partitions of the journal, likewise. */
  changePartitions(change: PartitionChange, answer: Waiting['answer']): void {
    this.#queued.push({ write: { change }, answer });
    this.#next();
  }

  /** Starts the next append once the one before has released the head's row. */
  #next(): void {
    while (this.#waiting === undefined) {
      const next = this.#queued.shift();
      if (next === undefined) return;
      this.#write(next.write, next.answer);
    }
  }

  #write(write: Write, answer: Waiting['answer']): void {
    const why =
      'batch' in write ? this.#refusal(write.batch) : this.#partitionRefusal(write.change);
    if (why !== undefined) {
      answer(why);
      return;
    }
    const id = this.#nextCommit();
    this.log.push(
      'batch' in write
        ? { id, append: writtenBatch(write.batch) }
        : { id, append: undefined, partitions: write.change },
    );
    this.#waiting = { length: this.log.length, answer };
    for (const [follower, { at }] of this.#followers) {
      if (this.#world.now - at < STREAMING_MS) this.#push(follower);
    }
    if (this.#bugs.ackAlone) this.#release('');
  }

  /** The answer to a batch that is not written; undefined: it is. */
  #refusal(batch: Append): Reply<boolean> | undefined {
    if (!this.primary) return { error: new StoreError('read_only', 'it follows another') };
    const { noCompare } = this.#bugs;
    if (!noCompare && !this.#memory.isHeadOf(batch.head)) return { value: false };
    let known: string | undefined;
    try {
      known = noCompare
        ? batch.rows.find(({ id }) => this.#memory.byId.has(id))?.id
        : this.#memory.duplicateIn(batch);
    } catch (error) {
      if (error instanceof StoreError) return { error };
      throw error;
    }
    if (known === undefined) return undefined;
    return { error: new StoreError('known_id', `there is one already: ${known}`) };
  }

  #partitionRefusal(change: PartitionChange): Reply<boolean> | undefined {
    if (!this.primary) return { error: new StoreError('read_only', 'it follows another') };
    const { head, partitions } = this.#memory;
    const own = partitions.find(({ first }) => change.kind !== 'add' && first === change.first);
    const isFull = own !== undefined && head.seq + 1 >= own.end;
    if (change.kind === 'add' || (own !== undefined && !(change.kind === 'strip' && isFull))) {
      return undefined;
    }
    return { error: new StoreError('refused', 'the partition is full, or there is none') };
  }

  /** The wait is over: the commit is visible from now on. */
  #release(warning: string): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#showLog();
    waiting.answer({ value: true, warning });
    this.#next();
  }

  /** An operator cancels the wait for a second node. */
  cancelWait(): void {
    this.#release('canceling wait for synchronous replication due to user request');
  }

  /** An operator terminates the waiting backend: it is committed here, its caller is cut off. */
  terminateWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    this.#showLog();
    waiting.answer(lost('the backend was terminated'));
    this.#closeSessions('terminated');
    this.#next();
  }

  #closeSessions(why: string): void {
    for (const close of this.#sessions) close(why);
  }

  /** Reports the length of its log to its upstream, which is also its acknowledgement. */
  reportProgress(): void {
    const { upstream } = this;
    if (upstream === undefined || this.primary) return;
    const length = this.log.length;
    const last = this.log.at(-1);
    this.#world.send(this.process, upstream.process, () =>
      upstream.#onProgress(this, length, last),
    );
  }

  #onProgress(follower: DatabaseNode, length: number, last: Commit | undefined): void {
    // Its connection is gone, and with it its earlier reports: a frozen node receives them late.
    if (follower.upstream !== this) return;
    const same = length === 0 || this.log[length - 1] === last;
    if (!same) {
      // A follower ahead on the same history waits; a diverged one is rewound, and only to the log
      // of a primary.
      this.#followers.delete(follower);
      if (this.primary) this.#rewind(follower);
      return;
    }
    const { sent, sentAt } = this.#followers.get(follower) ?? { sent: 0, sentAt: -Infinity };
    this.#followers.set(follower, { length, at: this.#world.now, sent, sentAt });
    if (this.#waiting !== undefined && this.primary && length >= this.#waiting.length) {
      this.#release('');
    }
    const late = this.#world.now - sentAt > SEND_AGAIN_MS;
    if (length < this.log.length && (sent < this.log.length || late)) this.#push(follower);
  }

  #push(follower: DatabaseNode): void {
    const { log } = this;
    const { length } = log;
    const known = this.#followers.get(follower);
    if (known !== undefined) {
      known.sent = length;
      known.sentAt = this.#world.now;
    }
    this.#world.send(this.process, follower.process, () => follower.#receive(this, log, length));
  }

  /** @param sent number of `commits` that the message contains */
  #receive(from: DatabaseNode, commits: readonly Commit[], sent: number): void {
    if (this.primary || this.upstream !== from) return;
    const { length } = this.log;
    if (length >= sent || (length > 0 && commits[length - 1] !== this.log.at(-1))) return;
    this.log.push(...commits.slice(length, sent));
    this.reportProgress();
  }

  #rewind(follower: DatabaseNode): void {
    const { log } = this;
    const { length } = log;
    this.#world.send(this.process, follower.process, () => {
      if (follower.primary || follower.upstream !== this) return;
      follower.log = log.slice(0, length);
      follower.reportProgress();
    });
  }

  /** True if a standby streams from here and is not ahead: the rule of the promotion guard. */
  get safeToPromote(): boolean {
    return [...this.#followers].some(
      ([follower, { length, at }]) =>
        follower !== this && this.#world.now - at < STREAMING_MS && length <= this.log.length,
    );
  }

  /** Starts to accept writes: everything in the log is visible, whether others have it or not. */
  promote(): void {
    this.primary = true;
    this.upstream = undefined;
    this.#followers.clear();
    this.#showLog();
  }

  /** Stops as a primary: connections are closed, and commits that wait stay in the log. */
  demote(): void {
    this.primary = false;
    this.#followers.clear();
    this.#drop('demoted');
  }

  /** Follows another node from now on. */
  follow(upstream: DatabaseNode | undefined): void {
    if (this.upstream === upstream) return;
    this.upstream = upstream;
    this.#followers.clear();
  }

  /** Stops at once; the log is on disk. */
  crash(): void {
    this.#world.kill(this.process);
    this.primary = false;
    this.upstream = undefined;
    this.#followers.clear();
    this.#drop('crashed');
  }

  #drop(why: string): void {
    const dropped = lost(why);
    this.#waiting?.answer(dropped);
    for (const { answer } of this.#queued) answer(dropped);
    this.#waiting = undefined;
    this.#queued = [];
    this.#closeSessions(why);
  }
}
