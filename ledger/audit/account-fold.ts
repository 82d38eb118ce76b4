import { AccountFlag } from '../core/account.ts';
import { type Entries, type JournalRow, RowKind } from '../core/journal-row.ts';
import { TOTAL_MAX } from '../core/limits.ts';
import type { Find } from './findings.ts';

/** An account as the book's account table has it. */
export interface AuditedAccount {
  readonly id: bigint;
  readonly externalId: string;
  readonly asset: string;
  readonly minBalance: bigint | null;
  readonly maxBalance: bigint | null;
  readonly transit: boolean;
  readonly openedSeq: number;
}

/** Sums of an account in minor units, or what a row adds to them. */
export interface Totals {
  readonly debits: bigint;
  readonly credits: bigint;
  readonly heldDebits: bigint;
  readonly heldCredits: bigint;
}

export const NO_TOTALS: Totals = { debits: 0n, credits: 0n, heldDebits: 0n, heldCredits: 0n };

/** An account with what the journal's rows add up to so far. */
export interface FoldedAccount extends AuditedAccount {
  totals: Totals;
  version: number;
  minBalance: bigint | null;
  maxBalance: bigint | null;
  /** Sum of AccountFlag values. */
  flags: number;
  /** True once its opening has been read. */
  opened: boolean;
}

/** What a row adds to both of its accounts; null: it leaves that side as it is. */
export interface Effect {
  readonly debit: Totals | null;
  readonly credit: Totals | null;
}

type Side = keyof Effect;

/** Adds up versions and totals of all accounts of a book, and holds them against limits. */
export class AccountFold {
  readonly #accounts = new Map<bigint, FoldedAccount>();
  readonly #find: Find;

  constructor(accounts: Iterable<AuditedAccount>, find: Find) {
    this.#find = find;
    for (const account of accounts) {
      const start = { totals: NO_TOTALS, version: 0, flags: 0, opened: false };
      this.#accounts.set(account.id, { ...account, ...start });
    }
  }

  get all(): ReadonlyMap<bigint, FoldedAccount> {
    return this.#accounts;
  }

  get(id: bigint | null): FoldedAccount | undefined {
    return id === null ? undefined : this.#accounts.get(id);
  }

  /** Takes the row that opens an account. */
  open(row: JournalRow, asset: string): FoldedAccount | undefined {
    const account = this.get(row.creditAccount);
    if (!account) {
      this.#find('I18', row, `account ${row.creditAccount} is missing from the account table`);
      return undefined;
    }
    const { externalId, minBalance, maxBalance, openedSeq } = account;
    const limits = `min=${minBalance ?? 'none'} max=${maxBalance ?? 'none'}`;
    const isAsOpened =
      !account.opened &&
      openedSeq === row.seq &&
      externalId === row.key &&
      account.asset === asset &&
      limits === row.reference;
    // The chain covers this row; so a limit that was changed in the table shows here.
    if (!isAsOpened) this.#find('I18', row, `account ${externalId} is not as it was opened`);
    account.opened = true;
    return account;
  }

  /** Takes the versions that an applied row gives its accounts. */
  post(row: JournalRow, { debit, credit }: Effect): void {
    if (row.entries === null) {
      this.#find('I7', row, 'an applied row has no entries');
      return;
    }
    if (row.kind === RowKind.change ? row.amount !== null : (row.amount ?? 0n) <= 0n) {
      this.#find('I1', row, `moves ${row.amount}`);
    }
    const from = this.#side(row, 'debit', row.debitAccount, debit);
    const to = this.#side(row, 'credit', row.creditAccount, credit);
    if (from && to && from.asset !== to.asset) {
      this.#find('I1', row, `moves ${from.asset} into ${to.asset}`);
    }
  }

