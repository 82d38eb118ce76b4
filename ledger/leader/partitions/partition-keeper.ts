import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import type { PartitionStore } from '../../store/partition-store.ts';
import { describe, StoreError } from '../../store/store-error.ts';
import { isBug } from '../ledger-error.ts';
import { FILTER_RECIPE } from './id-filter.ts';
import type { Segment } from './journal-ids.ts';
import type { JournalPartitions } from './journal-partitions.ts';

/** How often it looks, unless a batch waits for a partition. */
const LOOK_MS = 200;
/** Ids that are read at once: adding them keeps the leader from its own work. */
const IDS_AT_ONCE = 5_000;
/** Bytes of a filter that are copied at once, for the same reason. */
const BYTES_AT_ONCE = 16_384;
/** A failure that lasts is logged again after so long. */
const REPEAT_MS = 60_000;

/** The names under which what an operator must look at is logged. */
export type PartitionAlarm =
  /** No partition can be added: posting will stop at the end of the last one. */
  | 'PARTITION_NOT_ADDED'
  /** Indexes of a full partition cannot be built. */
  | 'PARTITION_NOT_INDEXED'
  /** A full partition has two rows that it may not have: an index finds them. */
  | 'PARTITION_HAS_DUPLICATES'
  /** The filter of a full partition cannot be made or stored. */
  | 'PARTITION_NOT_FILTERED';

interface KeeperParts {
  /** A connection of its own: the building of an index takes seconds. */
  readonly store: PartitionStore;
  readonly partitions: JournalPartitions;
  readonly log: Logger;
  /** Rows of a new partition. */
  readonly rows: number;
}

/**
 * Keeps the partitions of the journal, next to its leader: adds them well before they are needed,
 * gives full ones the indexes that they lack, and makes the filters of their ids. Each step is one
 * transaction that may be repeated, so that it may be killed at any point.
 */
export class PartitionKeeper {
  readonly #parts: KeeperParts;
  /** When each alarm was logged last, by its name and partition. */
  readonly #alarms = new Map<string, number>();
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    parts.partitions.onNeed(() => this.#wake());
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /**
   * Keeps the partitions until `stop`. Failures are logged and tried again.
   * @throws Error of isBug
   */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await this.#addAhead();
      await this.#indexFull();
      await this.#makeFilters();
      const { needed, end } = this.#parts.partitions;
      // A batch may have begun to wait in between.
      if (this.#stopped || needed < end) await Promise.race([woken, sleep(LOOK_MS)]);
      else await sleep(20);
    }
  }

  /** A whole partition ahead of the newest row, and of the batch that waits. */
  async #addAhead(): Promise<void> {
    const { store, partitions, rows, log } = this.#parts;
    await this.#attempt('PARTITION_NOT_ADDED', partitions.end, async () => {
      while (!this.#stopped && partitions.end <= partitions.needed + rows) {
        const { end } = partitions;
        await store.add(rows, true);
        partitions.update(await store.read());
        if (partitions.end <= end) throw new StoreError('refused', 'no partition was added');
        log.info('a partition of the journal is added', { end: partitions.end });
      }
    });
  }

  async #indexFull(): Promise<void> {
    const { store, partitions, log } = this.#parts;
    for (const { first, end, versions } of partitions.all) {
      if (this.#stopped) return;
      if (versions || end > partitions.seq + 1) continue;
      await this.#attempt('PARTITION_NOT_INDEXED', first, async () => {
        const startedAt = performance.now();
        await store.complete(first);
        partitions.update(await store.read());
        const seconds = (performance.now() - startedAt) / 1_000;
        log.info('the indexes of a full partition are built', { first, seconds });
      });
    }
  }

  async #makeFilters(): Promise<void> {
    const { partitions } = this.#parts;
    for (const segment of partitions.ids.segments) {
      if (this.#stopped || segment.first > partitions.seq) return;
      if (segment.stored) continue;
      await this.#attempt('PARTITION_NOT_FILTERED', segment.first, async () => {
        if (!segment.complete) await this.#fill(segment);
        const full = segment.end <= partitions.seq + 1;
        if (segment.complete && full && !segment.stored) await this.#storeFilter(segment);
      });
      // While a batch waits for a partition, nothing else matters.
      if (partitions.needed >= partitions.end) return;
    }
  }

  /** Rows that are appended meanwhile are added by the leader. */
  async #fill(segment: Segment): Promise<void> {
    const { store, partitions } = this.#parts;
    const { first, end, group, bit } = segment;
    const bits = await store.readFilter({ first, end, recipe: FILTER_RECIPE });
    if (bits?.length === group.storedBytes) {
      for (let from = 0; from < bits.length && !this.#stopped; from += BYTES_AT_ONCE) {
        group.copyIn(bit, bits, from, BYTES_AT_ONCE);
        await turn();
      }
      segment.stored = true;
    } else {
      const through = Math.min(end - 1, partitions.seq);
      for (let after = first - 1; after < through && !this.#stopped; after += IDS_AT_ONCE) {
        const ids = await store.readIdBytes(after, Math.min(after + IDS_AT_ONCE, through));
        partitions.ids.addBytes(segment, ids);
      }
    }
    if (!this.#stopped) partitions.ids.completed(segment);
  }

  async #storeFilter(segment: Segment): Promise<void> {
    const { first, end, group, bit } = segment;
    const bits = new Uint8Array(group.storedBytes);
    for (let from = 0; from < bits.length; from += BYTES_AT_ONCE) {
      group.copyOut(bit, bits, from, BYTES_AT_ONCE);
      await turn();
    }
    await this.#parts.store.writeFilter({ first, end, recipe: FILTER_RECIPE }, bits);
    segment.stored = true;
  }

  async #attempt(alarm: PartitionAlarm, first: number, step: () => Promise<void>): Promise<void> {
    const { log, partitions } = this.#parts;
    const name = alarm === 'PARTITION_NOT_ADDED' ? alarm : `${alarm} ${first}`;
    try {
      await step();
      if (this.#alarms.delete(name)) log.info('an alarm is over', { alarm, first });
      if (alarm === 'PARTITION_NOT_ADDED') partitions.trouble = '';
    } catch (error) {
      if (isBug(error)) throw error;
      if (this.#stopped) return;
      const why = describe(error);
      if (alarm === 'PARTITION_NOT_ADDED') partitions.trouble = why;
      const now = performance.now();
      if (now - (this.#alarms.get(name) ?? -Infinity) < REPEAT_MS) return;
      this.#alarms.set(name, now);
      const duplicates = alarm === 'PARTITION_NOT_INDEXED' && isDuplicate(error);
      log.error('the partitions of the journal need attention', {
        alarm: duplicates ? 'PARTITION_HAS_DUPLICATES' : alarm,
        first,
        why,
      });
    }
  }
}

const isDuplicate = (error: unknown) => error instanceof StoreError && error.failure === 'known_id';
