import { createHash, type Hash } from 'node:crypto';

import { CHAIN_START, type ChainRecipe, chainRecipe, hashedBytes } from '../core/chain.ts';
import type { JournalRow } from '../core/journal-row.ts';

/** A row with the chain value that is stored on it, and by which recipe that was made. */
export interface ChainedRow {
  readonly row: JournalRow;
  readonly chain: Uint8Array | null;
  /** The column `chain_recipe`. */
  readonly recipe: number | null;
  /** What recipe 2 hashes, as it is stored; absent: made of `row`, as where it is not from a database. */
  readonly canonical?: readonly Uint8Array[];
}

/** Rows of a batch that are kept until its last row names the recipe; more are hashed by both. */
const KEPT_ROWS = 20_000;

type Hashes = Readonly<Record<ChainRecipe, Hash>>;

/** Follows the hash chain of a journal, batch after batch, each by the recipe that it names. */
export class ChainFold {
  #value: Uint8Array = CHAIN_START;
  #rows: ChainedRow[] = [];
  /** Of a batch of which rows are hashed already. */
  #hashes: Hashes | undefined;

  /** Chain value after the last whole batch. */
  get value(): Uint8Array {
    return this.#value;
  }

  /** True in the middle of a batch: it has no chain value yet. */
  get isOpen(): boolean {
    return this.#rows.length > 0 || this.#hashes !== undefined;
  }

  /** Takes the next row. Returns what is wrong with the chain; null: nothing. */
  row(chained: ChainedRow): string | null {
    const { chain, recipe: stored } = chained;
    this.#rows.push(chained);
    if (chain === null) {
      if (this.#rows.length === KEPT_ROWS) this.#hashKept();
      return stored === null ? null : 'names a recipe of the chain, and has no chain value';
    }
    const recipe = chainRecipe(stored);
    const computed = recipe && this.#computed(recipe);
    // Continuing from the stored value shows every damaged batch instead of all after the first.
    this.#value = chain;
    this.#rows = [];
    this.#hashes = undefined;
    if (computed === undefined) return `has a chain value by recipe ${stored}, which is not known`;
    return computed.equals(chain) ? null : 'the chain value does not verify';
  }

  #computed(recipe: ChainRecipe): Buffer {
    const hash = this.#hashes?.[recipe] ?? createHash('sha256').update(this.#value);
    for (const part of partsOf(recipe, this.#rows)) hash.update(part);
    return hash.digest();
  }

  #hashKept(): void {
    this.#hashes ??= {
      1: createHash('sha256').update(this.#value),
      2: createHash('sha256').update(this.#value),
    };
    for (const recipe of [1, 2] as const) {
      for (const part of partsOf(recipe, this.#rows)) this.#hashes[recipe].update(part);
    }
    this.#rows = [];
  }
}

/** What rows add to the value of their batch: by recipe 2 as it is stored, if that is known. */
function partsOf(recipe: ChainRecipe, rows: readonly ChainedRow[]): Uint8Array[] {
  if (recipe === 1) {
    return [
      hashedBytes(
        1,
        rows.map(({ row }) => row),
      ),
    ];
  }
  return rows.flatMap(({ row, canonical }) => canonical ?? [hashedBytes(2, [row])]);
}
