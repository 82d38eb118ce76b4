import type { ChainedRow } from '../../../ledger/audit/chain-fold.ts';

/** True if both rows are the same down to the last field, with the same chain value and recipe. */
export function isSameRow(a: ChainedRow, b: ChainedRow): boolean {
  if (a === b) return true;
  if (a.recipe !== b.recipe || !isAlike(a.row, b.row)) return false;
  if (a.chain === null || b.chain === null) return a.chain === b.chain;
  return Buffer.from(a.chain).equals(b.chain);
}

/** Written by hand for speed: every row of every copy is compared. */
function isAlike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!isObject(a) || !isObject(b)) return false;
  let names = 0;
  for (const name in a) {
    if (!(name in b) || !isAlike(a[name], b[name])) return false;
    names += 1;
  }
  for (const _ in b) names -= 1;
  return names === 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
