import type { BookMemory } from './book-memory.ts';
import { DivergedFault, type LedgerFault } from './ledger-fault.ts';
import type { Work } from './work.ts';
import { isDoneAfterLoss } from './work-kinds.ts';
import { WorkQueue } from './work-queue.ts';
import type { LedgerTuning } from '../tuning.ts';

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
    const fault = this.faultOf(work);
    if (fault !== undefined) work.onFault(fault);
    else if (this.#held && !isDoneAfterLoss(work)) this.#waiting.add(work);
    else this.queue.add(work);
  }

  /** The next batch; what may not be posted any more has been given its fault. */
  take(): Work[] {
    return this.queue.take().filter((work) => {
      const fault = this.faultOf(work);
      if (fault !== undefined) work.onFault(fault);
      return fault === undefined;
    });
  }

  /** Why the work may not be done; undefined: it may. */
  faultOf(work: Work): LedgerFault | undefined {
    return isDoneAfterLoss(work) ? undefined : lostRowsFault(this.#memory);
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
  refuse(fault: LedgerFault): void {
    this.release();
    this.queue.refuse(fault);
  }

  /** Refuses all that waits and all that will come. */
  close(fault: LedgerFault): void {
    this.#waiting.close(fault);
    this.queue.close(fault);
  }
}

/** Why the book posts nothing; undefined: it posts. */
export function lostRowsFault(memory: BookMemory): LedgerFault | undefined {
  const channel = memory.lostRows;
  if (channel === undefined) return undefined;
  const { name, number } = memory.book;
  const { peerBook, diverged } = channel;
  const message =
    `${name} has lost rows that other books have built on (${diverged?.why ?? ''}): it posts ` +
    `nothing until its channels are repaired (meridian channel repair ${name})`;
  return new DivergedFault(message, memory.channelName(number, peerBook));
}
