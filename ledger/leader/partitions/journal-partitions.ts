import type { Append } from '../../store/append-batch.ts';
import type { Partition, PartitionStore } from '../../store/partition-store.ts';
import type { EntryPlaces } from '../book-memory.ts';
import { must } from '../../core/assert.ts';
import { LedgerError } from '../ledger-error.ts';
import { type Absence, type BatchRows, JournalIds } from './journal-ids.ts';

/** How long a batch waits for the partition that it needs. It should have been there long ago. */
const REACH_MS = 2_000;

type Asked = Pick<PartitionStore, 'read' | 'anyExists'>;

/**
 * The partitions of a journal in the memory of its leader: where the last one ends, which ids they
 * have, and which of them are pinned. What the leader appends passes through here first.
 *
 * The newest entry of an account is found by the indexes of versions, which a bare partition does
 * not have. So the partition that is open is pinned, and stays so until it is full and has them:
 * the accounts that change in it stay in memory, and a load leaves it out. This holds whichever
 * indexes the database has at the moment: they make loads fast, they never make them right.
 */
export class JournalPartitions implements EntryPlaces {
  readonly ids = new JournalIds();
  /** Why the partitions are not as they should be, for an error; '' if they are. */
  trouble = '';
  readonly #store: Asked;
  readonly #reachMs: number;
  #partitions: readonly Partition[] = [];
  #seq: number;
  /** Index of the partition that has the newest row. */
  #open = 0;
  /** Index of the first pinned partition. */
  #pinned = 0;
  /** The batch that waits for a partition. */
  #waiting: { readonly seq: number; readonly resolve: () => void } | undefined;
  #wakeKeeper: () => void = () => undefined;

  private constructor(store: Asked, seq: number, reachMs: number) {
    this.#store = store;
    this.#reachMs = reachMs;
    this.#seq = seq;
  }

  /**
   * @param store of the connection that the leader posts through
   * @param seq of the row of the take-over, where the journal ends: it changes no account
   * @param reachMs how long a batch waits for the partition that it needs
   */
  static async load(store: Asked, seq: number, reachMs = REACH_MS): Promise<JournalPartitions> {
    const partitions = new JournalPartitions(store, seq, reachMs);
    const all = await store.read();
    // Accounts that the leader before has changed are not in memory.
    const mine = all.findIndex(({ first }) => first >= seq);
    partitions.#pinned = mine < 0 ? all.length : mine;
    partitions.update(all);
    return partitions;
  }

  /** As they were read last. */
  get all(): readonly Partition[] {
    return this.#partitions;
  }

  /** Seq of the last row that is committed. */
  get seq(): number {
    return this.#seq;
  }

  /** First seq that lies in no partition. */
  get end(): number {
    return this.#partitions.at(-1)?.end ?? 1;
  }

  get openPlace(): number {
    return this.#open + 1;
  }

  get pinnedPlace(): number {
    return this.#pinned + 1;
  }

  get notPinned(): readonly Partition[] {
    return this.#partitions.slice(0, Math.min(this.#pinned, this.#open + 1));
  }

  /** The partition that has the newest row, and those after it. */
  get fromOpen(): readonly Partition[] {
    return this.#partitions.slice(this.#open);
  }

  /** Seq that the next batch needs a partition for. */
  get needed(): number {
    return this.#waiting?.seq ?? this.#seq;
  }

  /** The partitions were read again. */
  update(partitions: readonly Partition[]): void {
    this.#partitions = partitions;
    this.#moveOn();
    this.ids.extend(partitions, this.#seq);
    if (this.#waiting !== undefined && this.#waiting.seq < this.end) this.#waiting.resolve();
  }

  /** Calls back when a batch waits for a partition. */
  onNeed(wake: () => void): void {
    this.#wakeKeeper = wake;
  }

  /**
   * Looks, before a batch is committed, for what the indexes of its own partition cannot refuse.
   *
   * @param absence what the filters have shown of its plain ids before; undefined: nothing
   * @returns false if an id of it may not be appended: the journal has it, in another partition
   * @throws LedgerError `not_applied` if the journal has no partition for it
   */
  async admits(batch: Append, absence?: Absence): Promise<boolean> {
    const { head } = batch;
    if (head.seqAfter >= this.end) await this.#reach(head.seqAfter);
    if (this.#partitions.some(({ end }) => head.seqBefore + 1 < end && end <= head.seqAfter)) {
      // It begins in one partition and ends in another: no index sees all of it.
      if (this.ids.repeats(batch)) return false;
    }
    const suspects = this.ids.suspects(batch, absence);
    return suspects.length === 0 || !(await this.#store.anyExists(suspects));
  }

  /** A batch has been committed. */
  committed(batch: BatchRows): void {
    this.ids.addBatch(batch);
    this.#seq = batch.head.seqAfter;
    this.#moveOn();
  }

  /**
   * Before the indexes of versions are taken from a partition: it is bare from now on, until the
   * partitions are read again.
   *
   * @returns false: they must not be taken, for accounts may have been forgotten that have changed
   *   in it
   */
  bare(first: number): boolean {
    const index = this.#partitions.findIndex((partition) => partition.first === first);
    if (index < this.#open || index < this.#pinned) return false;
    this.#partitions = this.#partitions.with(index, {
      ...must(this.#partitions[index], 'it was found'),
      versions: false,
    });
    return true;
  }

  #moveOn(): void {
    while ((this.#partitions[this.#open + 1]?.first ?? Infinity) <= this.#seq) this.#open += 1;
    while (this.#pinned < this.#open && this.#partitions[this.#pinned]?.versions === true) {
      this.#pinned += 1;
    }
  }

  async #reach(seq: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => {
          const why = this.trouble === '' ? 'it is still being added' : this.trouble;
          const text = `NO_PARTITION: the journal has no partition for row ${seq}: ${why}`;
          reject(new LedgerError('not_applied', text));
        }, this.#reachMs);
        this.#waiting = { seq, resolve };
        this.#wakeKeeper();
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }
}
