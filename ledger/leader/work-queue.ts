import { LedgerError } from './ledger-error.ts';
import type { Work } from './work.ts';
import { isBounded, rowsOfWork } from './work-kinds.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';
import { MIB } from '../core/limits.ts';

/** Work that waits, and what it counts. */
interface Waiting {
  readonly work: Work;
  readonly items: number;
  readonly bytes: number;
}

/** The bounded queue in front of the leader. Whatever waits forms the next batch. */
export class WorkQueue {
  readonly #tuning: LedgerTuning;
  #waiting: Waiting[] = [];
  #items = 0;
  #bytes = 0;
  #closed: LedgerError | undefined;
  #wake: (() => void) | undefined;
  #full: (() => void) | undefined;

  constructor(tuning: LedgerTuning = ledgerTuning) {
    this.#tuning = tuning;
  }

  /** Adds work, or gives it its failure at once. */
  add(work: Work): void {
    if (this.#closed !== undefined) {
      work.onFailure(this.#closed);
      return;
    }
    const { items, bytes } = waitingOf(work);
    const tooMany = this.#items + items > this.#tuning.queueItems;
    const tooLarge = this.#bytes > 0 && this.#bytes + bytes > this.#tuning.queueMib * MIB;
    // Work that releases money (settlements) is admitted beyond the bound: one per peer at most.
    if (isBounded(work) && (tooMany || tooLarge)) {
      const why = `${this.#items} items of ${this.#bytes} bytes are waiting already`;
      work.onFailure(new LedgerError('overloaded', why));
      return;
    }
    this.#items += items;
    this.#bytes += bytes;
    this.#waiting.push({ work, items, bytes });
    this.#wake?.();
    if (this.#items >= this.#tuning.batchItems) this.#full?.();
  }

  /** Resolves when a full batch waits. Only the newest of several promises does. */
  async whenFull(): Promise<void> {
    if (this.#items >= this.#tuning.batchItems) return;
    await new Promise<void>((resolve) => {
      this.#full = resolve;
    });
  }

  /** Ends a wait for work although there may be none. */
  wake(): void {
    this.#wake?.();
  }

  /** Resolves when there is work, when the queue is closed, or after `timeoutMs`. */
  async waitForWork(timeoutMs: number): Promise<void> {
    if (this.#waiting.length > 0 || this.#closed !== undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      // Named first: a function that is assigned as it is written stays until a full collection.
      const wake = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#wake = wake;
    });
    this.#wake = undefined;
  }

  /** The next batch, in the order of arrival; empty if nothing waits. */
  take(): Work[] {
    let items = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      if (count > 0 && items + waiting.items > this.#tuning.batchItems) break;
      items += waiting.items;
      this.#bytes -= waiting.bytes;
      count += 1;
    }
    this.#items -= items;
    return this.#waiting.splice(0, count).map(({ work }) => work);
  }

  /** Refuses all that will come; what waits can still be taken. */
  refuse(failure: LedgerError): void {
    this.#closed = failure;
    this.#wake?.();
  }

  /** Refuses all that waits and all that will come. */
  close(failure: LedgerError): void {
    this.#closed = failure;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#items = 0;
    this.#bytes = 0;
    for (const { work } of waiting) work.onFailure(failure);
    this.#wake?.();
  }
}

function waitingOf(work: Work): Waiting {
  return { work, items: rowsOfWork(work), bytes: bytesOfWork(work) };
}

/** What the requests of a work take as they are encoded. */
function bytesOfWork(work: Work): number {
  if (work.kind === 'plain') return work.items.bytes.length;
  return work.kind === 'transfers' ? (work.bytes ?? 0) : 0;
}
