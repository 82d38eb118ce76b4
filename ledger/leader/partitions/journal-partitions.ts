import type { Append } from '../../store/append-batch.ts';
import type { Partition, PartitionStore } from '../../store/partition-store.ts';
import { LedgerError } from '../ledger-error.ts';
import { type Absence, JournalIds } from './journal-ids.ts';

/** How long a batch waits for the partition that it needs. It should have been there long ago. */
const REACH_MS = 2_000;

/**
 * The partitions of a journal in the memory of its leader: where the last one ends, and which ids
 * they have. What the leader appends passes through here first.
 */
export class JournalPartitions {
  readonly ids = new JournalIds();
  /** Why the partitions are not as they should be, for an error; '' if they are. */
  trouble = '';
  readonly #store: PartitionStore;
  #partitions: readonly Partition[] = [];
  #seq: number;
  /** The batch that waits for a partition. */
  #waiting: { readonly seq: number; readonly resolve: () => void } | undefined;
  #wakeKeeper: () => void = () => undefined;

  private constructor(store: PartitionStore, seq: number) {
    this.#store = store;
    this.#seq = seq;
  }

  /**
   * @param store of the connection that the leader posts through
   * @param seq where the journal ends
   */
  static async load(store: PartitionStore, seq: number): Promise<JournalPartitions> {
    const partitions = new JournalPartitions(store, seq);
    partitions.update(await store.read());
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

  /** The partitions that have rows. */
  get withRows(): readonly Partition[] {
    return this.#partitions.filter(({ first }) => first <= this.#seq);
  }

  /** Seq that the next batch needs a partition for. */
  get needed(): number {
    return this.#waiting?.seq ?? this.#seq;
  }

  /** The partitions were read again. */
  update(partitions: readonly Partition[]): void {
    this.#partitions = partitions;
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
  committed(batch: Append): void {
    this.ids.addBatch(batch);
    this.#seq = batch.head.seqAfter;
  }

  async #reach(seq: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => {
          const why = this.trouble === '' ? 'it is still being added' : this.trouble;
          const text = `NO_PARTITION: the journal has no partition for row ${seq}: ${why}`;
          reject(new LedgerError('not_applied', text));
        }, REACH_MS);
        this.#waiting = { seq, resolve };
        this.#wakeKeeper();
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }
}
