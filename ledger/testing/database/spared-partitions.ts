import type { Sql } from '../../store/postgres/connect.ts';

/** The partitions of a journal, by name, that autovacuum would read and write for each insert. */
export async function unsparedPartitions(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    SELECT p.name
      FROM journal_partition p
      JOIN pg_class c ON c.oid = p.name::regclass
      LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
     WHERE NOT COALESCE('autovacuum_vacuum_insert_threshold=-1' = ANY (c.reloptions), false)
        OR (t.oid IS NOT NULL
            AND NOT COALESCE('autovacuum_vacuum_insert_threshold=-1' = ANY (t.reloptions), false))
        OR EXISTS (SELECT 1 FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                      AND a.attstattarget IS DISTINCT FROM 10)`;
  return rows.map(({ name }) => name);
}
