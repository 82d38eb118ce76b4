import { CHAIN_RECIPE, CHAIN_START, chainAfterBy, type ChainRecipe } from '../../core/chain.ts';
import type { AuditedAccount } from '../account-fold.ts';
import type { AssetRow } from '../asset-registry.ts';
import { Findings } from '../findings.ts';
import type { ChainedRow } from '../chain-fold.ts';
import { JournalScan } from '../journal-scan.ts';
import { type ReversedRow, undrawn } from '../reversals.ts';
import type { Written } from './written-book.ts';

/** What a test wants to be different from what the book has written. */
export interface Differences {
  readonly account?: (account: AuditedAccount) => AuditedAccount;
  readonly assets?: (assets: readonly AssetRow[]) => readonly AssetRow[];
  readonly completeSinceMicros?: number;
  /** By which recipe the batch of an index is hashed; absent: the newest. */
  readonly recipeOf?: (index: number) => ChainRecipe;
  readonly chained?: (row: ChainedRow) => ChainedRow;
}

/** Scans a book as one page, with a chain that fits whatever its rows contain. */
export function scan(book: Written, { account, assets, ...rest }: Differences = {}) {
  const findings = new Findings();
  const accounts = book.batches
    .flatMap(({ opened }) => opened)
    .map((opened) => ({ ...opened.account, externalId: opened.externalId, openedSeq: opened.seq }));
  const registered = book.batches
    .flatMap((batch) => batch.registered)
    .map(({ asset, scale, seq }) => ({ asset, scale, registeredSeq: seq }));
  const tables = {
    accounts: account ? accounts.map(account) : accounts,
    assets: assets ? assets(registered) : registered,
    completeSinceMicros: rest.completeSinceMicros ?? 0,
  };
  const scanned = new JournalScan(book.name, tables, findings);
  const rows = chainedRows(book, rest.recipeOf);
  scanned.page(rest.chained ? rows.map(rest.chained) : rows, reversedRows(book));
  scanned.end();
  return { scanned, findings };
}

function chainedRows(
  book: Written,
  recipeOf: Differences['recipeOf'] = () => CHAIN_RECIPE,
): ChainedRow[] {
  let chain: Uint8Array = CHAIN_START;
  return book.batches.flatMap(({ rows }, batch) => {
    if (rows.length === 0) return [];
    const recipe = recipeOf(batch);
    chain = chainAfterBy(recipe, chain, rows);
    const last = chain;
    return rows.map((row, index) => {
      const isLast = index === rows.length - 1;
      return { row, chain: isLast ? last : null, recipe: isLast && recipe > 1 ? recipe : null };
    });
  });
}

/** Before the first row of a journal, all of every row is left to be reversed. */
function reversedRows(book: Written): Map<string, ReversedRow> {
  const rows = book.batches.flatMap((batch) => batch.rows);
  return new Map(rows.map((row) => [row.id, undrawn(row)]));
}
