import { setTimeout as sleep } from 'node:timers/promises';
import { KeyCache } from '../keys/key-cache.ts';
import { regionBooksOf } from '../core/placement.ts';
import type { Logger } from '../logger.ts';
import type { Leaders } from '../rpc/leaders.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';
import { Sender } from '../settlement/sender.ts';
import type { BookDatabase, BookStore, LeaderStore } from '../store/book-store.ts';
import type { Book } from '../core/book.ts';
import type { Head } from '../store/append-batch.ts';
import { BookLeader } from '../leader/book-leader.ts';
import { BookMemory } from '../leader/book-memory.ts';
import { type OnHeldUp, whileHeldUp } from '../leader/commit.ts';
import { isBug } from '../leader/ledger-error.ts';
import { KnownOutcomes } from '../leader/known-outcomes.ts';
import { JournalPartitions } from '../leader/partitions/journal-partitions.ts';
import { PartitionKeeper } from '../leader/partitions/partition-keeper.ts';
import { completePartitions, roomForTakeOver } from '../leader/partitions/take-over-partitions.ts';
import type { ServerClock } from '../leader/server-clock.ts';
import { Sweeper } from '../leader/sweeper.ts';
import { takeOver } from '../leader/take-over.ts';

export interface LeadershipConfig {
  readonly book: Book;
  readonly books: readonly Book[];
  /** Where other servers reach this one, HOST:PORT. */
  readonly address: string;
  /** Of this server, which has a copy of the book or shares the only one. */
  readonly database: BookDatabase;
  readonly redisUrl: string | undefined;
  /** True: the book is led only where a commit waits for a second node to have it. */
  readonly replicated: boolean;
  /** Default: `ledgerTuning`. */
  readonly tuning?: LedgerTuning | undefined;
}

export interface LeadershipParts {
  readonly config: LeadershipConfig;
  /** Connections for reading. */
  readonly reads: BookStore;
  readonly leaders: Leaders;
  readonly log: Logger;
  readonly clock: ServerClock;
  /** Called when the leader begins or ends, and when a commit is held up and no longer is. */
  readonly onChange: () => void;
  /** Called with a bug that shows after `run` has returned, or where `run` does not wait for it. */
  readonly onBug: (error: unknown) => void;
}

/** How long posting waits for other books to report what they have of the channels here. */
const COMPARE_MS = 1_000;

/** One attempt to lead a book, from the take-over to stepping down. */
export class Leadership {
  readonly #parts: LeadershipParts;
  /** Resolves with the reason when the leadership is ended from outside. */
  readonly #ended: Promise<string>;
  #resolveEnded: (reason: string) => void = () => undefined;
  #over = false;
  #stopping = false;
  #leader: BookLeader | undefined;
  #heldUp = false;
  #epoch = 0;
  #keeper: Pick<PartitionKeeper, 'alarms'> | undefined;

