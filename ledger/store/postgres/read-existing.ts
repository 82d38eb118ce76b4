import { idsLiteral, numbersLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

/** Those of the ids that a row of the journal has. */
export async function readExistingIds(sql: Sql, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ id: string }[]>`
    SELECT j.id FROM unnest(${idsLiteral(ids)}::uuid[]) AS wanted(id)
     CROSS JOIN LATERAL (SELECT id FROM journal WHERE journal.id = wanted.id OFFSET 0) j`;
  return new Set(rows.map(({ id }) => id));
}

/** Asset and kind of those of the accounts that the book has, by their ids. */
export async function readAssetsOf(
  sql: Sql,
  ids: readonly bigint[],
): Promise<Map<bigint, { readonly asset: string; readonly transit: boolean }>> {
  const rows = await sql<{ id: bigint; asset: string; transit: boolean }[]>`
    SELECT id, asset, transit FROM account WHERE id = ANY(${numbersLiteral(ids)}::int8[])`;
  return new Map(rows.map(({ id, asset, transit }) => [id, { asset, transit }]));
}
