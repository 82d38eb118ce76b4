import type { Sql } from '../../ledger/store/connect.ts';
import type { Book, Installation } from './installation.ts';
import { newestCopy } from './safety.ts';

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
  /** Its number on the way from one book to the other; they arrive in this order. */
  readonly channelNumber: bigint;
}

/** More than so many of one book are not told one by one. */
const MOST = 1_000;

/**
 * The transfers that have been on their way for at least so long, the oldest first, at most
 * 1,000 of each book. Throws when no copy of a book answers.
 */
export async function inTransit(
  installation: Installation,
  olderThanMs: number,
): Promise<InTransit[]> {
  const all = await Promise.all(
    installation.books.map((book) => inTransitFrom(installation, book, olderThanMs)),
  );
  return all.flat().toSorted((a, b) => b.ageMs - a.ageMs);
}

async function inTransitFrom(installation: Installation, book: Book, olderThanMs: number) {
  const member = await bestCopy(installation, book);
  const rows = await member.database.ask((sql) => readInTransit(sql, olderThanMs));
  const nameOf = new Map(installation.books.map(({ number, name }) => [number, name]));
  return rows.map((row): InTransit => ({
    transferId: row.id,
    fromBook: book.name,
    toBook: nameOf.get(row.peer_book) ?? String(row.peer_book),
    debitAccountId: row.debit_account,
    creditAccountId: row.peer_account,
    asset: row.asset,
    scale: row.scale,
    amount: row.amount,
    at: row.at.toISOString(),
    ageMs: Math.round(row.age_ms),
    channelNumber: row.channel_number,
  }));
}

/** The primary of a book, or else its newest copy that answers. Throws when none does. */
export async function bestCopy(installation: Installation, book: Book) {
  const facts = await installation.patientFacts(book);
  const newest = newestCopy(facts);
  const found = facts.members.find(({ postgres }) => postgres === newest);
  if (found !== undefined) return installation.member(book, found.member.region);
  throw new Error(`no copy of ${book.name} answers`);
}

interface Row {
  id: string;
  peer_book: number;
  debit_account: bigint;
  peer_account: bigint;
  asset: string;
  scale: number;
  amount: bigint;
  at: Date;
  age_ms: number;
  channel_number: bigint;
}

function readInTransit(sql: Sql, olderThanMs: number): Promise<Row[]> {
  return sql<Row[]>`
    SELECT j.transfer_id AS id, j.peer_book, j.debit_account, j.credit_account AS peer_account,
           j.asset, coalesce(s.scale, 0) AS scale, j.amount, j.at,
           extract(epoch FROM clock_timestamp() - j.at)::float8 * 1000 AS age_ms,
           j.channel_number
      FROM channel c
      JOIN outbound_leg j ON j.peer_book = c.peer_book AND j.channel_number > c.settled
      LEFT JOIN asset s ON s.asset = j.asset
     WHERE j.at <= clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond'
     ORDER BY j.at LIMIT ${MOST}`;
}
