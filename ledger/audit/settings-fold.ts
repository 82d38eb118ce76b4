import { Freeze } from '../../proto/gen/meridian/v1/account.ts';
import { AccountFlag, type AccountSettings } from '../core/account.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import { storedChange } from '../core/validate/options.ts';
import { availableOf, expectedOf, type FoldedAccount } from './account-fold.ts';
import type { Find } from './findings.ts';

type Stored = ReturnType<typeof storedChange>;
type Change = NonNullable<Stored['change']>;

const { frozenIn, frozenOut, closed } = AccountFlag;

/** Flags of each value of Freeze; the first is none that can be asked for. */
const FROZEN: Readonly<Record<number, number>> = {
  [Freeze.NONE]: 0,
  [Freeze.IN]: frozenIn,
  [Freeze.OUT]: frozenOut,
  [Freeze.BOTH]: frozenIn | frozenOut,
};

/** Takes the row of a change that was applied; `account` is as it was before it. */
export function foldChange(row: JournalRow, account: FoldedAccount, find: Find): void {
  const by = row.details?.by ?? '';
  if (by === '' || row.reference === '') {
    find('I9', row, `does not state who changed ${account.externalId}, and why`);
  }
  const stored = changeOf(row);
  const settings = row.details?.settings ?? null;
  if (stored?.change === undefined || settings === null) {
    find('I9', row, `does not state what changed about ${account.externalId}`);
    return;
  }
  const { change, expectedVersion } = stored;
  if (expectedVersion !== undefined && expectedVersion !== BigInt(account.version)) {
    find('I9', row, `${account.externalId} did not have version ${expectedVersion}`);
  }
  const problem = problemOf(account, change);
  if (problem !== '') find('I9', row, `${account.externalId} ${problem}`);
  const wanted = settingsAfter(account, change);
  if (!same(settings, wanted)) {
    const text = `${account.externalId} is ${textOf(settings)} where changes give ${textOf(wanted)}`;
    find('I9', row, text);
  }
  account.flags = settings.flags;
  account.minBalance = settings.minBalance;
  account.maxBalance = settings.maxBalance;
}

function changeOf({ kind, details, metadata }: JournalRow): Stored | undefined {
  if (kind !== RowKind.change || details === null) return undefined;
  try {
    return storedChange(details.options, metadata);
  } catch {
    return undefined;
  }
}

/** Why the change was not possible; '' if it was. */
function problemOf(account: FoldedAccount, change: Change): string {
  const { flags, totals } = account;
  const isClosed = (flags & closed) !== 0;
  if (isClosed !== (change.$case === 'reopen')) {
    return isClosed ? `is closed and had a ${change.$case}` : 'is reopened, but was not closed';
  }
  if (change.$case === 'close') {
    const balance = totals.credits - totals.debits;
    if (balance !== 0n) return `is closed with a balance of ${balance}`;
    const held = totals.heldDebits + totals.heldCredits;
    if (held !== 0n) return `is closed while ${held} is held`;
  }
  if (change.$case === 'limits') {
    const { minBalance, maxBalance } = change.value;
    if (minBalance !== undefined && availableOf(totals) < minBalance) {
      return `gets a lower limit of ${minBalance}, available is ${availableOf(totals)}`;
    }
    if (maxBalance !== undefined && expectedOf(totals) > maxBalance) {
      return `gets an upper limit of ${maxBalance}, its balance is ${expectedOf(totals)}`;
    }
  }
  return '';
}

function settingsAfter(account: FoldedAccount, change: Change): AccountSettings {
  const { flags, minBalance, maxBalance } = account;
  switch (change.$case) {
    case 'freeze':
      return { flags: (flags & closed) | (FROZEN[change.value] ?? -1), minBalance, maxBalance };
    case 'close':
      return { flags: flags | closed, minBalance, maxBalance };
    case 'reopen':
      return { flags: flags & ~closed, minBalance, maxBalance };
    case 'limits': {
      const { minBalance: min = null, maxBalance: max = null } = change.value;
      return { flags, minBalance: min, maxBalance: max };
    }
    case 'metadata':
      return { flags, minBalance, maxBalance };
  }
}

function same(a: AccountSettings, b: AccountSettings): boolean {
  return a.flags === b.flags && a.minBalance === b.minBalance && a.maxBalance === b.maxBalance;
}

function textOf({ flags, minBalance, maxBalance }: AccountSettings): string {
  return `flags=${flags} min=${minBalance ?? 'none'} max=${maxBalance ?? 'none'}`;
}
