import type { Findings } from './findings.ts';
import type { AuditSql } from './read-book.ts';

/** The journal's partitions are tables of their own, and each must refuse on its own. */
const TABLES = ['journal', 'account', 'asset', 'operation'] as const;

// Bits of pg_trigger.tgtype.
const ROW = 1;
const BEFORE = 2;
const DELETE = 8;
const UPDATE = 16;
const TRUNCATE = 32;

/** Checks that the database itself refuses to change what is written (I18). */
export async function checkAppendOnly(
  sql: AuditSql,
  place: string,
  findings: Findings,
): Promise<void> {
  const partitions = await sql<{ name: string }[]>`
    SELECT inhrelid::regclass::text AS name FROM pg_inherits
     WHERE inhparent = to_regclass('journal') ORDER BY 1`;
  const tables = [...TABLES, ...partitions.map(({ name }) => name)];
  const triggers = await sql<{ name: string; type: number }[]>`
    SELECT c.relname AS name, t.tgtype AS type
      FROM pg_trigger t
      JOIN pg_class c ON c.oid = t.tgrelid
      JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE c.relname = ANY(${tables}) AND c.relnamespace = current_schema()::regnamespace
       AND t.tgenabled IN ('O', 'A') AND t.tgqual IS NULL AND p.prosrc ~ 'RAISE EXCEPTION'`;
  const has = (name: string, bits: number) =>
    triggers.some((trigger) => trigger.name === name && (trigger.type & bits) === bits);
  for (const name of tables) {
    if (!has(name, ROW | BEFORE | UPDATE | DELETE)) {
      findings.add('I18', place, 0, `table ${name} has no trigger that refuses changes`);
    }
    if (!has(name, BEFORE | TRUNCATE)) {
      findings.add('I18', place, 0, `table ${name} has no trigger that refuses TRUNCATE`);
    }
  }
  const granted = await sql<{ name: string }[]>`
    SELECT t.name FROM unnest(${tables}::text[]) AS t(name)
     WHERE has_table_privilege('meridian_ledger', t.name, 'UPDATE, DELETE, TRUNCATE')`;
  for (const { name } of granted) {
    findings.add('I18', place, 0, `the ledger's role may change table ${name}`);
  }
}
