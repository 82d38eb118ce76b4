import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientUnaryCall, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type {
  BookServiceClient,
  CompareChannelReply,
  CompareChannelRequest,
  SettleReply,
  SettleRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { backoffMs } from '../backoff.ts';
import { type ChannelHash, hashAfterAll } from '../core/channel.ts';
import type { FinalCapture, RefusedLeg } from '../core/post/command.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import { isBug, LedgerError } from '../leader/ledger-error.ts';
import type { Logger } from '../logger.ts';
import type { LegReads } from '../store/book-store.ts';
import { describe } from '../store/store-error.ts';
import { CHANNEL_DIVERGED, reasonOf } from '../rpc/error.ts';
import type { Leaders } from '../rpc/leaders.ts';
import { catchUp, compare, endOf, viewOf } from './compare.ts';
import type { LedgerTuning } from '../ledger-tuning.ts';
import type { NumberedLeg } from '../store/stored-records.ts';

/** Pause after the first of several failed calls. */
const FIRST_PAUSE_MS = 50;
/** A comparison answers at once or not at all. */
const COMPARE_TIMEOUT_MS = 2_000;
/** Pause between comparisons of a channel that is halted: an operator has to repair it. */
const HALTED_PAUSE_MS = 2_000;

export interface SenderParts {
  readonly store: LegReads;
  readonly leader: BookLeader;
  readonly leaders: Leaders;
  readonly log: Logger;
  readonly tuning: LedgerTuning;
}

/**
 * Delivers the second legs of this book's transfers to one other book, in the order of their
 * channel numbers, until each is applied or refused there; then closes them here. Every step
 * can be repeated: the other book's cursor skips what it has, ours what is closed.
 *
 * First of all, and whenever an answer does not fit, both ends compare what they have.
 */
export class Sender {
  readonly #peerBook: number;
  readonly #parts: SenderParts;
  /** Resolves when both ends have been compared. */
  readonly compared: Promise<void>;
  #onCompared: () => void = () => undefined;
  #mustCompare = true;
  #stopped = false;
  #wake: (() => void) | undefined;
  #woken = false;
  #call: ClientUnaryCall | undefined;

  constructor(peerBook: number, parts: SenderParts) {
    this.#peerBook = peerBook;
    this.#parts = parts;
    this.compared = new Promise((resolve) => {
      this.#onCompared = resolve;
    });
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
   * Sends until `stop`. Failures are logged and tried again.
   * @throws Error of isBug
   */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.#stopped) {
      try {
        this.#woken = false;
        const more = await this.#next();
        failures = 0;
        if (more) continue;
        await this.#sleepUntilWoken(this.#mustCompare ? HALTED_PAUSE_MS : undefined);
      } catch (error) {
        if (isBug(error) && !isCallError(error)) throw error;
        if (this.#stopped) return;
        const why = describe(error);
        this.#parts.log.debug('settlement is held up', { peerBook: this.#peerBook, why });
        failures += 1;
        const { settlePauseMaxMs: longestMs } = this.#parts.tuning;
        await sleep(backoffMs(failures, { firstMs: FIRST_PAUSE_MS, longestMs }));
      }
    }
  }

  /** @param timeoutMs undefined: until there may be something to send, however long that takes */
  async #sleepUntilWoken(timeoutMs: number | undefined): Promise<void> {
    if (this.#stopped || (this.#woken && timeoutMs === undefined)) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  /** One step. Returns false if there is nothing to do until woken, or while it is halted. */
  async #next(): Promise<boolean> {
    if (this.#mustCompare) {
      await this.#compare();
      this.#onCompared();
      if (this.#isHalted) return false;
      this.#mustCompare = false;
      await catchUp(this.#parts, this.#peerBook);
    }
    if (this.#isHalted) {
      this.#mustCompare = true;
      return false;
    }
    return this.#sendSome();
  }

  /** A book that has lost rows sends nothing at all: it could not close what is answered. */
  get #isHalted(): boolean {
    const { memory } = this.#parts.leader;
    return memory.lostRows !== undefined || memory.channel(this.#peerBook).diverged !== null;
  }

  /**
   * Compares the channel with its other end. The second time, this book can also report what it has
   * of what the other end wants to compare.
   */
  async #compare(): Promise<void> {
    const { leader } = this.#parts;
    const { number: book, name } = leader.memory.book;
    let arrivedHash: ChannelHash | null = null;
    for (let time = 1; time <= 2; time += 1) {
      const before = { ...leader.memory.channel(this.#peerBook) };
      const reply = await this.#askToCompare({ book, name, view: viewOf(before, arrivedHash) });
      if (reply?.view === undefined) return;
      const theirs = endOf(reply.view);
      ({ arrivedHash } = await compare(this.#parts, this.#peerBook, theirs, before));
      const isHalted = theirs.diverged !== null;
      if (!isHalted || leader.memory.channel(this.#peerBook).diverged?.book === book) return;
    }
  }

  /** Undefined: a server of an older version, which compares nothing. */
  async #askToCompare(request: CompareChannelRequest): Promise<CompareChannelReply | undefined> {
    try {
      return await this.#ask(COMPARE_TIMEOUT_MS, (client, deadline, callback) =>
        client.compareChannel(request, new Metadata(), deadline, callback),
      );
    } catch (error) {
      if (isServiceError(error) && error.code === status.UNIMPLEMENTED) return undefined;
      throw error;
    }
  }

  /** One call. Returns false if there is nothing to send. */
  async #sendSome(): Promise<boolean> {
    const { store, leader } = this.#parts;
    const { settled, sent, settledHash } = leader.memory.channel(this.#peerBook);
    if (settled >= sent) return false;
    const { settleLegs } = this.#parts.tuning;
    const read =
      leader.memory.legsAfter(this.#peerBook, settled, settleLegs) ??
      (await store.readLegsAfter(this.#peerBook, settled, settleLegs));
    // Legs that the journal has got since may belong to a commit that is in doubt.
    const legs = read.filter((leg) => leg.number <= sent);
    const [first] = legs;
    if (first === undefined) return false;
    const { number, name } = leader.memory.book;
    const hashBefore = settledHash.through === settled ? settledHash : null;
    const request = {
      originBook: number,
      originName: name,
      closedThrough: BigInt(settled),
      firstNumber: BigInt(first.number),
      legs: legs.map(({ leg }) => leg),
      hashBefore: Buffer.from(hashBefore?.value ?? '', 'hex'),
      captures: legs.flatMap(legCaptures),
    };
    try {
      await this.#close(legs, hashBefore, await this.#settle(request));
    } catch (error) {
      if (!isServiceError(error) || reasonOf(error) !== CHANNEL_DIVERGED) throw error;
      this.#mustCompare = true;
    }
    return true;
  }

  #settle(request: SettleRequest): Promise<SettleReply> {
    return this.#ask(this.#parts.tuning.settleTimeoutMs, (client, deadline, callback) =>
      client.settle(request, new Metadata(), deadline, callback),
    );
  }

  #ask<Reply>(
    timeoutMs: number,
    call: (
      client: BookServiceClient,
      options: { deadline: number },
      callback: (error: ServiceError | null, reply: Reply) => void,
    ) => ClientUnaryCall,
  ): Promise<Reply> {
    const peer = this.#parts.leaders.leaderOf(this.#peerBook);
    if (peer === undefined) {
      throw new LedgerError('not_leader', `book ${this.#peerBook} has no known leader`);
    }
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + timeoutMs };
      this.#call = call(peer.posting, options, (error, reply) => {
        this.#call = undefined;
        if (error === null) resolve(reply);
        else reject(error);
      });
    });
  }

  /** Records the answer in this book: returns what was refused, advances the cursor. */
  async #close(
    legs: readonly NumberedLeg[],
    before: ChannelHash | null,
    reply: SettleReply,
  ): Promise<void> {
    const applied = Number(reply.appliedThrough);
    // Legs applied beyond are closed once they have been sent again, and so compared.
    const answered = legs.filter(({ number }) => number <= applied);
    const through = answered.at(-1)?.number;
    if (through === undefined) {
      // Legs before these were closed, and now they have not arrived.
      this.#mustCompare = true;
      throw new LedgerError('not_leader', `${applied} is applied, and less than was closed`);
    }
    const sent = answered.map(({ leg }) => leg);
    const hash = before === null ? undefined : hashAfterAll(before, sent).value;
    const differs = through === applied && differ(hash, reply.appliedHash);
    if (differs || applied > this.#parts.leader.memory.channel(this.#peerBook).sent) {
      this.#mustCompare = true;
      return;
    }
    const reasons = new Map(reply.refusals.map(({ number, reason }) => [Number(number), reason]));
    const refused: RefusedLeg[] = [];
    const finals: FinalCapture[] = [];
    for (const { number, leg, drawn, capture } of answered) {
      const reason = reasons.get(number);
      if (reason !== undefined) {
        refused.push({ number, reason, leg, drawn, capture });
      } else if (capture?.final === true) {
        finals.push({ number, transferId: leg.transferId, holdId: capture.holdId });
      }
    }
    const peerBook = this.#peerBook;
    await this.#parts.leader.execute({ kind: 'close', peerBook, through, refused, finals, hash });
  }
}

function legCaptures({ number, capture }: NumberedLeg): SettleRequest['captures'] {
  return capture === null ? [] : [{ number: BigInt(number), ...capture }];
}

/** False also where one of the two is not known. */
function differ(mine: string | undefined, theirs: Buffer): boolean {
  return mine !== undefined && theirs.length > 0 && mine !== theirs.toString('hex');
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'metadata' in error && 'code' in error;
}

/** True for a status that a gRPC call has ended with. */
function isCallError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'number';
}
