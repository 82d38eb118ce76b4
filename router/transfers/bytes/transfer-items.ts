import { bookOf } from '../../../ledger/core/account-id.ts';
import { rowsOf } from '../../../ledger/core/validate/request-rows.ts';
import { decidingAccountOf } from '../../../ledger/core/validate/validate-transfer.ts';
import {
  type CreateTransferRequest,
  CreateTransfersRequest,
  Wait,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { ByteReader } from './byte-reader.ts';

/** Tag of an item of `CreateTransfersRequest.transfers`. */
export const TRANSFERS_TAG = 0x0a;

/**
 * The transfers of one call as their bytes, which are well-formed and go to the books unread. There
 * is no object for a single transfer: a list has a column for each thing that the way needs to know.
 */
export class TransferItems {
  readonly count: number;
  /** Bytes of a CreateTransfersRequest that has nothing but the items. */
  readonly bytes: Uint8Array;
  /** Where the tag of each item is in the bytes, and where the last item ends. */
  readonly starts: Uint32Array;
  /** Number of the book that decides each. */
  readonly books: Uint16Array;
  /** 1: its caller waits until it is settled, 0: until it is posted. */
  readonly waits: Uint8Array;
  /** Rows of the journal that each leads to; undefined: one each. */
  readonly rows: Uint32Array | undefined;

  constructor(columns: {
    readonly bytes: Uint8Array;
    readonly starts: Uint32Array;
    readonly books: Uint16Array;
    readonly waits: Uint8Array;
    readonly rows: Uint32Array | undefined;
  }) {
    this.count = columns.books.length;
    this.bytes = columns.bytes;
    this.starts = columns.starts;
    this.books = columns.books;
    this.waits = columns.waits;
    this.rows = columns.rows;
  }

  /** The same as objects. */
  decoded(): CreateTransferRequest[] {
    return CreateTransfersRequest.decode(this.bytes).transfers;
  }
}

/** The items of requests that are valid. */
export function itemsOf(transfers: readonly CreateTransferRequest[]): TransferItems {
  const bytes = CreateTransfersRequest.encode({ transfers: [...transfers] }).finish();
  const starts = new Uint32Array(transfers.length + 1);
  const reader = new ByteReader(bytes, 0, bytes.length);
  for (let index = 0; index < transfers.length; index += 1) {
    starts[index] = reader.at;
    reader.varint();
    reader.skip(reader.varint());
  }
  starts[transfers.length] = bytes.length;
  return new TransferItems({
    bytes,
    starts,
    books: Uint16Array.from(transfers, (transfer) => bookOf(decidingAccountOf(transfer))),
    waits: Uint8Array.from(transfers, ({ wait }) => (wait === Wait.POSTED ? 0 : 1)),
    rows: transfers.every((transfer) => rowsOf(transfer) === 1)
      ? undefined
      : Uint32Array.from(transfers, rowsOf),
  });
}
