import { EMPTY_ROW } from '../core/batch.ts';
import { chainAfter } from '../core/chain.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import { derivedId } from '../core/transfer-id.ts';
import { append } from '../store/append.ts';
import type { Sql } from '../store/connect.ts';
import type { Head } from '../store/head.ts';

/**
 * Takes a book over: bumps its epoch and says so in the journal, in one transaction. Nothing
 * may be served before it is committed; every commit that came before it is durable then.
 *
 * @param head the book's head as it was read
 * @param leader address of this server
 * @returns the head as it is now, or undefined if another server was faster
 */
export async function takeOver(
  sql: Sql,
  head: Head,
  leader: string,
  nowMicros: number,
): Promise<Head | undefined> {
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
  const fenced = await append(sql, {
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
  });
  return fenced ? { ...head, epoch, leader, seq, chain, atMicros } : undefined;
}
