/**
 * The state of an account that posting needs, as of its newest version. Amounts in minor units.
 * The balance is credits less debits.
 */
export interface Account {
  readonly id: bigint;
  readonly asset: string;
  /** True: it holds money between two books, and no caller may name it. */
  readonly transit: boolean;
  /** Null: no limit. */
  minBalance: bigint | null;
  maxBalance: bigint | null;
  debits: bigint;
  credits: bigint;
  /** Reserved by holds of which it is the payer. */
  heldDebits: bigint;
  /** Reserved in its favour by holds of this book. */
  heldCredits: bigint;
  /** Number of journal rows that have changed it. */
  version: number;
  /** Sum of AccountFlag values; stored. Zero: nothing is forbidden. */
  flags: number;
}

/** Operations forbidden to an account. The numbers are stored. */
export const AccountFlag = { frozenIn: 1, frozenOut: 2, closed: 4 } as const;

/** The settings of an account that posting looks at. */
export type AccountSettings = Readonly<Pick<Account, 'minBalance' | 'maxBalance' | 'flags'>>;

/** A new account without entries. */
export function newAccount(
  id: bigint,
  asset: string,
  limits: { minBalance: bigint | null; maxBalance: bigint | null },
  transit = false,
): Account {
  return {
    id,
    asset,
    transit,
    ...limits,
    debits: 0n,
    credits: 0n,
    heldDebits: 0n,
    heldCredits: 0n,
    version: 0,
    flags: 0,
  };
}

/** External id of the account that holds what travels from one book to another. */
export function transitExternalId(from: string, to: string, asset: string): string {
  return `${TRANSIT_PREFIX}${from}>${to}:${asset}`;
}

/** External ids that begin so belong to the ledger. */
export const TRANSIT_PREFIX = 'transit:';
