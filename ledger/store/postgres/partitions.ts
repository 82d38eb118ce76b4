import { createHash } from 'node:crypto';
import type { FilterKey, Partition, PartitionStore, SuspectId } from '../partition-store.ts';
import { idsLiteral, numbersLiteral } from './array-literal.ts';
import type { Fragment, Sql } from './connect.ts';
import { asked } from './translate-error.ts';

/** Ids that one statement looks for: a new leader looks for each in hundreds of partitions. */
const SUSPECTS_AT_ONCE = 1_000;

/** The partitions of a journal in Postgres. */
export class PostgresPartitions implements PartitionStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  read() {
    return asked(() => readPartitions(this.#sql));
  }

  start(size: number) {
    return asked(() => startJournal(this.#sql, size));
  }

  add(size: number, versions: boolean, count = 1) {
    return asked(() => addPartitions(this.#sql, size, versions, count));
  }

  complete(first: number) {
    return asked(() => completePartition(this.#sql, first));
  }

  strip(first: number, epoch: number) {
    return asked(() => stripPartition(this.#sql, first, epoch));
  }

  lockRoom() {
    return asked(() => lockRoom(this.#sql));
  }

  anyExists(suspects: readonly SuspectId[]) {
    return asked(() => anyExists(this.#sql, suspects));
  }

  readIdBytes(after: number, through: number) {
    return asked(() => readIdBytes(this.#sql, after, through));
  }

  readFilter(key: FilterKey) {
    return asked(() => readFilter(this.#sql, key));
  }

  writeFilter(key: FilterKey, bits: Uint8Array) {
    return asked(() => writeFilter(this.#sql, key, bits));
  }
}

interface PartitionRow {
  first_seq: bigint;
  end_seq: bigint;
  has_id: boolean;
  versions: boolean;
}

/** All partitions, in the order of their rows. */
async function readPartitions(sql: Sql): Promise<Partition[]> {
  const rows = await sql<PartitionRow[]>`
    SELECT first_seq, end_seq, has_id, has_debit_version AND has_credit_version AS versions
      FROM journal_partition ORDER BY first_seq`;
  return rows.map((row) => ({
    first: Number(row.first_seq),
    end: Number(row.end_seq),
    ids: row.has_id,
    versions: row.versions,
  }));
}

/** Gives a journal without rows a first partition of this size; any other is left as it is. */
async function startJournal(sql: Sql, size: number): Promise<void> {
  await sql`SELECT journal_start(${size})`;
}

/**
 * Adds the next partitions, in one transaction. Neither posting nor a reader waits for it, nor it for
 * them: what holds the journal against it (a maintenance command of an operator) makes it fail soon.
 *
 * @throws PostgresError 55P03 if another session keeps it from that for a second
 */
async function addPartitions(
  sql: Sql,
  size: number,
  versions: boolean,
  count: number,
): Promise<void> {
  await callWithin(sql, '1s', sql`journal_add_partition(${size}, ${versions})`, count);
}

/**
 * Builds the indexes of versions of a partition that nothing is posted to any more, or not yet.
 * @throws PostgresError 23505 if two rows of it have one version of an account, 55P03 if a
 *   maintenance command of an operator keeps it from that; autovacuum gives way after a second
 */
async function completePartition(sql: Sql, first: number): Promise<void> {
  await callWithin(sql, '5s', sql`journal_complete_partition(${first})`);
}

/**
 * Takes the indexes of versions from a partition that is not full.
 * @throws PostgresError 55P03 if a reader of the journal keeps it from that for a moment, 55000 if
 *   the book has another leader than the one of this epoch
 */
async function stripPartition(sql: Sql, first: number, epoch: number): Promise<void> {
  // Long enough for a batch that is being committed. What waits for this lock makes other readers
  // wait.
  await callWithin(sql, '250ms', sql`journal_strip_partition(${first}, ${epoch})`);
}

/**
 * Calls a function of the database once or several times, and waits for no lock longer than a limit.
 * It is one statement: the locks that it takes end with it, however late this process is.
 */
async function callWithin(sql: Sql, limit: string, call: Fragment, times = 1): Promise<void> {
  await sql`
    WITH limited AS MATERIALIZED (SELECT set_config('lock_timeout', ${limit}, true))
    SELECT ${call} FROM limited, generate_series(1, ${times})`;
}

/**
 * Locks that all sessions of the server may hold together: the manual's formula. Another engine may
 * have no such setting, and then has no such limit.
 */
async function lockRoom(sql: Sql): Promise<number> {
  const [row] = await sql<{ room: bigint | null }[]>`
    SELECT current_setting('max_locks_per_transaction', true)::int8 *
           (current_setting('max_connections', true)::int8 +
            current_setting('max_prepared_transactions', true)::int8) AS room`;
  return Number(row?.room ?? Infinity);
}

/** True if the journal has a row of one of these ids between its seqs: one index step for each. */
async function anyExists(sql: Sql, suspects: readonly SuspectId[]): Promise<boolean> {
  for (let at = 0; at < suspects.length; at += SUSPECTS_AT_ONCE) {
    if (await anyExistsOf(sql, suspects.slice(at, at + SUSPECTS_AT_ONCE))) return true;
  }
  return false;
}

async function anyExistsOf(sql: Sql, suspects: readonly SuspectId[]): Promise<boolean> {
  const [row] = await sql<{ found: boolean }[]>`
    SELECT EXISTS (
      SELECT 1
        FROM unnest(${idsLiteral(suspects.map(({ id }) => id))}::uuid[],
                    ${numbersLiteral(suspects.map(({ first }) => first))}::int8[],
                    ${numbersLiteral(suspects.map(({ end }) => end))}::int8[])
             AS wanted(id, first_seq, end_seq)
       CROSS JOIN LATERAL (
              SELECT 1 FROM journal
               WHERE journal.id = wanted.id
                 AND journal.seq >= wanted.first_seq AND journal.seq < wanted.end_seq
              OFFSET 0) found) AS found`;
  return row?.found === true;
}

/** Ids of the rows with these seqs (after, through), 16 bytes each. */
async function readIdBytes(sql: Sql, after: number, through: number): Promise<Buffer> {
  const [row] = await sql<{ ids: Uint8Array | null }[]>`
    SELECT string_agg(uuid_send(id), '') AS ids
      FROM journal WHERE seq > ${after} AND seq <= ${through}`;
  return Buffer.from(row?.ids ?? []);
}

/** The filter of the seqs from `first` to before `end`; undefined: none that can be used. */
async function readFilter(
  sql: Sql,
  { first, end, recipe }: FilterKey,
): Promise<Uint8Array | undefined> {
  const [row] = await sql<{ bits: Uint8Array; digest: Uint8Array }[]>`
    SELECT bits, digest FROM journal_filter
     WHERE first_seq = ${first} AND end_seq = ${end} AND recipe = ${recipe}`;
  if (row === undefined || !digestOf(row.bits).equals(Buffer.from(row.digest))) return undefined;
  return row.bits;
}

async function writeFilter(
  sql: Sql,
  { first, end, recipe }: FilterKey,
  bits: Uint8Array,
): Promise<void> {
  await sql`
    INSERT INTO journal_filter (first_seq, end_seq, recipe, bits, digest)
    VALUES (${first}, ${end}, ${recipe}, ${bits}, ${digestOf(bits)})
    ON CONFLICT (first_seq) DO UPDATE
       SET end_seq = excluded.end_seq, recipe = excluded.recipe, bits = excluded.bits,
           digest = excluded.digest`;
}

function digestOf(bits: Uint8Array): Buffer {
  return createHash('sha256').update(bits).digest();
}
