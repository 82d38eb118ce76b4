import type postgres from 'postgres';
import { checkAppendOnly } from '../../../ledger/audit/append-only.ts';
import { checkPartitions } from '../../../ledger/audit/partition-bounds.ts';
import { Findings } from '../../../ledger/audit/findings.ts';
import * as audit from '../../../ledger/audit/read-book.ts';
import { readJournal } from '../../../ledger/audit/read-journal.ts';
import { evidencePool } from '../../../regions/drills/evidence/read-back.ts';
import { copyFile, writeCopy } from './final-file.ts';
import type { CopyTables, PartitionsRead } from './copy-reads.ts';

/**
 * Reads one copy of a book at one moment, and writes it into the folder of a run's final reads.
 * Throws Error when the database cannot be read to its end; then the file is incomplete.
 *
 * @param url of the copy's database, for a role that may read it
 */
export async function dumpCopy(url: string, region: string, folder: string): Promise<void> {
  const pool = evidencePool(url, true);
  try {
    const sql = await pool.reserve();
    try {
      await sql.unsafe('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const head = await audit.readHead(sql);
      if (head === undefined) throw new Error('no ledger server has ever served it');
      const tables = await readTables(sql, head, region);
      await writeCopy(copyFile(folder, head.name, region), tables, readJournal(sql));
      await sql.unsafe('COMMIT');
    } finally {
      sql.release();
    }
  } finally {
    await pool.end({ timeout: 1 });
  }
}

type Sql = postgres.ReservedSql<{ bigint: bigint }>;

async function readTables(sql: Sql, head: audit.BookHead, region: string): Promise<CopyTables> {
  const findings = new Findings();
  await checkAppendOnly(sql, head.name, findings);
  const [state] = await sql<{ is_replica: boolean; prepared: number }[]>`
    SELECT pg_is_in_recovery() AS is_replica, count(*)::int AS prepared FROM pg_prepared_xacts
     WHERE database = current_database()`;
  return {
    book: head.book,
    region,
    role: state?.is_replica === true ? 'replica' : 'primary',
    head,
    channels: await audit.readChannels(sql),
    accounts: await audit.readAccounts(sql),
    assets: await audit.readAssets(sql),
    completeSinceMicros: await audit.readCompleteSince(sql),
    balances: await sql<CopyTables['balances'][number][]>`
      SELECT account::text, version::int, debits::text, credits::text,
             held_debits::text AS "heldDebits", held_credits::text AS "heldCredits" FROM balance`,
    trialBalance: await sql<CopyTables['trialBalance'][number][]>`
      SELECT asset, debits::text, credits::text FROM trial_balance ORDER BY asset`,
    changeable: findings.kept.map(({ text }) => text),
    partitions: await readPartitions(sql, head),
    preparedTransactions: state?.prepared ?? 0,
  };
}

async function readPartitions(sql: Sql, head: audit.BookHead): Promise<PartitionsRead> {
  const findings = new Findings();
  const count = await checkPartitions(sql, head, findings);
  return { count, wrong: findings.kept.map(({ text }) => text) };
}
