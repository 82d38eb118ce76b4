import type { BookMemory } from './book-memory.ts';
import { DivergedError, type LedgerError } from './ledger-error.ts';
import type { Work } from './work.ts';
import { isDoneAfterLoss } from './work-kinds.ts';
import { WorkQueue } from './work-queue.ts';
import type { LedgerTuning } from '../ledger-tuning.ts';

/**
 * Decides what enters the queue of a leader. A book that has lost rows posts nothing of any kind;
 * until its channels have been compared after a take-over, work waits.
 */
export class Admission {
  readonly queue: WorkQueue;
  readonly #memory: BookMemory;
  /** Work that arrived while it was held back. */
  readonly #waiting: WorkQueue;
  #held = false;

  constructor(memory: BookMemory, tuning: LedgerTuning) {
    this.queue = new WorkQueue(tuning);
    this.#waiting = new WorkQueue(tuning);
    this.#memory = memory;
  }

  add(work: Work): void {
    const failure = this.failureOf(work);
    if (failure !== undefined) work.onFailure(failure);
    else if (this.#held && !isDoneAfterLoss(work)) this.#waiting.add(work);
    else this.queue.add(work);
  }

  /** The next batch; what may not be posted any more has been given its failure. */
  take(): Work[] {
    return this.queue.take().filter((work) => {
      const failure = this.failureOf(work);
      if (failure !== undefined) work.onFailure(failure);
      return failure === undefined;
    });
  }

  /** Why the work may not be done; undefined: it may. */
  failureOf(work: Work): LedgerError | undefined {
    return isDoneAfterLoss(work) ? undefined : lostRowsError(this.#memory);
  }

  /** Lets nothing that posts begin until `release`. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    for (let works = this.#waiting.take(); works.length > 0; works = this.#waiting.take()) {
      for (const work of works) this.add(work);
    }
  }

  /** Refuses all that will come; what waits can still be taken. */
  refuse(failure: LedgerError): void {
    this.release();
    this.queue.refuse(failure);
  }

  /** Refuses all that waits and all that will come. */
  close(failure: LedgerError): void {
    this.#waiting.close(failure);
    this.queue.close(failure);
  }
}

/** Why the book posts nothing; undefined: it posts. */
export function lostRowsError(memory: BookMemory): LedgerError | undefined {
  const channel = memory.lostRows;
  if (channel === undefined) return undefined;
  const { name, number } = memory.book;
  const { peerBook, diverged } = channel;
  const message =
    `${name} has lost rows that other books have built on (${diverged?.why ?? ''}): it posts ` +
    `nothing until its channels are repaired (meridian channel repair ${name})`;
  return new DivergedError(message, memory.channelName(number, peerBook));
}
