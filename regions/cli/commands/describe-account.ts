import { type Account, Freeze, freezeToJSON } from '../../../proto/gen/meridian/v1/account.ts';
import { wordsOf } from './outcome.ts';
import { fieldLines } from '../../terminal/print.ts';
import { amountText } from '../values/amount.ts';
import { instantText } from '../values/instant.ts';

/** An account for people, one field a line. */
export function describeAccount(account: Account): string {
  const { scale } = account;
  const amount = (minor: bigint | undefined) =>
    minor === undefined ? 'none' : amountText(minor, account);
  return fieldLines([
    ['id', String(account.id)],
    ['external id', account.externalId],
    ['home region', `${account.homeRegion} (book ${account.book})`],
    ['asset', scale === undefined ? account.asset : `${account.asset}/${scale}`],
    ['balance', amount(account.balance)],
    ['available', amount(account.available)],
    ['held', amount(account.heldDebits)],
    ['to come', amount(account.heldCredits)],
    ['debits', amount(account.debits)],
    ['credits', amount(account.credits)],
    ['min balance', amount(account.minBalance)],
    ['max balance', amount(account.maxBalance)],
    ['state', stateText(account)],
    ['version', String(account.version)],
    ['opened at', instantText(account.openedAt)],
    ...Object.entries(account.metadata),
  ]);
}

function stateText({ closed, freeze }: Account): string {
  const frozen = freeze === Freeze.IN || freeze === Freeze.OUT || freeze === Freeze.BOTH;
  const how = frozen ? `frozen (${wordsOf(freezeToJSON(freeze), 'FREEZE_')})` : '';
  return [closed ? 'closed' : '', how].filter((word) => word !== '').join(', ') || 'open';
}
