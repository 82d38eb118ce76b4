import { EMPTY_ROW } from '../core/post/batch.ts';
import { chainAfter } from '../core/chain.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import { derivedId } from '../core/transfer-id.ts';
import type { Append } from './append.ts';
import type { Head } from './head.ts';

/**
 * The batch that bumps the epoch of a book, records that in the journal and does nothing else.
 *
 * @param head the book's head as it was read
 * @param leader address of the new leader, or the operator who fenced the book
 * @returns the batch, and the head as it is once that is appended
 */
export function takeOverBatch(
  head: Head,
  leader: string,
  nowMicros: number,
): { batch: Append; taken: Head } {
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
  };
  return { batch, taken: { ...head, epoch, leader, seq, chain, atMicros } };
}
