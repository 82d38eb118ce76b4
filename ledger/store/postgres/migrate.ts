import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { connect, type Sql } from './connect.ts';
import { isCreatedMeanwhile } from './sqlstate.ts';

const FOLDER = path.join(import.meta.dirname, '..', '..', 'migrations');

/**
 * Brings a database to the newest schema: each `NNNN_name.sql` that it has not seen, in order,
 * in a transaction of its own. Safe to run twice and at the same time from two processes.
 * The roles `meridian_ledger` and `auditor` must exist.
 *
 * @param adminUrl connection of the database's owner
 * @throws Error if the database was migrated by a newer version than this one
 */
export async function migrate(adminUrl: string): Promise<void> {
  const sql = connect(adminUrl, 1);
  try {
    await createMigrationTable(sql);
    const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).toSorted();
    const known = new Set(files);
    const applied = await sql<{ name: string }[]>`SELECT name FROM migration`;
    const newer = applied.find(({ name }) => !known.has(name));
    if (newer !== undefined) {
      throw new Error(`the database has migration ${newer.name}, unknown to this version`);
    }
    for (const file of files) {
      const text = await readFile(path.join(FOLDER, file), 'utf8');
      await sql.begin(async (tx) => {
        // The row comes first: a process that migrates at the same time waits here, then
        // finds it and has nothing left to do.
        const inserted = await tx`
          INSERT INTO migration (name) VALUES (${file}) ON CONFLICT DO NOTHING RETURNING name`;
        if (inserted.length > 0) await tx.unsafe(text);
      });
    }
  } finally {
    await sql.end();
  }
}

/**
 * IF NOT EXISTS looks before it creates: of several processes that do so at the same moment,
 * all but one are refused, and find the table when they look again.
 */
async function createMigrationTable(sql: Sql): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await sql`CREATE TABLE IF NOT EXISTS migration (
        name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`;
      return;
    } catch (error) {
      if (attempt === 10 || !isCreatedMeanwhile(error)) throw error;
    }
  }
}
