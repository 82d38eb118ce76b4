import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import type { BookStore } from '../store/book-store.ts';
import type { Head } from '../store/append-batch.ts';
import { describe, StoreError } from '../store/store-error.ts';
import type { Leaders } from '../rpc/leaders.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import { type KnownRole, RoleWatch } from './role-watch.ts';
import { ServerClock } from '../leader/server-clock.ts';
import { aloneText, Leadership, type LeadershipConfig } from './leadership.ts';
import { LeaderSilence } from './leader-silence.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';

/** Pause after a failure, and between looks at what keeps this member from leading. */
const PAUSE_MS = 250;
/** A leadership that ends sooner counts as failed; after several the next one is waited for longer. */
const SHORT_LEADERSHIP_MS = 2_000;
const SHORT_LEADERSHIP_PAUSE_MS_MAX = 2_000;
/** Connections for what posting, senders and the sweeper read of the journal. */
const OWN_READS = 2;
/** Logged by a server that was started before its book was made. */
const NO_BOOK =
  'the database has no book; make it with "meridian book create --database URL", and start again';

export interface MemberConfig extends LeadershipConfig {
  /** Where this server is. */
  readonly serverRegion: string;
  /** How long its own Postgres may take to report its role. Default: 2 s. */
  readonly answerMs?: number;
}

/** The state of a member of a book. */
export interface MemberStatus {
  readonly leading: boolean;
  /** Epoch in which it leads, or has taken the book over and is about to; 0 while it does not. */
  readonly epoch: number;
  /** True: it leads, and commits do not get through at present. */
  readonly heldUp: boolean;
  /** What is wrong with the clocks, in a sentence; '' if nothing is. */
  readonly clockAlarm: string;
  /** What an operator must look at in the partitions of the journal, while it leads. */
  readonly partitionAlarms: readonly string[];
}

/**
 * A ledger server's part in one book: it leads, or stands by.
 *
 * Where all members share one database, it takes over when the leader is gone. A leader that is
 * answering is never pushed aside; one that does not answer is, and the epoch fences
 * it if it is still alive.
 *
 * Where each member has a copy of the book, it leads if and only if its own is the primary:
 * the promotion has decided, and the epoch fences.
 */
export class BookMember {
  readonly config: MemberConfig;
  /** Connections for what callers read. */
  readonly store: BookStore;
  /** Connections for what posting, senders and the sweeper read: callers cannot hold them up. */
  readonly #ownReads: BookStore;
  readonly clock: ServerClock;
  readonly tuning: LedgerTuning;
  readonly #leaders: Leaders;
  readonly #log: Logger;
  readonly #listeners = new Set<(status: MemberStatus) => void>();
  #leadership: Leadership | undefined;
  #stopped = false;
  /** Ends the wait for news of the own database. */
  #wake = (): void => undefined;
  /** The reason why it does not lead, as it was logged last. */
  #lastWhy = '';
  /** Leaderships in a row that ended soon after they began. */
  #shortLeaderships = 0;
  /** Rejects with the bug that ends this member. */
  readonly #broken: Promise<never>;
  #break: (error: unknown) => void = () => undefined;

