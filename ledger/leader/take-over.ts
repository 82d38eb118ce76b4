import { append } from '../store/append.ts';
import type { RegionBooks } from '../core/placement.ts';
import type { Sql } from '../store/connect.ts';
import { type Head, readEpoch } from '../store/head.ts';
import { describe } from '../store/sqlstate.ts';
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
  sql: Sql,
  head: Head,
  leader: string,
  nowMicros: number,
  regionBooks: RegionBooks = [],
): Promise<Head | undefined> {
  const { batch, taken } = takeOverBatch(head, leader, nowMicros, regionBooks);
  return (await append(sql, batch)) ? taken : undefined;
}

/** Why the leader of an epoch leads no more, according to its database; undefined: it does. */
export async function whyNotLeading(sql: Sql, mine: number): Promise<string | undefined> {
  try {
    const { epoch, leader } = await readEpoch(sql);
    return epoch === mine ? undefined : `${leader} has taken the book over in epoch ${epoch}`;
  } catch (error) {
    if (isBug(error)) throw error;
    return `the database cannot be read: ${describe(error)}`;
  }
}
