import { expect, test } from 'vitest';

import { CHAIN_RECIPE, CHAIN_START, chainAfterBy } from '../core/chain.ts';
import { encodeRows } from '../core/row-bytes.ts';
import { journalRow } from '../testing/database/rows.ts';
import { type ChainedRow, ChainFold } from './chain-fold.ts';

const RECIPES = [1, CHAIN_RECIPE] as const;
const stored = (recipe: (typeof RECIPES)[number]) => (recipe === 1 ? null : recipe);

test.each(RECIPES)(
  'a batch of recipe %i that is larger than any that is kept verifies',
  (recipe) => {
    const rows = Array.from({ length: 50_001 }, (_, index) => journalRow(index + 1));
    const chain = chainAfterBy(recipe, CHAIN_START, rows);
    const fold = new ChainFold();
    const open: ChainedRow[] = rows.slice(0, -1).map((row) => ({ row, chain: null, recipe: null }));
    expect(open.flatMap((row) => fold.row(row) ?? [])).toEqual([]);
    expect(fold.isOpen).toBe(true);
    expect(fold.row({ row: journalRow(50_001), chain, recipe: stored(recipe) })).toBeNull();
    expect(fold.isOpen).toBe(false);
    expect(fold.value).toBe(chain);
  },
);

test.each(RECIPES)('a batch of recipe %i that names another one does not verify', (recipe) => {
  const row = journalRow(1);
  const chain = chainAfterBy(recipe, CHAIN_START, [row]);
  const fold = new ChainFold();
  const other = recipe === 1 ? CHAIN_RECIPE : null;
  expect(fold.row({ row, chain, recipe: other })).toBe('the chain value does not verify');
  // The batch after it is judged on its own.
  const next = { row: journalRow(2), chain: chainAfterBy(recipe, chain, [journalRow(2)]) };
  expect(fold.row({ ...next, recipe: stored(recipe) })).toBeNull();
});

test('a recipe that is not known, or without a chain value, is found', () => {
  const [row, chain] = [journalRow(1), Buffer.alloc(32)];
  expect(new ChainFold().row({ row, chain, recipe: 3 })).toContain('recipe 3');
  expect(new ChainFold().row({ row, chain: null, recipe: 2 })).toContain('no chain value');
});

test('the bytes that are stored are hashed, not those of what was understood of them', () => {
  const row = journalRow(1);
  const chain = chainAfterBy(CHAIN_RECIPE, CHAIN_START, [row]);
  const { bytes } = encodeRows([row]);
  const chained = { row, chain, recipe: CHAIN_RECIPE };
  const parts = [bytes.subarray(0, 9), bytes.subarray(9)];
  expect(new ChainFold().row({ ...chained, canonical: parts })).toBeNull();
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(9) + 1, 9);
  expect(new ChainFold().row({ ...chained, canonical: [changed] })).toContain('does not verify');
});
