import type { Sql } from './connect.ts';
import type { NodeRole } from '../stored-records.ts';

export async function readNodeRole(sql: Sql): Promise<NodeRole> {
  const [row] = await sql<{ standby: boolean; level: string | null; names: string | null }[]>`
    SELECT pg_is_in_recovery() AS standby,
           current_setting('synchronous_commit', true) AS level,
           current_setting('synchronous_standby_names', true) AS names`;
  if (row === undefined) throw new Error('a query without a table gave no row');
  return { standby: row.standby, alone: whyAlone(row.level, row.names) };
}

function whyAlone(level: string | null, names: string | null): string | undefined {
  if (level !== 'on' && level !== 'remote_apply')
    return `synchronous_commit is ${level ?? 'unknown'}`;
  return (names ?? '').trim() === '' ? 'synchronous_standby_names is empty' : undefined;
}
