import { INT64_MAX } from '../../core/limits.ts';
import { idsLiteral, numbersLiteral } from './array-literal.ts';
import type { Queries, Sql } from './connect.ts';

/** Those of the ids that a row of the journal has. */
export async function readExistingIds(sql: Queries, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ id: string }[]>`
    SELECT id FROM seqs_of(${idsLiteral(ids)}::uuid[], ${INT64_MAX})`;
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