  constructor(parts: LeadershipParts) {
    this.#parts = parts;
    this.#ended = new Promise<string>((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Undefined before the take-over, and from the moment on at which the leadership ends. */
  get leader(): BookLeader | undefined {
    return this.#over ? undefined : this.#leader;
  }

  /** Of the take-over, from its commit until the leadership ends; 0 before and after. */
  get epoch(): number {
    return this.#over ? 0 : this.#epoch;
  }

  /** True while a commit waits for longer than it should. */
  get heldUp(): boolean {
    return this.#heldUp;
  }

  /** What an operator must look at in the partitions of the journal: see PartitionKeeper. */
  get partitionAlarms(): readonly string[] {
    return this.#over ? [] : (this.#keeper?.alarms ?? []);
  }

  /** Takes nothing new, and ends the leadership when all that is queued is done. */
  stop(): void {
    this.#stopping = true;
    if (this.#leader === undefined) this.end('the server is stopping');
    else this.#leader.stop();
  }

  /** Ends the leadership at once, whatever it waits for. */
  end(reason: string): void {
    this.#resolveEnded(reason);
    this.#close(reason);
  }

  /** From here on nothing is acknowledged. The leadership itself reports why it ends. */
  #close(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#leader?.depose(reason);
    this.#parts.onChange();
  }

  /**
   * Takes the book over, if it may, and leads it.
   *
   * @param seen the head as it was read for the decision to take over; undefined: read it now
   * @returns why the leadership is over
   * @throws StoreError; any other if the process must end
   */
  async run(seen?: Head): Promise<string> {
    const { database, replicated } = this.#parts.config;
    const store = database.open(1, {
      onWarning: (warning) => {
        if (this.#leader !== undefined) this.end(`the database warns: ${warning}`);
      },
      ...(replicated && { onClose: () => this.end('the connection to the database was lost') }),
    });
    const leadership = this.#begin(store, seen);
    // Once the leadership is ended from outside, nothing waits for it: its bug must not be lost.
    leadership.catch(this.#reportBug);
    try {
      const reason = await Promise.race([leadership, this.#ended]);
      // A server that was asked to stop has nothing to warn of.
      const level = this.#stopping ? 'info' : 'warn';
      if (this.#leader !== undefined) this.#parts.log[level]('stepped down', { reason });
      return reason;
    } finally {
      // Before the connection is closed, which would end the leadership for a wrong reason.
      this.#close('the leadership is over');
      this.#parts.clock.forget();
      await store.close(1);
    }
  }

  readonly #reportBug = (error: unknown): void => {
    if (isBug(error)) this.#parts.onBug(error);
  };

  async #begin(store: LeaderStore, seen: Head | undefined): Promise<string> {
    const { address, book, books, replicated, tuning = ledgerTuning } = this.#parts.config;
    const { log } = this.#parts;
    // Asked on the very connection that will post: its settings are what counts.
    const role = await store.readNodeRole();
    if (replicated && role.standby) return 'the database follows another';
    if (replicated && role.alone !== undefined) return aloneText(role.alone);
    if (replicated) await store.leaveFork();
    const head = seen ?? (await store.readHead());
    if (head.fenced) return `the book is ${head.leader}`;
    const nowMicros = await this.#parts.clock.timeOf(head.atMicros);
    const { partitions } = store;
    const { journalPartitionRows } = tuning;
    if (partitions) await roomForTakeOver(partitions, head.seq, journalPartitionRows, log);
    const taking = takeOver(store, head, address, nowMicros(), regionBooksOf(books, book.region));
    const taken = await whileHeldUp(taking, this.#onHeldUp);
    if (taken === undefined) return 'another server took the book over';
    this.#epoch = taken.epoch;
    this.#parts.onChange();
    if (partitions) await completePartitions(partitions, log);
    const memory = await BookMemory.load(store, book, books, taken);
    return this.#lead(store, memory, nowMicros);
  }

  async #lead(store: LeaderStore, memory: BookMemory, nowMicros: () => number): Promise<string> {
    const { config, reads, leaders, log, onChange } = this.#parts;
    const { book, books, redisUrl, tuning = ledgerTuning } = config;
    const { instance } = memory;
    const partitions =
      store.partitions && (await JournalPartitions.load(store.partitions, memory.seq));
    if (this.#over) return 'the leadership is over';
    if (partitions) memory.follow(partitions);
    const keys = redisUrl === undefined ? undefined : new KeyCache(redisUrl, instance, log, tuning);
    const known = new KnownOutcomes(reads, book.number, keys, tuning, partitions?.ids);
    const senders = new Map<number, Sender>();
    const onSent = (peerBook: number) => senders.get(peerBook)?.wake();
    const onHeldUp = this.#onHeldUp;
    const { onBug } = this.#parts;
    const parts = { store, memory, known, log, nowMicros, onSent, onHeldUp, onBug, tuning };
    const leader = new BookLeader({ ...parts, partitions });
    for (const { number } of books) {
      if (number === book.number) continue;
      senders.set(number, new Sender(number, { store: reads, leader, leaders, log, tuning }));
    }
    // What is posted before the other ends have been asked may be what a restored book has lost.
    leader.hold();
    this.#leader = leader;
    log.info('leading', { epoch: memory.epoch, seq: memory.seq });
    onChange();
    const sweeper = new Sweeper(reads, leader, log, tuning);
    const keeper = partitions && this.#keeperOf(partitions, memory.epoch);
    this.#keeper = keeper;
    const helpers = [sweeper, ...senders.values(), ...(keeper === undefined ? [] : [keeper])];
    const helping = helpers.map((helper) => helper.run());
    const asked = [...senders.values()].map(({ compared }) => compared);
    void Promise.race([Promise.all(asked), sleep(COMPARE_MS)]).then(() => leader.release());
    const helped = Promise.all(helping).catch(this.#reportBug);
    void helped.finally(() => keys?.close());
    try {
      return await leader.run();
    } finally {
      // The leadership does not wait for its helpers, which may be reading from a database that hangs.
      this.#close('the leadership is over');
      for (const helper of helpers) helper.stop();
    }
  }

  /** It has a connection of its own, which ends with it. */
  #keeperOf(
    partitions: JournalPartitions,
    epoch: number,
  ): Pick<PartitionKeeper, 'run' | 'stop' | 'alarms'> | undefined {
    const { config, log } = this.#parts;
    const { journalPartitionRows: rows, journalBareAbove: bareAbove } =
      config.tuning ?? ledgerTuning;
    const own = config.database.open(1);
    if (own.partitions === undefined) return undefined;
    const store = own.partitions;
    const { onChange: onAlarm } = this.#parts;
    const keeper = new PartitionKeeper({ store, partitions, log, rows, epoch, bareAbove, onAlarm });
    return {
      get alarms() {
        return keeper.alarms;
      },
      run: async () => {
        try {
          await keeper.run();
        } finally {
          await own.close(1);
        }
      },
      stop: () => keeper.stop(),
    };
  }

  /** Undefined where a commit waits for no other node. */
  get #onHeldUp(): OnHeldUp | undefined {
    if (!this.#parts.config.replicated) return undefined;
    return (heldUp) => {
      this.#heldUp = heldUp;
      if (heldUp) this.#parts.log.warn('a commit is waiting for a second region');
      else this.#parts.log.info('no commit is waiting for a second region any more');
      this.#parts.onChange();
    };
  }
}

/** Why a book is not led where a commit would wait for no other node. */
export function aloneText(why: string): string {
  return `no second region would have what is acknowledged here: ${why}`;
}