  #side(row: JournalRow, side: Side, id: bigint | null, change: Totals | null) {
    const stored = storedSide(row.entries, side);
    if (change === null) {
      if (stored) this.#find('I7', row, `gives a version to its ${side} side, which it leaves`);
      return undefined;
    }
    const account = this.get(id);
    if (!account?.opened) {
      this.#find('I7', row, `posts to account ${id}, which is not open`);
      return undefined;
    }
    const before = account.totals;
    const version = account.version + 1;
    const totals = sum(before, change);
    account.version = stored?.version ?? version;
    account.totals = stored?.totals ?? totals;
    if (account.version !== version || !stored || !same(stored.totals, totals)) {
      const found = stored ? `${stored.version}/${textOf(stored.totals)}` : 'no version';
      const wanted = `${version}/${textOf(totals)}`;
      this.#find('I7', row, `${account.externalId} has ${found} where entries give ${wanted}`);
    }
    this.#allowed(row, account, side);
    this.#limits(row, account, before);
    return account;
  }

  /** Frozen and closed accounts only get back what was theirs. */
  #allowed(row: JournalRow, { flags, externalId }: FoldedAccount, side: Side): void {
    if (flags === 0 || !ASKS_LEAVE.has(row.kind) || isRepair(row)) return;
    const frozen = side === 'debit' ? AccountFlag.frozenOut : AccountFlag.frozenIn;
    if ((flags & frozen) !== 0) this.#find('I9', row, `${externalId} is frozen for ${side}s`);
    if ((flags & AccountFlag.closed) !== 0) this.#find('I9', row, `${externalId} is closed`);
  }

  /** A row only violates a limit that it makes worse: a return may exceed an upper limit. */
  #limits(row: JournalRow, account: FoldedAccount, before: Totals): void {
    const { externalId, totals, minBalance, maxBalance } = account;
    const available = availableOf(totals);
    // The money that a repair books has moved before: whether that was allowed was judged then.
    if (isRepair(row)) return;
    if (minBalance !== null && available < minBalance && available < availableOf(before)) {
      this.#find('I9', row, `${externalId} falls to ${available}, below ${minBalance}`);
    }
    // Money that returns to its payer is not checked against limits: it was there before.
    if (row.kind === RowKind.return) return;
    const expected = expectedOf(totals);
    if (maxBalance !== null && expected > maxBalance && expected > expectedOf(before)) {
      this.#find('I9', row, `${externalId} rises to ${expected}, above ${maxBalance}`);
    }
    const debits = totals.debits + totals.heldDebits;
    const credits = totals.credits + totals.heldCredits;
    if (
      (debits > TOTAL_MAX && debits > before.debits + before.heldDebits) ||
      (credits > TOTAL_MAX && credits > before.credits + before.heldCredits)
    ) {
      this.#find('I9', row, `${externalId} overflows`);
    }
  }
}

/** True for legs and captures that a repair of a channel has booked, as the other book knows them. */
function isRepair({ kind, details }: JournalRow): boolean {
  if (kind === RowKind.recovered) return true;
  // No caller's settlement or capture names who decided it.
  const isBooked = kind === RowKind.settlement || kind === RowKind.capture;
  return isBooked && (details?.by ?? '') !== '';
}

/** Rows that a frozen or closed account forbids. */
const ASKS_LEAVE: ReadonlySet<RowKind> = new Set([
  RowKind.transfer,
  RowKind.settlement,
  RowKind.hold,
  RowKind.capture,
  RowKind.reversal,
]);

/** The amount that an account may spend, its lower limit aside. */
export function availableOf({ credits, debits, heldDebits }: Totals): bigint {
  return credits - debits - heldDebits;
}

/** The balance of an account when everything held in its favour is captured. */
export function expectedOf({ credits, debits, heldCredits }: Totals): bigint {
  return credits - debits + heldCredits;
}

function storedSide(entries: Entries | null, side: Side) {
  if (entries === null) return undefined;
  const { held } = entries;
  if (side === 'debit') {
    const { debitVersion: version, debitDebits: debits, debitCredits: credits } = entries;
    if (version === null || debits === null || credits === null) return undefined;
    const heldDebits = held?.debitHeldDebits ?? 0n;
    const heldCredits = held?.debitHeldCredits ?? 0n;
    return { version, totals: { debits, credits, heldDebits, heldCredits } };
  }
  const { creditVersion: version, creditDebits: debits, creditCredits: credits } = entries;
  if (version === null || debits === null || credits === null) return undefined;
  const heldDebits = held?.creditHeldDebits ?? 0n;
  const heldCredits = held?.creditHeldCredits ?? 0n;
  return { version, totals: { debits, credits, heldDebits, heldCredits } };
}

function sum(a: Totals, b: Totals): Totals {
  return {
    debits: a.debits + b.debits,
    credits: a.credits + b.credits,
    heldDebits: a.heldDebits + b.heldDebits,
    heldCredits: a.heldCredits + b.heldCredits,
  };
}

function same(a: Totals, b: Totals): boolean {
  return (
    a.debits === b.debits &&
    a.credits === b.credits &&
    a.heldDebits === b.heldDebits &&
    a.heldCredits === b.heldCredits
  );
}

function textOf({ debits, credits, heldDebits, heldCredits }: Totals): string {
  return `${debits}/${credits}/${heldDebits}/${heldCredits}`;
}
