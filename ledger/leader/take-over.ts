import type { RegionBooks } from '../core/placement.ts';
import type { LeaderStore } from '../store/book-store.ts';
import type { Head } from '../store/append-batch.ts';
import { describe } from '../store/store-error.ts';
import { takeOverBatch } from '../store/take-over-batch.ts';
import { isBug } from './ledger-error.ts';

/**
 * Takes a book over: bumps its epoch and records that in the journal, in one transaction. Nothing
 * may be served before it is committed; every commit that came before it is durable then.
 *
 * @param head the book's head as it was read
 * @param leader address of this server
 * @param regionBooks by the configuration of this server: a book that was restored from an older
 *   copy may have lost a list that it was sent
 * @returns the head as it is now, or undefined if another server was faster or the book is fenced
 * @throws CommitInDoubt if the book is not taken over, although its head may show that it is
 */
export async function takeOver(
  store: LeaderStore,
  head: Head,
  leader: string,
  nowMicros: number,
  regionBooks: RegionBooks = [],
): Promise<Head | undefined> {
  const { batch, taken } = takeOverBatch(head, leader, nowMicros, regionBooks);
  return (await store.append(batch)) ? taken : undefined;
}

/** Why the leader of an epoch leads no more, according to its database; undefined: it does. */
export async function whyNotLeading(store: LeaderStore, mine: number): Promise<string | undefined> {
  try {
    const { epoch, leader } = await store.readEpoch();
    return epoch === mine ? undefined : `${leader} has taken the book over in epoch ${epoch}`;
  } catch (error) {
    if (isBug(error)) throw error;
    return `the database cannot be read: ${describe(error)}`;
  }
}
