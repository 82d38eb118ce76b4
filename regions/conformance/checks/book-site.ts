import { randomUUID } from 'node:crypto';
import { EMPTY_ROW } from '../../../ledger/core/post/batch.ts';
import { accountId } from '../../../ledger/core/account-id.ts';
import { chainAfterBytes } from '../../../ledger/core/chain.ts';
import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { encodeRows } from '../../../ledger/core/row-bytes.ts';
import type { Append, Head } from '../../../ledger/store/append-batch.ts';
import { connect, type Sql } from '../../../ledger/store/postgres/connect.ts';
import { PostgresStore } from '../../../ledger/store/postgres/postgres-store.ts';
import type { OwnDatabase } from '../own-database.ts';

export const BOOK = { number: 1, name: 'conformance', region: 'conformance' };

/** An empty book in the database of the run, and its connections. */
export class BookSite {
  readonly database: OwnDatabase;
  /** As its owner. */
  readonly owner: Sql;
  /** As the role of the ledger: one connection, as a leader has. */
  readonly ledger: Sql;
  readonly store: PostgresStore;
  /** How long rows are appended to measure the rate. */
  readonly loadMs: number;
  /** A pause of posting by which callers lose their deadlines. */
  readonly pauseMs: number;

  constructor(database: OwnDatabase, loadMs = 5_000, pauseMs = 1_000) {
    this.database = database;
    this.loadMs = loadMs;
    this.pauseMs = pauseMs;
    this.owner = connect(database.url, 2);
    this.ledger = connect(database.ledgerUrl, 1);
    this.store = new PostgresStore(this.ledger, BOOK);
  }

  async close(): Promise<void> {
    await Promise.all([this.owner.end({ timeout: 2 }), this.ledger.end({ timeout: 2 })]);
  }
}

/** A batch of transfers between two accounts that follows a head. */
export function transfersAfter(head: Head, count: number): Append {
  const atMicros = Math.max(Date.now() * 1_000, head.atMicros + 1);
  const rows = Array.from({ length: count }, (_, index): JournalRow => {
    const seq = head.seq + 1 + index;
    const moved = BigInt(seq);
    return {
      ...EMPTY_ROW,
      seq,
      epoch: head.epoch,
      atMicros,
      id: randomUUID(),
      kind: RowKind.transfer,
      debitAccount: accountId(1, 1),
      creditAccount: accountId(1, 2),
      amount: 1n,
      entries: {
        debitVersion: seq,
        creditVersion: seq,
        debitDebits: moved,
        debitCredits: 0n,
        creditDebits: 0n,
        creditCredits: moved,
        held: null,
      },
    };
  });
  const rowBytes = encodeRows(rows);
  return {
    head: {
      epochBefore: head.epoch,
      epochAfter: head.epoch,
      seqBefore: head.seq,
      seqAfter: head.seq + count,
      chainAfter: chainAfterBytes(head.chain, rowBytes.bytes),
      atMicros,
      accountsAfter: head.accounts,
    },
    rows,
    rowBytes,
    opened: [],
    channels: [],
    registered: [],
    swept: null,
    regionBooks: null,
  };
}

/** The head after a batch that was appended. */
export function headAfter(head: Head, { head: move }: Append): Head {
  const { seqAfter: seq, chainAfter, atMicros } = move;
  return { ...head, seq, chain: Buffer.from(chainAfter), atMicros };
}
