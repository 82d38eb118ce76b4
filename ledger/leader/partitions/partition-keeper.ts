import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { type Backoff, backoffMs } from '../../backoff.ts';
import { ledgerTuning } from '../../ledger-tuning.ts';
import type { Logger } from '../../logger.ts';
import { lockShortage } from '../../store/lock-room.ts';
import type { Partition, PartitionStore } from '../../store/partition-store.ts';
import { describe, StoreError } from '../../store/store-error.ts';
import { isBug } from '../ledger-error.ts';
import { FILTER_RECIPE } from './id-filter.ts';
import type { Segment } from './journal-ids.ts';
import type { JournalPartitions } from './journal-partitions.ts';
import { PostingLoad } from './posting-load.ts';

/**
 * Partitions that are added at once: behind it, each connection to the database plans its statements
 * over the journal once more, which takes the longer the more partitions there are.
 */
const ADDED_MIN = 4;
/** The database refuses what begins further ahead of the newest row than ten partitions, whatever their size. */
export const ADDED_MAX = 10;
/** For each partition that is added there are at least this number already. */
const THERE_PER_ADDED = 8;
/** How often it looks, unless a batch waits for a partition. */
const LOOK_MS = 200;
/** Ids that are read at once: adding them keeps the leader from its own work. */
const IDS_AT_ONCE = 5_000;
/** Bytes of a filter that are copied at once, for the same reason. */
const BYTES_AT_ONCE = 16_384;
/** When it tries again to take indexes from a partition that was being read: posting waits, too. */
const STRIP_AGAIN_MS = 10_000;
/** A failure that lasts is logged again after so long. */
const REPEAT_MS = 60_000;
/** Before a step that failed is tried again: the building of an index takes a core for seconds. */
const AGAIN: Backoff = { firstMs: 200, longestMs: 60_000 };

/** The names under which what an operator must look at is logged. */
export type PartitionAlarm =
  /** No partition can be added: posting will stop at the end of the last one. */
  | 'PARTITION_NOT_ADDED'
  /** Indexes of a full partition cannot be built. */
  | 'PARTITION_NOT_INDEXED'
  /** A full partition has two rows that it may not have: an index finds them. */
  | 'PARTITION_HAS_DUPLICATES'
  /** The filter of a full partition cannot be made or stored. */
  | 'PARTITION_NOT_FILTERED'
  /** There are more partitions than the database has locks for when all sessions plan at once. */
  | 'PARTITIONS_EXCEED_LOCKS';

/** A failure that lasts; times are by performance.now(). */
interface Alarm {
  readonly text: string;
  readonly loggedAt: number;
  /** Attempts that have failed in a row. */
  readonly failures: number;
  /** Not to be tried again before. */
  readonly againAt: number;
}

interface KeeperParts {
  /** A connection of its own: the building of an index takes seconds. */
  readonly store: PartitionStore;
  readonly partitions: JournalPartitions;
  readonly log: Logger;
  /** Rows of a new partition. */
  readonly rows: number;
  /** Epoch of the leader. */
  readonly epoch: number;
  /** Rows per second from which on partitions are bare. Default: `ledgerTuning`. */
  readonly bareAbove?: number | undefined;
  /** Called when an alarm begins or ends. */
  readonly onAlarm?: () => void;
}

/**
 * Keeps the partitions of the journal, next to its leader: adds them well before they are needed,
 * bare ones while the load is high, gives full ones the indexes that they lack, and makes the
 * filters of their ids. Each step is one transaction that may be repeated, so that it may be killed
 * at any point.
 */
export class PartitionKeeper {
  readonly #parts: KeeperParts;
  /** The alarms that last, by name and partition. */
  readonly #alarms = new Map<string, Alarm>();
  readonly #load: PostingLoad;
  #stopped = false;
  #stripAtMs = 0;
  /** First seq of the partition that was open when the partitions were read last; 0: read them again. */
  #openWhenRead = 0;
  /** Locks that all sessions may hold together: a setting of the server's start. */
  #lockRoom: number | undefined;
  #wake: () => void = () => undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#load = new PostingLoad(parts.bareAbove ?? ledgerTuning.journalBareAbove);
    parts.partitions.onNeed(() => this.#wake());
  }

