import { EMPTY_ROW } from '../core/post/batch.ts';
import { chainAfter } from '../core/chain.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import { longerOf, type RegionBooks } from '../core/placement.ts';
import { derivedId } from '../core/transfer-id.ts';
import type { Append } from './append-batch.ts';
import type { Head } from './append-batch.ts';

/**
 * The batch that bumps the epoch of a book, records that in the journal and does nothing else.
 *
 * @param head the book's head as it was read
 * @param leader address of the new leader, or the operator who fenced the book
 * @param configured the books of the region by the configuration of the new leader
 * @returns the batch, and the head as it is once that is appended
 */
export function takeOverBatch(
  head: Head,
  leader: string,
  nowMicros: number,
  configured: RegionBooks = [],
): { batch: Append; taken: Head } {
  // A list that contradicts what the book was sent is not taken over: openings are refused then.
  const regionBooks = longerOf(head.regionBooks, configured) ?? head.regionBooks;
  const epoch = head.epoch + 1;
  const seq = head.seq + 1;
  const atMicros = Math.max(nowMicros, head.atMicros + 1);
  const row: JournalRow = {
    ...EMPTY_ROW,
    seq,
    epoch,
    id: derivedId('take-over', head.instance, String(epoch)),
    kind: RowKind.takeOver,
    reference: leader,
    atMicros,
  };
  const chain = chainAfter(head.chain, [row]);
  const batch: Append = {
    head: {
      epochBefore: head.epoch,
      epochAfter: epoch,
      leader,
      regionBooksBefore: head.regionBooks,
      seqBefore: head.seq,
      seqAfter: seq,
      chainAfter: chain,
      atMicros,
      accountsAfter: head.accounts,
    },
    rows: [row],
    opened: [],
    channels: [],
    registered: [],
    swept: null,
    regionBooks: regionBooks === head.regionBooks ? null : regionBooks,
  };
  return { batch, taken: { ...head, epoch, leader, seq, chain, atMicros, regionBooks } };
}
