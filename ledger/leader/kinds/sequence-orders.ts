import type { SequenceRuns } from '../../core/plain/scan-plain.ts';
import { type Holds, SequenceOrder } from '../../core/plain/sequence-order.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';

/** What a stream without runs has: one sequence. */
const WHOLE_STREAM: SequenceRuns = { sequences: [0], ends: [Infinity] };

/** What the general lane has to do of each sequence of one stream, as far as there is anything. */
export class SequenceOrders {
  readonly #book: number;
  readonly #holds: Holds;
  readonly #orders = new Map<number, SequenceOrder>();

  constructor(book: number, holds: Holds) {
    this.#book = book;
    this.#holds = holds;
  }

  /** Adds the requests of a work. @param runs undefined: they are of the whole stream's sequence */
  addAll(requests: readonly CreateTransferRequest[], runs = WHOLE_STREAM): void {
    let start = 0;
    for (const [place, sequence] of runs.sequences.entries()) {
      const end = runs.ends[place] ?? 0;
      this.#begun(sequence).addAll(requests.slice(start, end));
      start = end;
    }
  }

  /** The orders of the transfers of a work, which must be asked for in their order. */
  runs(runs = WHOLE_STREAM): OrdersOfWork {
    let place = 0;
    const sequenceOf = (index: number) => {
      while (index >= (runs.ends[place] ?? Infinity)) place += 1;
      return runs.sequences[place] ?? 0;
    };
    return {
      at: (index) => (this.#orders.size === 0 ? undefined : this.#orders.get(sequenceOf(index))),
      begun: (index) => this.#begun(sequenceOf(index)),
    };
  }

  #begun(sequence: number): SequenceOrder {
    const order = this.#orders.get(sequence) ?? new SequenceOrder(this.#book, this.#holds);
    this.#orders.set(sequence, order);
    return order;
  }
}

export interface OrdersOfWork {
  /** The order of the sequence of a transfer, by its index; undefined: nothing general is before. */
  at(index: number): SequenceOrder | undefined;
  /** The same, made if there is none yet. */
  begun(index: number): SequenceOrder;
}
