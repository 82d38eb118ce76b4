import { PostRequest } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import { type JournalRow, RowKind } from '../../core/journal-row.ts';
import type { PlainAccounts } from '../../core/plain/plain-accounts.ts';
import type { KnownIds, PlainBatch } from '../../core/plain/plain-batch.ts';
import { idText } from '../../core/plain/plain-columns.ts';
import { type PlainItems, scanPlain } from '../../core/plain/scan-plain.ts';
import {
  HELD_AT,
  HELD_ROW_BYTES,
  PLAIN_AT,
  POSTGRES_EPOCH_MICROS,
  startOf,
} from '../../core/row-bytes.ts';
import { EMPTY_ROW } from '../../core/post/batch.ts';

/** Transfers as they come over the wire; undefined: none of them is plain. */
export function mixedItems(
  transfers: readonly CreateTransferRequest[],
  book: number,
): PlainItems | undefined {
  const timeoutMs = transfers.map(() => 600_000);
  const request = PostRequest.fromPartial({ batch: 1n, transfers: [...transfers], timeoutMs });
  return scanPlain(Buffer.from(PostRequest.encode(request).finish()), book);
}

/** The same; undefined: one of them is not plain. */
export function plainItems(
  transfers: readonly CreateTransferRequest[],
  book: number,
): PlainItems | undefined {
  const items = mixedItems(transfers, book);
  return items?.mixed === undefined ? items : undefined;
}

/** Posts plain transfers up to the first that is refused. Returns how many were posted. */
export function postAll(
  batch: PlainBatch,
  { columns }: PlainItems,
  accounts: PlainAccounts,
  known: KnownIds = NOTHING_KNOWN,
): number {
  let place = 0;
  while (place < columns.count && batch.post(columns, place, accounts, known)) place += 1;
  return place;
}

export const NOTHING_KNOWN: KnownIds = { has: () => false };

/** Accounts that take every movement. */
export const ANY_ACCOUNTS: PlainAccounts = {
  slotOf: () => 0,
  move: () => true,
  heldOf: () => undefined,
  words: new Uint32Array(8),
  versions: new Float64Array(1),
};

/** The rows of a batch, read back from their bytes. */
export function rowsOf({ rows, count, stamp, columns }: PlainBatch): JournalRow[] {
  return Array.from({ length: count }, (_, place) => {
    const start = startOf(rows, place);
    const row = rows.bytes.subarray(start, startOf(rows, place + 1));
    const held = (name: keyof typeof HELD_AT) => row.readBigInt64BE(HELD_AT[name]);
    const big = (name: keyof typeof PLAIN_AT) => row.readBigInt64BE(PLAIN_AT[name]);
    const number = (name: keyof typeof PLAIN_AT) => Number(big(name));
    const words = [0, 4, 8, 12].map((at) => row.readInt32BE(PLAIN_AT.id + at));
    const id = idText(Int32Array.from(words), 0);
    if (id !== idText(columns.ids, place)) throw new Error('a row has the id of another transfer');
    if (row.readInt16BE(PLAIN_AT.reason) !== 0) throw new Error('it was refused');
    if (row.readInt16BE(PLAIN_AT.kind) !== RowKind.transfer) throw new Error('it is no transfer');
    if (big('debitAccount') !== accountId(stamp.book, columns.debits[place] ?? 0)) {
      throw new Error('a row has the payer of another transfer');
    }
    return {
      ...EMPTY_ROW,
      seq: number('seq'),
      epoch: number('epoch'),
      id,
      kind: RowKind.transfer,
      reason: Reason.UNSPECIFIED,
      debitAccount: big('debitAccount'),
      creditAccount: big('creditAccount'),
      amount: big('amount'),
      entries: {
        debitVersion: number('debitVersion'),
        creditVersion: number('creditVersion'),
        debitDebits: big('debitDebits'),
        debitCredits: big('debitCredits'),
        creditDebits: big('creditDebits'),
        creditCredits: big('creditCredits'),
        held:
          row.length !== HELD_ROW_BYTES
            ? null
            : {
                debitHeldDebits: held('debitHeldDebits'),
                debitHeldCredits: held('debitHeldCredits'),
                creditHeldDebits: held('creditHeldDebits'),
                creditHeldCredits: held('creditHeldCredits'),
              },
      },
      atMicros: number('at') + POSTGRES_EPOCH_MICROS,
    };
  });
}