  constructor(config: MemberConfig, leaders: Leaders, log: Logger) {
    this.config = config;
    this.tuning = config.tuning ?? ledgerTuning;
    this.#leaders = leaders;
    this.#log = log;
    this.clock = new ServerClock(leaders, log, () => this.#notify());
    this.store = config.database.open(this.tuning.readConnections);
    this.#ownReads = config.database.open(OWN_READS);
    this.#broken = new Promise<never>((_, reject) => {
      this.#break = reject;
    });
    // `run` waits for it.
    this.#broken.catch(() => undefined);
  }

  /** Undefined while this member does not lead. */
  get leader(): BookLeader | undefined {
    return this.#leadership?.leader;
  }

  get status(): MemberStatus {
    const { leader } = this;
    const heldUp = leader !== undefined && this.#leadership?.heldUp === true;
    return {
      leading: leader !== undefined,
      epoch: this.#leadership?.epoch ?? 0,
      heldUp,
      clockAlarm: this.clock.alarm,
      partitionAlarms: this.#leadership?.partitionAlarms ?? [],
    };
  }

  /** Calls back at every change of status. Returns how to stop it. */
  onStatus(listener: (status: MemberStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Leads or stands by until `stop`.
   * @throws Error if the one database of the book has no schema, which names the command
   * @throws Error that no database caused, above all InvariantError: the process must end
   */
  async run(): Promise<void> {
    this.clock.watch();
    try {
      const working = this.config.replicated ? this.#followRole() : this.#followLeader();
      await Promise.race([working, this.#broken]);
    } finally {
      this.clock.stop();
    }
    await Promise.all([this.store.close(1), this.#ownReads.close(1)]);
  }

  /** Finishes what is queued, as far as that is possible soon, then ends `run`. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
    this.#leadership?.stop();
    const tooLong = () => this.#leadership?.end('the server is stopping');
    setTimeout(tooLong, this.tuning.finishMs).unref();
  }

  /** Leads while the database next to this server is the primary. */
  async #followRole(): Promise<void> {
    let role: KnownRole;
    let why = '';
    const { database, answerMs } = this.config;
    const onRole = (known: KnownRole, unknownWhy: string) => {
      role = known;
      why = whyNot(known, unknownWhy);
      if (why !== '') this.#leadership?.end(why);
      this.#wake();
    };
    const watch = new RoleWatch(database, onRole, answerMs);
    const watching = watch.run();
    watching.catch(this.#onBug);
    try {
      while (!this.#stopped) {
        if (role === undefined || role.standby) {
          this.#logWhy(why);
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        } else {
          await this.#try(() => this.#lead());
        }
      }
    } finally {
      watch.stop();
      await watching;
    }
  }

  /** Leads when the server that led last is gone. */
  async #followLeader(): Promise<void> {
    const silence = new LeaderSilence();
    while (!this.#stopped) {
      await this.#try(async () => {
        const head = await this.store.readHead();
        if (!head.fenced && this.#mayTakeOver(head, silence.of(head.epoch))) {
          return this.#lead(head);
        }
        silence.probed(head.epoch, await this.#probe(head));
        await sleep(this.tuning.probeMs);
        return head.fenced ? `the book is ${head.leader}` : '';
      });
    }
  }

  /** @param turn returns why this member does not lead, or '' if that is as it should be */
  async #try(turn: () => Promise<string>): Promise<void> {
    try {
      this.#logWhy(await turn());
      if (this.#lastWhy === '') return;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const none = error.failure === 'no_schema';
      if (none && !this.config.replicated && this.#lastWhy === '')
        throw new Error(NO_BOOK, { cause: error });
      this.#logWhy(none ? NO_BOOK : describe(error));
    }
    if (!this.#stopped) await sleep(PAUSE_MS);
  }

  /** A broken member must acknowledge nothing more: ends `run`. */
  readonly #onBug = (error: unknown): void => {
    this.#stopped = true;
    this.#break(error);
    this.#leadership?.end('this server has failed');
    this.#wake();
  };

  /** Logs it if it is news. */
  #logWhy(why: string): void {
    if (why !== '' && why !== this.#lastWhy) this.#log.warn('standing by', { why });
    this.#lastWhy = why;
  }

  #notify(): void {
    for (const listener of this.#listeners) listener(this.status);
  }

  /** @param failed probes in a row that its leader has not answered */
  #mayTakeOver(head: Head, failed: number): boolean {
    // No server ever led it, or we did before a restart: no other can be leading.
    if (head.leader === '' || head.leader === this.config.address) return true;
    return failed >= this.tuning.probesFailed;
  }

  #probe(head: Head): Promise<boolean> {
    const { book } = this.config;
    return this.#leaders.answersAsLeader(head.leader, book.number, head.epoch, this.tuning.probeMs);
  }

  /** Returns why it never became leader; '' if it led, however briefly. */
  async #lead(head?: Head): Promise<string> {
    if (this.#shortLeaderships > 1) await sleep(shortLeadershipPauseMs(this.#shortLeaderships));
    if (this.#stopped) return '';
    let led = false;
    const onChange = () => {
      led ||= leadership.leader !== undefined;
      this.#notify();
    };
    const parts = {
      reads: this.#ownReads,
      leaders: this.#leaders,
      log: this.#log,
      clock: this.clock,
      onChange,
      onBug: this.#onBug,
    };
    const leadership = new Leadership({ ...parts, config: this.config });
    this.#leadership = leadership;
    const began = performance.now();
    try {
      const why = await leadership.run(head);
      return led ? '' : why;
    } finally {
      this.#leadership = undefined;
      const short = led && performance.now() - began < SHORT_LEADERSHIP_MS;
      this.#shortLeaderships = short ? this.#shortLeaderships + 1 : 0;
    }
  }
}

/** A book whose leaders keep failing is not taken over several times a second. */
function shortLeadershipPauseMs(leaderships: number): number {
  return Math.min(SHORT_LEADERSHIP_PAUSE_MS_MAX, 100 * 2 ** (leaderships - 2));
}

/** Why a database may not be led through; '' if it may. */
function whyNot(role: KnownRole, unknownWhy: string): string {
  if (role === undefined) return `the database cannot be reached: ${unknownWhy}`;
  if (role.standby) return 'the database follows another';
  return role.alone === undefined ? '' : aloneText(role.alone);
}
