import { type Condition, UpTo } from '../../proto/gen/meridian/v1/movement.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import { type StoredOptions, storedOptions } from '../core/validate/options.ts';
import { namedAsset } from '../core/asset.ts';
import { type AccountFold, availableOf, expectedOf } from './account-fold.ts';
import type { Find } from './findings.ts';

/** The action of the request that leads to a row of each kind. */
const ACTIONS = {
  [RowKind.transfer]: undefined,
  [RowKind.hold]: 'hold',
  [RowKind.capture]: 'capture',
  [RowKind.release]: 'release',
  [RowKind.reversal]: 'reversal',
} as const;
export type AskedKind = keyof typeof ACTIONS;

const NOTHING = storedOptions('');

/** What the request of an applied row asked; before the row has changed any account. */
export function askedBy(
  row: JournalRow,
  kind: AskedKind,
  accounts: AccountFold,
  find: Find,
): StoredOptions {
  const asked = optionsOf(row, find);
  if (asked.action?.$case !== ACTIONS[kind]) {
    find('I5', row, `asked was ${asked.action?.$case ?? 'a transfer'}`);
  }
  checkAmount(row, asked, find);
  if (asked.action?.$case === 'capture' || asked.action?.$case === 'release') {
    const { holdId } = asked.action.value;
    if (holdId !== row.details?.drawn?.id) find('I5', row, `asked was to draw on ${holdId}`);
  }
  const asset = accounts.get(row.debitAccount)?.asset;
  if (row.asset !== '' && namedAsset(row.asset).code !== asset) {
    find('I5', row, `moves ${asset}, asked was ${row.asset}`);
  }
  for (const condition of asked.conditions?.allOf ?? []) {
    if (isMet(condition, accounts)) continue;
    find('I5', row, `was applied against its condition on account ${condition.accountId}`);
  }
  return asked;
}

function optionsOf(row: JournalRow, find: Find): StoredOptions {
  const options = row.details?.options ?? '';
  if (options === '') return NOTHING;
  try {
    return storedOptions(options);
  } catch {
    find('I5', row, 'has options that cannot be read');
    return NOTHING;
  }
}

/** The amount of the row is that of the request, unless the request left it open. */
function checkAmount(
  row: JournalRow,
  { upTo, amount, action, rest }: StoredOptions,
  find: Find,
): void {
  const moved = row.amount ?? 0n;
  if (upTo === UpTo.UNSPECIFIED && !rest) {
    const isOpen = amount === 0n && action !== undefined && action.$case !== 'hold';
    if (amount !== undefined && !isOpen) find('I5', row, `moves ${moved}, asked was ${amount}`);
  } else if (amount === undefined || moved > amount) {
    find('I5', row, `moves ${moved}, asked was no more than ${amount}`);
  }
}

function isMet({ accountId, test }: Condition, accounts: AccountFold): boolean {
  const account = accounts.get(accountId);
  if (!account?.opened || account.transit) return false;
  switch (test?.$case) {
    case 'balanceAtLeast':
      return availableOf(account.totals) >= test.value;
    case 'balanceAtMost':
      return expectedOf(account.totals) <= test.value;
    case 'version':
      return BigInt(account.version) === test.value;
    case undefined:
      return false;
  }
}
