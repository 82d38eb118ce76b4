import type { Sql } from './connect.ts';
import { readSeen } from './read-position.ts';
import type { Seen } from '../stored-records.ts';

/** Scales of all assets that were registered in the book, by code. There are few. */
export async function loadAssets(sql: Sql): Promise<Map<string, number>> {
  const rows = await sql<{ asset: string; scale: number }[]>`SELECT asset, scale FROM asset`;
  return new Map(rows.map(({ asset, scale }) => [asset, scale]));
}

/** The same, with where the journal ended at the time. */
export async function readAssets(sql: Sql): Promise<Seen<Map<string, number>>> {
  const { found, end } = await readSeen<{ asset: string; scale: number }>(
    sql,
    sql`SELECT asset, scale FROM asset`,
  );
  return { found: new Map(found.map(({ asset, scale }) => [asset, scale])), end };
}
