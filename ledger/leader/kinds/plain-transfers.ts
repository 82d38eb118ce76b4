import { PlainBatch, type PlainStamp } from '../../core/plain/plain-batch.ts';
import { idText, type PlainColumns } from '../../core/plain/plain-columns.ts';
import { rowsOfAll } from '../../core/validate/request-rows.ts';
import type { KnownOutcomes } from '../known-outcomes.ts';
import type { Absence } from '../partitions/journal-ids.ts';
import type { PlainWork, Work } from '../work.ts';
import { BatchPart, type Lookup, type WorkKind } from './batch-part.ts';
import { SequenceOrders } from './sequence-orders.ts';
import { type PlainState, SplitWork } from './split-work.ts';
import type { TransferPart, WorkItems } from './transfers.ts';

/**
 * A row alone goes to the general lane. Measured: in one statement it takes Postgres 0.27 ms, as bytes
 * that are copied 0.30 ms, and this process 0.40 ms either way. From two rows on Postgres takes the
 * same, and this process less.
 */
const ROWS_MIN = 2;

/**
 * The plain transfers of a batch, which are posted before all else. A transfer that the plain lane
 * does not decide is demoted: the general lane decides it in the same batch, with what is not
 * plain. What is of one sequence is posted in its order; so a plain transfer is demoted as well if
 * general ones came before it that may look at one of its accounts.
 */
export class PlainPart extends BatchPart {
  /** All works of the batch, in the order of arrival. */
  #arrived: readonly Work[] = [];
  #transfers: TransferPart | undefined;
  readonly #splits: ReadonlyMap<PlainWork, SplitWork>;
  #batch: PlainBatch | undefined;

  /** @param now performance.now(): what should have begun before is not started any more */
  constructor(works: readonly PlainWork[], now: number) {
    super();
    this.#splits = new Map(works.map((work) => [work, new SplitWork(work, now)]));
    const few = this.unanswered < ROWS_MIN;
    for (const split of this.#splits.values()) if (few || split.isLate(now)) split.demoteAll();
  }

  /** To be called once. @param transfers the part that takes what is not plain, or is demoted */
  connect(arrived: readonly Work[], transfers: TransferPart): void {
    this.#arrived = arrived;
    this.#transfers = transfers;
    this.#handOver();
  }

  /** Columns of all works that have transfers which are not demoted. */
  get columns(): PlainColumns[] {
    const columns: PlainColumns[] = [];
    for (const split of this.#splits.values()) {
      if (split.plain > 0) columns.push(split.work.items.columns);
    }
    return columns;
  }

  /** Transfers that are not demoted. */
  override get unanswered(): number {
    let plain = 0;
    for (const split of this.#splits.values()) plain += split.plain;
    return plain;
  }

  override async lookUp({ known, journalOnly }: Lookup): Promise<void> {
    if (journalOnly) {
      this.demoteAll();
      return;
    }
    const unasked: SplitWork[] = [];
    for (const split of this.#splits.values()) {
      const hints = await split.work.hints;
      if (hints === undefined) unasked.push(split);
      else if (hints.size > 0) split.demoteKeys(hints);
    }
    // Without Redis the journal is asked first: a retry then costs a look-up, not a batch.
    if (unasked.length > 0) await demoteRecorded(known, unasked);
    this.#handOver();
  }

  /** All transfers go to the general lane. */
  demoteAll(): void {
    for (const split of this.#splits.values()) split.demoteAll();
    this.#handOver();
  }

  /**
   * Posts all transfers that are not demoted, or demotes them. Called again for each attempt.
   * Returns undefined if nothing is plain.
   */
  post(stamp: PlainStamp, state: PlainState): PlainBatch | undefined {
    this.#batch = undefined;
    const capacity = this.unanswered;
    if (capacity === 0) return undefined;
    const batch = new PlainBatch(capacity, stamp);
    const orders = new Map<object | undefined, SequenceOrders>();
    const ordersOf = (stream: object | undefined) => {
      const known = orders.get(stream) ?? new SequenceOrders(stamp.book, state.holds);
      orders.set(stream, known);
      return known;
    };
    for (const work of this.#arrived) {
      if (work.kind === 'transfers') ordersOf(work.stream).addAll(work.requests, work.runs);
      if (work.kind === 'plain') {
        this.#splits.get(work)?.post(batch, state, ordersOf(work.stream));
      }
    }
    this.#handOver();
    if (batch.count === 0) return undefined;
    this.#batch = batch;
    return batch;
  }

  plan(): void {
    // What is plain has been posted already, and needs no command.
  }

  answer(): void {
    // The answers follow from the places of the rows.
  }

  /** What the filters have shown of the ids of all rows; undefined: not of each. */
  get absence(): Absence | undefined {
    let seq = Infinity;
    const doubtful: number[] = [];
    for (const split of this.#splits.values()) {
      if (split.plain === 0) continue;
      const { absence } = split.work;
      if (absence === undefined) return undefined;
      seq = Math.min(seq, absence.seq);
      doubtful.push(...split.placesInBatch(absence.doubtful));
    }
    return seq === Infinity ? undefined : { seq, doubtful };
  }

  /** Remembers what this batch has decided. Returns the ids, four words each, for Redis. */
  remember(known: KnownOutcomes): Int32Array | undefined {
    if (this.#batch === undefined) return undefined;
    known.rememberPlain(this.#batch);
    const { columns, count } = this.#batch;
    return columns.ids.subarray(0, count * 4);
  }

  /** Works with anything for the general lane are answered once that has its results. */
  publish(): void {
    for (const split of this.#splits.values()) {
      if (split.general === undefined) split.publish();
    }
  }

  /** The general lane gets what is not plain and what is demoted, in the order of arrival. */
  #handOver(): void {
    const general: WorkItems[] = [];
    for (const work of this.#arrived) {
      const own =
        work.kind === 'transfers'
          ? this.#transfers?.itemsOf(work)
          : work.kind === 'plain'
            ? this.#splits.get(work)?.general
            : undefined;
      if (own !== undefined) general.push(own);
    }
    this.#transfers?.takeOver(general);
  }
}

/** Demotes those of which the journal has the key. */
async function demoteRecorded(known: KnownOutcomes, splits: readonly SplitWork[]): Promise<void> {
  const ids = splits.flatMap(({ work: { items } }) => {
    const { count, ids: words } = items.columns;
    return Array.from({ length: count }, (_, place) => idText(words, place));
  });
  const existing = await known.existing(ids);
  if (existing.size > 0) for (const split of splits) split.demoteKeys(existing);
}

export const plain: WorkKind<PlainWork, PlainPart> = {
  rows: ({ items, others }) =>
    items.columns.count + (others === undefined ? 0 : rowsOfAll(others.requests)),
  bounded: true,
  newPart: (works, now) => new PlainPart(works, now),
};
