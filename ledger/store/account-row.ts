import { type Account, Freeze } from '../../proto/gen/meridian/v1/account.ts';
import { AccountFlag } from '../core/account.ts';
import { ISO_4217 } from '../core/asset.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { type AccountTotals, accountState } from './account-state.ts';
import type { Book } from '../core/book.ts';

/** An account with its settings, as statements select it. */
export interface AccountRow {
  id: bigint;
  external_id: string;
  asset: string;
  /** Of the registered asset. */
  scale: number | null;
  min_balance: bigint | null;
  max_balance: bigint | null;
  flags: number;
  metadata: Record<string, string> | null;
  opened_micros: bigint;
}

export const NO_TOTALS: AccountTotals = {
  debits: 0n,
  credits: 0n,
  heldDebits: 0n,
  heldCredits: 0n,
  version: 0n,
};

/** An account as callers see it. */
export function accountFrom(row: AccountRow, totals: AccountTotals, book: Book): Account {
  const { accountId: id, ...state } = accountState(row.id, totals);
  return {
    ...state,
    id,
    externalId: row.external_id,
    homeRegion: book.region,
    book: book.name,
    asset: row.asset,
    minBalance: row.min_balance ?? undefined,
    maxBalance: row.max_balance ?? undefined,
    metadata: row.metadata ?? {},
    openedAt: timestampFrom(Number(row.opened_micros)),
    freeze: freezeOf(row.flags),
    closed: (row.flags & AccountFlag.closed) !== 0,
    scale: row.scale ?? ISO_4217.get(row.asset),
  };
}

function freezeOf(flags: number): Freeze {
  const frozenIn = (flags & AccountFlag.frozenIn) !== 0;
  const frozenOut = (flags & AccountFlag.frozenOut) !== 0;
  if (frozenIn) return frozenOut ? Freeze.BOTH : Freeze.IN;
  return frozenOut ? Freeze.OUT : Freeze.NONE;
}
