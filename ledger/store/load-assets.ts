import type { Sql } from './connect.ts';

/** Scales of all assets that were registered in the book, by code. There are few. */
export async function loadAssets(sql: Sql): Promise<Map<string, number>> {
  const rows = await sql<{ asset: string; scale: number }[]>`SELECT asset, scale FROM asset`;
  return new Map(rows.map(({ asset, scale }) => [asset, scale]));
}