  /** Each alarm that lasts, as `PARTITION_NOT_ADDED: why`. */
  get alarms(): string[] {
    return [...this.#alarms.values()].map(({ text }) => text);
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
      this.#load.sample(performance.now(), this.#parts.partitions.seq);
      await this.#addAhead();
      await this.#followLoad();
      await this.#indexFull();
      await this.#checkLocks();
      await this.#makeFilters();
      const { needed, end } = this.#parts.partitions;
      // A batch may have begun to wait in between.
      if (this.#stopped || needed < end) await Promise.race([woken, sleep(LOOK_MS)]);
      else await sleep(20);
    }
  }

  /** At least a whole partition ahead of the newest row, and of the batch that waits. */
  async #addAhead(): Promise<void> {
    const { store, partitions, rows, log } = this.#parts;
    await this.#attempt('PARTITION_NOT_ADDED', partitions.end, async () => {
      if (partitions.end > partitions.needed + rows) return;
      const ahead = addedAtOnce(partitions.all.length) * rows;
      while (!this.#stopped && partitions.end <= partitions.needed + ahead) {
        const { end, needed } = partitions;
        // What waits for a partition fits into one, however small they are otherwise.
        const size = Math.max(rows, needed + rows - end);
        const count = size > rows ? 1 : Math.floor((needed + ahead - end) / rows) + 1;
        await store.add(size, !this.#load.high, count);
        await this.#read();
        if (partitions.end <= end) throw new StoreError('refused', 'no partition was added');
        log.info('partitions of the journal are added', { count, end: partitions.end });
      }
    });
  }

  async #read(): Promise<void> {
    const { store, partitions } = this.#parts;
    partitions.update(await store.read());
    this.#openWhenRead = partitions.fromOpen[0]?.first ?? 0;
  }

  /** The open partition becomes bare when the load rises, and one that is empty both ways. */
  async #followLoad(): Promise<void> {
    const { partitions } = this.#parts;
    const { high } = this.#load;
    // Those behind the next one have time: each step makes connections plan their statements once more.
    for (const partition of partitions.fromOpen.slice(0, 2)) {
      if (this.#stopped || partitions.needed >= partitions.end) return;
      const { first, end, versions } = partition;
      if (!high && !versions && first > partitions.seq) await this.#index(partition);
      // The more of it there is, the more there is to index once more.
      if (high && versions && partitions.seq < first + (end - first) / 2) await this.#strip(first);
    }
  }

  async #strip(first: number): Promise<void> {
    const { store, partitions, log, epoch } = this.#parts;
    if (performance.now() < this.#stripAtMs || !partitions.bare(first)) return;
    try {
      await store.strip(first, epoch);
      log.info('a partition of the journal is bare', { first });
    } catch (error) {
      if (isBug(error)) throw error;
      // It is slower with its indexes, and right.
      log.info('a partition of the journal keeps its indexes', { first, why: describe(error) });
      this.#stripAtMs = performance.now() + STRIP_AGAIN_MS;
      // Whether it still has them is read again.
      this.#openWhenRead = 0;
    }
  }

  async #indexFull(): Promise<void> {
    const { partitions } = this.#parts;
    // A leader before this one may have changed them until now.
    if (partitions.fromOpen[0]?.first !== this.#openWhenRead) {
      await this.#attempt('PARTITION_NOT_INDEXED', undefined, () => this.#read());
    }
    for (const partition of partitions.all) {
      if (this.#stopped) return;
      if (partition.versions || partition.end > partitions.seq + 1) continue;
      await this.#index(partition);
      // Posting goes on meanwhile, and there may be many to index after a failure that lasted.
      await this.#addAhead();
    }
  }

  /** Builds the indexes of versions of a partition that nothing is posted to. */
  async #index({ first }: Partition): Promise<void> {
    const { store, log } = this.#parts;
    await this.#attempt('PARTITION_NOT_INDEXED', first, async () => {
      const startedAt = performance.now();
      await store.complete(first);
      await this.#read();
      const seconds = (performance.now() - startedAt) / 1_000;
      log.info('the indexes of a partition are built', { first, seconds });
    });
  }

  async #checkLocks(): Promise<void> {
    const { store, partitions } = this.#parts;
    await this.#attempt('PARTITIONS_EXCEED_LOCKS', undefined, async () => {
      this.#lockRoom ??= await store.lockRoom();
      const shortage = lockShortage(partitions.all.length, this.#lockRoom);
      if (shortage !== undefined) throw new StoreError('refused', shortage);
    });
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
    const { first, end, bit, times } = segment;
    const { group } = segment.place;
    const stored = await store.readFilter({ first, end, recipe: FILTER_RECIPE });
    if (stored !== undefined && stored.length >= group.storedBytes) {
      const bits = stored.subarray(0, group.storedBytes);
      for (let from = 0; from < bits.length && !this.#stopped; from += BYTES_AT_ONCE) {
        group.copyIn(bit, bits, from, BYTES_AT_ONCE);
        await turn();
      }
      times.restore(stored.subarray(bits.length));
      segment.stored = true;
    } else {
      const through = Math.min(end - 1, partitions.seq);
      for (let after = first - 1; after < through && !this.#stopped; after += IDS_AT_ONCE) {
        const ids = await store.readIdBytes(after, Math.min(after + IDS_AT_ONCE, through));
        partitions.ids.addBytes(segment, ids, Date.now());
      }
    }
    if (!this.#stopped) partitions.ids.completed(segment);
  }

  async #storeFilter(segment: Segment): Promise<void> {
    const { first, end, bit, times } = segment;
    const { group } = segment.place;
    const bits = new Uint8Array(group.storedBytes);
    for (let from = 0; from < bits.length; from += BYTES_AT_ONCE) {
      group.copyOut(bit, bits, from, BYTES_AT_ONCE);
      await turn();
    }
    const stored = Buffer.concat([bits, times.toBytes()]);
    await this.#parts.store.writeFilter({ first, end, recipe: FILTER_RECIPE }, stored);
    segment.stored = true;
  }

  /**
   * Makes a step, unless it has failed lately; a failure raises the alarm.
   * @param first of the partition that it is about; undefined: all of them
   */
  async #attempt(
    alarm: PartitionAlarm,
    first: number | undefined,
    step: () => Promise<void>,
  ): Promise<void> {
    const { log, partitions } = this.#parts;
    const ofAll = alarm === 'PARTITION_NOT_ADDED' || first === undefined;
    const name = ofAll ? alarm : `${alarm} ${first}`;
    if (performance.now() < (this.#alarms.get(name)?.againAt ?? 0)) return;
    try {
      await step();
      if (this.#alarms.delete(name)) {
        log.info('an alarm is over', { alarm, first });
        this.#parts.onAlarm?.();
      }
      if (alarm === 'PARTITION_NOT_ADDED') partitions.trouble = '';
    } catch (error) {
      if (isBug(error)) throw error;
      if (this.#stopped) return;
      if (alarm === 'PARTITION_NOT_ADDED') partitions.trouble = describe(error);
      const duplicates = alarm === 'PARTITION_NOT_INDEXED' && isDuplicate(error);
      this.#raise(name, duplicates ? 'PARTITION_HAS_DUPLICATES' : alarm, first, describe(error));
    }
  }

  #raise(name: string, shown: PartitionAlarm, first: number | undefined, why: string): void {
    const now = performance.now();
    const before = this.#alarms.get(name);
    const failures = (before?.failures ?? 0) + 1;
    // Posting waits for a partition, and to ask for one costs little.
    const pauseMs = shown === 'PARTITION_NOT_ADDED' ? 0 : backoffMs(failures, AGAIN);
    const isLogged = before !== undefined && now - before.loggedAt < REPEAT_MS;
    const which = first === undefined ? '' : `the partition from seq ${first} on: `;
    const text = `${shown}: ${which}${why}`;
    this.#alarms.set(name, {
      text: isLogged ? before.text : text,
      loggedAt: isLogged ? before.loggedAt : now,
      failures,
      againAt: now + pauseMs,
    });
    if (isLogged) return;
    const fields = { alarm: shown, first, why };
    this.#parts.log.error('the partitions of the journal need attention', fields);
    if (text !== before?.text) this.#parts.onAlarm?.();
  }
}

/** Of a journal with this number of partitions. */
function addedAtOnce(there: number): number {
  return Math.min(Math.max(ADDED_MIN, Math.floor(there / THERE_PER_ADDED)), ADDED_MAX);
}

const isDuplicate = (error: unknown) => error instanceof StoreError && error.failure === 'known_id';
