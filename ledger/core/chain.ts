import { createHash } from 'node:crypto';
import { type JournalRow, NO_DETAILS } from './journal-row.ts';
import { encodeRows } from './row-bytes.ts';

/**
 * The hash chain. A batch's value is SHA-256 over the value before it (32 bytes) and then its
 * rows; it is stored on the batch's last row and in the head. Changing, dropping, adding or
 * reordering a row requires recomputing every value after it, and the head of each copy.
 *
 * How rows are turned into bytes is the recipe of the batch, which stands in `chain_recipe` next
 * to the value. Recipe 2, by which batches are written now, is the rows' canonical bytes
 * (row-bytes.ts). Batches written before have recipe 1 and no number; both can follow each other.
 *
 * Recipe 1 is one line of UTF-8 per row: the row's columns in the order of the table, each followed
 * by `|` and the line by a line feed. Numbers are decimal, `at` is microseconds since 1970, absent
 * numbers and ids are empty. Text is preceded by its length in UTF-16 units and `:`, so that no
 * content can be taken for a separator; metadata is the text of its names and values, sorted by
 * name. Rows with `details` or `held` have a second part after `at|`, in the same manner: holds and
 * what draws on them, groups and their legs, reversals, transfers with options, changes of
 * accounts, registered assets, repairs. A plain transfer and an opening have none.
 */
export const CHAIN_START = Buffer.alloc(32);

/** How the rows of a batch are turned into the bytes that are hashed. */
export type ChainRecipe = 1 | 2;

/** The recipe of every batch that is written now. */
export const CHAIN_RECIPE = 2;

/** Value of the chain after a batch. `rows` in order of seq, all of one batch, not empty. */
export function chainAfter(before: Uint8Array, rows: readonly JournalRow[]): Buffer {
  return chainAfterBytes(before, encodeRows(rows).bytes);
}

/** The same from the canonical bytes of the batch's rows, in order of seq. */
export function chainAfterBytes(before: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(before);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Value of the chain after a batch by any recipe: what a verifier compares with. */
export function chainAfterBy(
  recipe: ChainRecipe,
  before: Uint8Array,
  rows: readonly JournalRow[],
): Buffer {
  return createHash('sha256').update(before).update(hashedBytes(recipe, rows)).digest();
}

/** What rows add to the value of their batch by a recipe. */
export function hashedBytes(recipe: ChainRecipe, rows: readonly JournalRow[]): Uint8Array {
  if (recipe === 2) return encodeRows(rows).bytes;
  let lines = '';
  for (const row of rows) lines += chainLine(row);
  return Buffer.from(lines, 'utf8');
}

/** The recipe that `chain_recipe` names; undefined: none that is known. */
export function chainRecipe(stored: number | null): ChainRecipe | undefined {
  if (stored === null) return 1;
  return stored === CHAIN_RECIPE ? stored : undefined;
}

/** The line of one row by recipe 1. */
export function chainLine(row: JournalRow): string {
  const { entries, peer } = row;
  const versions =
    entries === null
      ? '||||||'
      : `${entries.debitVersion ?? ''}|${entries.creditVersion ?? ''}|` +
        `${entries.debitDebits ?? ''}|${entries.debitCredits ?? ''}|` +
        `${entries.creditDebits ?? ''}|${entries.creditCredits ?? ''}|`;
  const far = peer === null ? '|||' : `${peer.account}|${peer.book}|${peer.number ?? ''}|`;
  return (
    `${row.seq}|${row.epoch}|${row.id}|${row.kind}|${row.reason}|` +
    `${row.debitAccount ?? ''}|${row.creditAccount ?? ''}|${row.amount ?? ''}|${versions}${far}` +
    `${row.originId ?? ''}|${text(row.namespace)}${text(row.key)}${text(row.asset)}` +
    `${row.code}|${text(row.reference)}${metadataText(row.metadata)}${row.atMicros}|` +
    `${secondPart(row)}\n`
  );
}

function secondPart({ entries, details }: JournalRow): string {
  const held = entries?.held ?? null;
  if (held === null && details === null) return '';
  const totals =
    held === null
      ? '||||'
      : `${held.debitHeldDebits}|${held.debitHeldCredits}|` +
        `${held.creditHeldDebits}|${held.creditHeldCredits}|`;
  const { drawn, groupId, expiresAtMicros, options, by, settings } = details ?? NO_DETAILS;
  const changed =
    settings === null
      ? '|||'
      : `${settings.flags}|${settings.minBalance ?? ''}|${settings.maxBalance ?? ''}|`;
  return (
    `${totals}${drawn?.id ?? ''}|${drawn?.left ?? ''}|${groupId ?? ''}|` +
    `${expiresAtMicros ?? ''}|${text(options)}${text(by)}${changed}`
  );
}

/** Text preceded by its length. */
export function text(value: string): string {
  return value === '' ? '0:|' : `${value.length}:${value}|`;
}

/** Names and values of metadata, sorted by name. */
export function metadataText(metadata: Readonly<Record<string, string>>): string {
  const names = Object.keys(metadata);
  if (names.length === 0) return '0:|';
  names.sort();
  return text(names.map((name) => text(name) + text(metadata[name] ?? '')).join(''));
}
