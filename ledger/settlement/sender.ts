import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientUnaryCall, Metadata } from '@grpc/grpc-js';
import type { SettleReply, SettleRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import { must } from '../core/assert.ts';
import type { RefusedLeg } from '../core/command.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import { isBug, LedgerFault } from '../leader/ledger-fault.ts';
import type { Logger } from '../logger.ts';
import { type NumberedLeg, readLegsAfter, readLegsOf } from '../store/channels.ts';
import type { Sql } from '../store/connect.ts';
import { describe } from '../store/sqlstate.ts';
import type { Leaders } from '../rpc/leaders.ts';

/** Legs in one call. */
const LEGS_MAX = 2000;
const CALL_TIMEOUT_MS = 10_000;
/** Pause after a failed call; doubled up to the maximum while it keeps failing. */
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 1000;

export interface SenderParts {
  readonly sql: Sql;
  readonly leader: BookLeader;
  readonly leaders: Leaders;
  readonly log: Logger;
}

/**
 * Delivers the second legs of this book's transfers to one other book, in the order of their
 * channel numbers, until each is applied or refused there; then closes them here. Every step
 * can be repeated: the other book's cursor skips what it has, ours what is closed.
 */
export class Sender {
  readonly #peerBook: number;
  readonly #parts: SenderParts;
  #stopped = false;
  #wake: (() => void) | undefined;
  #woken = false;
  #call: ClientUnaryCall | undefined;

  constructor(peerBook: number, parts: SenderParts) {
    this.#peerBook = peerBook;
    this.#parts = parts;
  }

  /** There may be something to send. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  stop(): void {
    this.#stopped = true;
    this.#call?.cancel();
    this.wake();
  }

  /**
   * Sends until `stop`. Faults are logged and tried again.
   * @throws Error of isBug
   */
  async run(): Promise<void> {
    let pauseMs = PAUSE_MS;
    while (!this.#stopped) {
      try {
        this.#woken = false;
        const sent = await this.#sendSome();
        pauseMs = PAUSE_MS;
        if (!sent) await this.#sleepUntilWoken();
      } catch (error) {
        if (isBug(error) && !isCallFault(error)) throw error;
        if (this.#stopped) return;
        const why = describe(error);
        this.#parts.log.debug('settlement is held up', { peerBook: this.#peerBook, why });
        await sleep(pauseMs * (0.5 + Math.random() / 2));
        pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
      }
    }
  }

  async #sleepUntilWoken(): Promise<void> {
    if (this.#woken || this.#stopped) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  /** One call. Returns false if there is nothing to send. */
  async #sendSome(): Promise<boolean> {
    const { sql, leader } = this.#parts;
    const { settled, sent } = leader.memory.channel(this.#peerBook);
    if (settled >= sent) return false;
    const read = await readLegsAfter(sql, this.#peerBook, settled, LEGS_MAX);
    // What was sent since may be a commit that is in doubt.
    const legs = read.filter((leg) => leg.number <= sent);
    const [first] = legs;
    if (first === undefined) return false;
    const { number, name } = leader.memory.book;
    const reply = await this.#settle({
      originBook: number,
      originName: name,
      closedThrough: BigInt(settled),
      firstNumber: BigInt(first.number),
      legs: legs.map(({ leg }) => leg),
    });
    await this.#close(legs, settled, reply);
    return true;
  }

  #settle(request: SettleRequest): Promise<SettleReply> {
    const { leaders } = this.#parts;
    const peer = leaders.leaderOf(this.#peerBook);
    if (peer === undefined) {
      throw new LedgerFault('not_leader', `book ${this.#peerBook} has no leader that is known`);
    }
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + CALL_TIMEOUT_MS;
      this.#call = peer.client.settle(request, new Metadata(), { deadline }, (error, reply) => {
        this.#call = undefined;
        if (error === null) resolve(reply);
        else reject(error);
      });
    });
  }

  /** Takes note of the answer in this book: returns what was refused, advances the cursor. */
  async #close(sent: readonly NumberedLeg[], settled: number, reply: SettleReply): Promise<void> {
    // The peer may have applied more than this call carried, in a call whose answer was lost.
    const through = Number(reply.appliedThrough);
    if (through <= settled) return;
    const legs = new Map(sent.map(({ number, leg }) => [number, leg]));
    const numbers = reply.refusals.map(({ number }) => Number(number));
    const missing = numbers.filter((number) => !legs.has(number));
    if (missing.length > 0) {
      const read = await readLegsOf(this.#parts.sql, this.#peerBook, missing);
      for (const { number, leg } of read) legs.set(number, leg);
    }
    const refused = reply.refusals.map(({ number, reason }): RefusedLeg => {
      const leg = must(legs.get(Number(number)), `leg ${number} was sent`);
      return { number: Number(number), reason, leg };
    });
    await new Promise<void>((resolve, reject) => {
      this.#parts.leader.submit({
        kind: 'close',
        command: { kind: 'close', peerBook: this.#peerBook, through, refused },
        onOutcome: resolve,
        onFault: (fault: LedgerFault) => reject(fault),
      });
    });
  }
}

/** True for a status that a gRPC call has ended with. */
function isCallFault(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}
