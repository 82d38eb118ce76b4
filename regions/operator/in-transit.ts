import { ISO_4217 } from '../../ledger/core/asset.ts';
import type { Sql } from '../../ledger/store/postgres/connect.ts';
import type { BookCopies, NamedBook } from './book-copies.ts';

/** A transfer whose money has left the payer's book and is not settled in the payee's. */
export interface InTransit {
  readonly transferId: string;
  readonly fromBook: string;
  readonly toBook: string;
  readonly debitAccountId: bigint;
  readonly creditAccountId: bigint;
  readonly asset: string;
  /** Decimal digits of the minor unit. */
  readonly scale: number;
  /** In minor units. */
  readonly amount: bigint;
  /** When it left, as ISO 8601. */
  readonly at: string;
  readonly ageMs: number;
  /** Its number in the channel from one book to the other; they arrive in this order. */
  readonly channelNumber: bigint;
}

export interface TransitList {
  /** The oldest first; at most 1,000 of each book. */
  readonly transfers: readonly InTransit[];
  /** False: some book has more. */
  readonly complete: boolean;
  /** Books of which no copy answered: their outgoing transfers are missing. */
  readonly silent: readonly string[];
}

const BOOK_MAX = 1_000;

/** The transfers that have been in transit for at least this long. Never throws. */
export async function inTransit(copies: BookCopies, olderThanMs: number): Promise<TransitList> {
  const silent: string[] = [];
  const all = await Promise.all(
    copies.books.map(async (book) => {
      try {
        return await inTransitFrom(copies, book, olderThanMs);
      } catch {
        silent.push(book.name);
        return [];
      }
    }),
  );
  return {
    transfers: all
      .flatMap((found) => found.slice(0, BOOK_MAX))
      .toSorted((a, b) => b.ageMs - a.ageMs),
    complete: all.every((found) => found.length <= BOOK_MAX),
    silent: silent.toSorted(),
  };
}

async function inTransitFrom(copies: BookCopies, book: NamedBook, olderThanMs: number) {
  const database = await copies.newestCopy(book);
  const rows = await database.ask((sql) => readInTransit(sql, olderThanMs));
  const nameOf = new Map(copies.books.map(({ number, name }) => [number, name]));
  return rows.map((row): InTransit => ({
    transferId: row.id,
    fromBook: book.name,
    toBook: nameOf.get(row.peer_book) ?? String(row.peer_book),
    debitAccountId: row.debit_account,
    creditAccountId: row.peer_account,
    asset: row.asset,
    scale: row.scale ?? ISO_4217.get(row.asset) ?? 0,
    amount: row.amount,
    at: row.at.toISOString(),
    ageMs: Math.round(row.age_ms),
    channelNumber: row.channel_number,
  }));
}

interface Row {
  id: string;
  peer_book: number;
  debit_account: bigint;
  peer_account: bigint;
  asset: string;
  /** Null: not registered, as the currencies of ISO 4217. */
  scale: number | null;
  amount: bigint;
  at: Date;
  age_ms: number;
  channel_number: bigint;
}

function readInTransit(sql: Sql, olderThanMs: number): Promise<Row[]> {
  return sql<Row[]>`
    SELECT j.transfer_id AS id, j.peer_book, j.debit_account, j.credit_account AS peer_account,
           j.asset, s.scale, j.amount, j.at,
           extract(epoch FROM clock_timestamp() - j.at)::float8 * 1000 AS age_ms,
           j.channel_number
      FROM channel c
      JOIN outbound_leg j ON j.peer_book = c.peer_book AND j.channel_number > c.settled
      LEFT JOIN asset s ON s.asset = j.asset
     WHERE j.at <= clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond'
     ORDER BY j.at LIMIT ${BOOK_MAX + 1}`;
}
