import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import {
  agreedTime,
  BookTime,
  JUMP_MICROS,
  type PeerClock,
  type Reading,
  SteadyClock,
} from './steady-clock.ts';

/** How often the clocks are read while nothing else reads them. */
const TICK_MS = 1_000;
/** How long a server waits for the first messages of others before it leads a book. */
const PEERS_MS = 500;
const LOOK_MS = 20;
/** Where their messages contradict this server's clock, others are asked, and have this long. */
const ASKED_MS = 1_000;

/** Information about other servers' clocks. */
export interface PeerClocks {
  /**
   * Those of servers that reported lately, as they are now; behind by as much as a report was on
   * its way or lay unread.
   */
  peerClocks(): readonly PeerClock[];
  /** Those of the servers that answer within a time, right to half of it. */
  askClocks(withinMs: number): Promise<readonly PeerClock[]>;
  /** How many other servers there are. */
  readonly peerCount: number;
}

/** The clock of this server, and what is wrong with it. */
export class ServerClock {
  readonly #peers: PeerClocks;
  readonly #log: Logger;
  readonly #onAlarm: () => void;
  readonly #clock: SteadyClock;
  #book: BookTime | undefined;
  #alarm = '';
  #ticking: NodeJS.Timeout | undefined;

  /** @param onAlarm called when `alarm` has changed */
  constructor(peers: PeerClocks, log: Logger, onAlarm: () => void) {
    this.#peers = peers;
    this.#log = log;
    this.#onAlarm = onAlarm;
    this.#clock = new SteadyClock(readClocks());
  }

  /** What is wrong with the clocks, in a sentence for operators; '' if nothing is. */
  get alarm(): string {
    return this.#alarm;
  }

  /** Microseconds since 1970. */
  steadyMicros(): number {
    const { peerCount } = this.#peers;
    return this.#clock.read(readClocks(), this.#peers.peerClocks(), peerCount);
  }

  /** Watches the clocks until `stop`. */
  watch(): void {
    this.#tick();
    this.#ticking = setTimeout(() => this.watch(), TICK_MS);
    this.#ticking.unref();
  }

  stop(): void {
    clearTimeout(this.#ticking);
  }

  /**
   * The time of a book that this server is about to take over. Where it would be far ahead of
   * the book's newest row, the other servers are asked first, as far as they answer soon.
   *
   * @param headMicros time of the book's newest row
   */
  async timeOf(headMicros: number): Promise<() => number> {
    const until = performance.now() + PEERS_MS;
    while (
      this.steadyMicros() - headMicros > JUMP_MICROS &&
      !this.#isConfirmed() &&
      performance.now() < until
    ) {
      await sleep(LOOK_MS);
    }
    this.steadyMicros();
    if (this.#clock.isWrong(this.#peers.peerClocks())) {
      // A report that was held up makes a clock that is right look wrong.
      const asked = await this.#peers.askClocks(ASKED_MS);
      this.steadyMicros();
      this.#clock.correct(asked);
    }
    const book = new BookTime(headMicros, this.steadyMicros());
    this.#book = book;
    this.#tick();
    return () => book.at(this.steadyMicros());
  }

  /** The book of `timeOf` is not led here any more. */
  forget(): void {
    this.#book = undefined;
    this.#tick();
  }

  /** True if most servers, this one among them or not, agree about the time. */
  #isConfirmed(): boolean {
    const clocks = this.#peers.peerClocks().map(({ steadyMicros }) => steadyMicros);
    const enough = (clocks.length + 1) * 2 > this.#peers.peerCount + 1;
    return enough && agreedTime([this.steadyMicros(), ...clocks]) !== undefined;
  }

  #tick(): void {
    this.steadyMicros();
    const alarm = this.#judge();
    if (alarm === this.#alarm) return;
    this.#alarm = alarm;
    if (alarm === '') this.#log.info('the clocks agree again');
    else this.#log.warn('the clocks disagree', { why: alarm });
    this.#onAlarm();
  }

  #judge(): string {
    const lead = this.#book?.leadMicros ?? 0;
    if (lead > JUMP_MICROS) {
      return `the time of the book is ${inWords(lead)} ahead of the clock, as an earlier leader left it`;
    }
    const apart = this.#clock.apartMicros;
    if (apart === 0) return '';
    const way = apart > 0 ? 'ahead of' : 'behind';
    return `the wall clock is ${inWords(Math.abs(apart))} ${way} the time of this server, which follows elapsed time`;
  }
}

/** Rough, so that a clock that stays where it is makes one alarm and not many. */
function inWords(micros: number): string {
  const seconds = micros / 1_000_000;
  if (seconds < 120) return `about ${Math.round(seconds)} s`;
  return seconds < 7_200
    ? `about ${Math.round(seconds / 60)} min`
    : `about ${Math.round(seconds / 3_600)} h`;
}

/** The wall clock shows whole milliseconds, on average half of one less than it is. */
function readClocks(): Reading {
  return {
    wallMicros: Date.now() * 1_000 + 500,
    elapsedMicros: performance.now() * 1_000,
  };
}
