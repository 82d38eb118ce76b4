import { randomUUID } from 'node:crypto';
import type { Book } from '../../core/book.ts';
import { CHAIN_START } from '../../core/chain.ts';
import type { Head } from '../append-batch.ts';
import type { Queries, Sql } from './connect.ts';

const COLUMNS = `book, instance, epoch, leader, seq, chain,
  (extract(epoch FROM at) * 1000000)::int8 AS at_micros, accounts,
  (extract(epoch FROM swept_at) * 1000000)::int8 AS swept_micros, swept_seq, fenced,
  to_json(region_books) AS region_books`;

/** Reads the head; makes it first if the database is new. */
export async function readHead(sql: Sql, book: Book): Promise<Head> {
  const head = await findHead(sql, book);
  if (head !== undefined) return head;
  await sql`
    INSERT INTO head (book, name, region, instance, epoch, leader, seq, chain, at, accounts)
    SELECT ${book.number}, ${book.name}, ${book.region}, ${randomUUID()}::uuid, 0, '', 0,
           ${CHAIN_START}, 'epoch', 0
     WHERE NOT EXISTS (SELECT 1 FROM head)
    ON CONFLICT (book) DO NOTHING`;
  const made = await findHead(sql, book);
  if (made === undefined) throw new Error(`the database has no head of ${book.name}`);
  return made;
}

async function findHead(sql: Sql, book: Book): Promise<Head | undefined> {
  const rows = await sql<Row[]>`SELECT ${sql.unsafe(COLUMNS)} FROM head`;
  const [row] = rows;
  if (row === undefined) return undefined;
  if (rows.length !== 1 || row.book !== book.number) {
    const found = rows.map((other) => other.book).join(', ');
    throw new Error(`the database holds book ${found}, not book ${book.number} (${book.name})`);
  }
  return headFrom(row);
}

/** Reads the head of a book that was led before, and keeps all others from moving it. */
export async function lockHead(transaction: Queries): Promise<Head> {
  const [row] = await transaction<Row[]>`
    SELECT ${transaction.unsafe(COLUMNS)} FROM head FOR UPDATE`;
  if (row === undefined) throw new Error('no server has ever led this book');
  return headFrom(row);
}

/** Epoch of the head as it is now, and who bumped it. */
export async function readEpoch(sql: Sql): Promise<{ epoch: number; leader: string }> {
  const [row] = await sql<{ epoch: bigint; leader: string }[]>`SELECT epoch, leader FROM head`;
  if (row === undefined) throw new Error('the head row is gone');
  return { epoch: Number(row.epoch), leader: row.leader };
}

interface Row {
  book: number;
  instance: string;
  epoch: bigint;
  leader: string;
  seq: bigint;
  chain: Uint8Array;
  at_micros: bigint;
  accounts: bigint;
  swept_micros: bigint;
  swept_seq: bigint;
  fenced: boolean;
  region_books: number[];
}

function headFrom(row: Row): Head {
  return {
    instance: row.instance,
    epoch: Number(row.epoch),
    leader: row.leader,
    seq: Number(row.seq),
    chain: Buffer.from(row.chain),
    atMicros: Number(row.at_micros),
    accounts: Number(row.accounts),
    swept: { expiresAtMicros: Number(row.swept_micros), seq: Number(row.swept_seq) },
    fenced: row.fenced,
    regionBooks: row.region_books,
  };
}
