import postgres from 'postgres';
import { RowKind } from '../../../ledger/core/journal-row.ts';
import { Reason, reasonToJSON } from '../../../proto/gen/meridian/v1/reason.ts';

/** A journal row by which a book decided a call of the load. */
export interface DecidedRow {
  readonly book: number;
  readonly seq: number;
  readonly epoch: number;
  readonly id: string;
  readonly key: string;
  readonly kind: 'transfer' | 'hold' | 'capture' | 'other';
  /** Empty: applied. Otherwise the reason, a name of the API. */
  readonly reason: string;
  readonly debitAccount: string;
  /** The account that is paid, in any book. */
  readonly payee: string;
  readonly amountMinor: string;
  /** The book that is paid, if it is another one. */
  readonly peerBook: number | null;
}

/** The row in the payee's book of a transfer that another book sent. */
export interface ArrivedRow {
  readonly book: number;
  /** The transfer's id. */
  readonly originId: string;
  readonly originBook: number;
  /** Empty: applied. */
  readonly reason: string;
}

export interface TakeOver {
  readonly book: number;
  readonly epoch: number;
  /** Address of the ledger server, or who fenced the book. */
  readonly leader: string;
  readonly atMicros: number;
}

/** The rows of the load in one book, from one snapshot. */
export interface ReadBack {
  readonly book: number;
  readonly decided: readonly DecidedRow[];
  readonly arrived: readonly ArrivedRow[];
  readonly takeOvers: readonly TakeOver[];
}

interface Row {
  readonly seq: bigint;
  readonly epoch: bigint;
  readonly id: string;
  readonly key: string;
  readonly kind: number;
  readonly reason: Reason;
  readonly debit_account: bigint | null;
  readonly payee: bigint | null;
  readonly amount: bigint | null;
  readonly peer_book: number | null;
}

const KINDS = new Map<number, DecidedRow['kind']>([
  [RowKind.transfer, 'transfer'],
  [RowKind.hold, 'hold'],
  [RowKind.capture, 'capture'],
]);

const wordOf = (reason: Reason) =>
  reason === Reason.UNSPECIFIED ? '' : reasonToJSON(reason).replace(/^REASON_/u, '');

/**
 * A pool of one connection for reading evidence: it gives up instead of waiting indefinitely.
 *
 * @param lists whether statements take or return lists. The driver then asks the server for their
 * types, and if the connection is cut meanwhile, the rejection is unhandled and ends the
 * process. So do not pass true while the database is being broken.
 */
export function evidencePool(url: string, lists = false): postgres.Sql<{ bigint: bigint }> {
  return postgres(url, {
    max: 1,
    types: { bigint: postgres.BigInt },
    fetch_types: lists,
    connect_timeout: 5,
    onnotice: () => {},
    connection: {
      application_name: 'meridian-evidence',
      TimeZone: 'UTC',
      statement_timeout: 120_000,
    },
  });
}

/** Runs one query on a copy of a book, through a new connection and without lists. */
export async function askCopy<T>(
  url: string,
  ask: (sql: postgres.Sql<{ bigint: bigint }>) => Promise<T>,
): Promise<T> {
  const pool = evidencePool(url);
  try {
    return await ask(pool);
  } finally {
    await pool.end({ timeout: 1 });
  }
}

/**
 * Reads everything that a book has of a run: the rows with a key in its namespace, and arrivals
 * for its accounts. Throws Error when the database cannot be read.
 *
 * @param url the book's primary, as a role that may read it
 * @param accounts ids of the run's accounts
 */
export async function readBack(
  url: string,
  namespace: string,
  accounts: readonly bigint[],
): Promise<ReadBack> {
  const pool = evidencePool(url, true);
  try {
    return await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (sql) => {
      const [head] = await sql<{ book: number }[]>`SELECT book FROM head`;
      if (head === undefined) throw new Error('no ledger server has ever served it');
      const { book } = head;
      const rows = await sql<Row[]>`
        SELECT seq, epoch, id, coalesce(key, id::text) AS key, kind, reason, debit_account,
               coalesce(peer_account, credit_account) AS payee, amount, peer_book
          FROM journal WHERE namespace = ${namespace} ORDER BY seq`;
      const arrived = await sql<{ origin_id: string; peer_book: number; reason: Reason }[]>`
        SELECT origin_id, peer_book, reason FROM journal
         WHERE kind = ${RowKind.settlement} AND credit_account = ANY(${accounts.map(String)}::int8[])
         ORDER BY seq`;
      const takeOvers = await sql<{ epoch: bigint; leader: string | null; at: bigint }[]>`
        SELECT epoch, reference AS leader, (extract(epoch FROM at) * 1000000)::int8 AS at
          FROM journal WHERE kind = ${RowKind.takeOver} ORDER BY seq`;
      return {
        book,
        decided: rows.map((row) => decidedFrom(book, row)),
        arrived: arrived.map((row) => ({
          book,
          originId: row.origin_id,
          originBook: row.peer_book,
          reason: wordOf(row.reason),
        })),
        takeOvers: takeOvers.map(({ epoch, leader, at }) => ({
          book,
          epoch: Number(epoch),
          leader: leader ?? '',
          atMicros: Number(at),
        })),
      };
    });
  } finally {
    await pool.end({ timeout: 1 });
  }
}

function decidedFrom(book: number, row: Row): DecidedRow {
  return {
    book,
    seq: Number(row.seq),
    epoch: Number(row.epoch),
    id: row.id,
    key: row.key,
    kind: KINDS.get(row.kind) ?? 'other',
    reason: wordOf(row.reason),
    debitAccount: String(row.debit_account ?? ''),
    payee: String(row.payee ?? ''),
    amountMinor: String(row.amount ?? ''),
    peerBook: row.peer_book,
  };
}
