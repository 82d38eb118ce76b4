import type { Logger } from '../../logger.ts';
import type { PartitionStore } from '../../store/partition-store.ts';
import { describe } from '../../store/store-error.ts';
import { isBug } from '../ledger-error.ts';

/**
 * Before a take-over, which is a row itself: the journal has a partition for it, whatever became
 * of the leader before.
 *
 * @param seq where the journal ends
 * @param rows of a new partition
 */
export async function roomForTakeOver(
  store: PartitionStore,
  seq: number,
  rows: number,
  log: Logger,
): Promise<void> {
  try {
    const partitions = await store.read();
    const last = partitions.at(-1);
    if (seq === 0 && partitions.length === 1 && last !== undefined) {
      if (last.end - last.first !== rows) await store.start(rows);
      return;
    }
    if (last === undefined || last.end <= seq + 1) await store.add(rows, true);
  } catch (error) {
    if (isBug(error)) throw error;
    // If the row has no place, the take-over fails by its own error.
    log.warn('no partition of the journal could be added', { why: describe(error) });
  }
}

/**
 * After a take-over, and before anything is posted: builds the indexes of versions that the
 * leader before had not built yet. Without one every load of an account reads a whole partition.
 */
export async function completePartitions(store: PartitionStore, log: Logger): Promise<void> {
  for (const { first, versions } of await store.read()) {
    if (versions) continue;
    const startedAt = performance.now();
    try {
      await store.complete(first);
      const seconds = (performance.now() - startedAt) / 1_000;
      log.info('the indexes of a partition are built', { first, seconds });
    } catch (error) {
      if (isBug(error)) throw error;
      // The book is right without them, and slow; the keeper tries again once it is full.
      log.error('the indexes of a partition cannot be built', { first, why: describe(error) });
    }
  }
}
