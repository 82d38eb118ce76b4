/**
 * What posting needs to know of an account, as of its newest entry. Amounts in minor units.
 * The balance is credits less debits.
 */
export interface Account {
  readonly id: bigint;
  readonly asset: string;
  /** True: it holds money between two books, and no caller may name it. */
  readonly transit: boolean;
  /** Null: no limit. */
  readonly minBalance: bigint | null;
  readonly maxBalance: bigint | null;
  debits: bigint;
  credits: bigint;
  /** Number of entries so far. */
  version: number;
}

/** A new account without entries. */
export function newAccount(
  id: bigint,
  asset: string,
  limits: { minBalance: bigint | null; maxBalance: bigint | null },
  transit = false,
): Account {
  return { id, asset, transit, ...limits, debits: 0n, credits: 0n, version: 0 };
}

/** External id of the account that holds what travels from one book to another. */
export function transitExternalId(from: string, to: string, asset: string): string {
  return `${TRANSIT_PREFIX}${from}>${to}:${asset}`;
}

/** External ids that begin so belong to the ledger. */
export const TRANSIT_PREFIX = 'transit:';
