import { type Condition, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { Transfer } from '../../../proto/gen/meridian/v1/transfer.ts';
import { idText } from './account-name.ts';
import { placeText, reasonText, statusText } from './outcome.ts';
import { fieldLines } from '../../terminal/print.ts';
import { table } from '../../terminal/table.ts';
import { amountText, type Unit } from '../values/amount.ts';
import { instantText } from '../values/instant.ts';

/** A transfer of any kind for people: one field a line, then the legs of a group. */
export function describeTransfer(transfer: Transfer, unit: Unit): string {
  const { amount, actualAmount, left, position, capturedAmount, releasedAmount } = transfer;
  const ofHold = (value: bigint) =>
    transfer.action?.$case === 'hold' ? amountText(value, unit) : '';
  const isGroup = transfer.action?.$case === 'group';
  const fields: [string, string][] = [
    ['transfer', transfer.transferId],
    ['kind', kindText(transfer)],
    ['status', statusAndWhy(transfer)],
    ['key', transfer.idempotencyKey],
    ['namespace', transfer.namespace],
    ['group', transfer.groupId],
    ...originOf(transfer),
    ['from', idText(transfer.debitAccountId)],
    ['to', idText(transfer.creditAccountId)],
    ['amount', isGroup ? '' : asked(amount, unit)],
    ['actual', actualAmount === amount ? '' : amountText(actualAmount, unit)],
    ['left', left === 0n && transfer.action?.$case !== 'hold' ? '' : amountText(left, unit)],
    ['captured', ofHold(capturedAmount)],
    ['released', ofHold(releasedAmount)],
    ['expires at', instantText(transfer.expiresAt)],
    ['asset', transfer.asset],
    ['up to', UP_TO_TEXTS[transfer.upTo] ?? ''],
    ['may be nothing', transfer.allowZero ? 'yes' : ''],
    ['rest', transfer.rest ? 'what the legs before it left of the amount' : ''],
    ['only if', (transfer.conditions?.allOf ?? []).map(conditionText).join(', ')],
    ['code', transfer.code === 0 ? '' : String(transfer.code)],
    ['reference', transfer.reference],
    ['decided at', instantText(transfer.decidedAt)],
    ['position', position ? placeText(position) : ''],
    ...Object.entries(transfer.metadata),
  ];
  const lines = fieldLines(fields.filter(([, value]) => value !== ''));
  return transfer.legs.length > 0 ? `${lines}\n${legTable(transfer.legs)}` : lines;
}

/** Such as "hold"; a plain movement of money is a "transfer". */
export function kindText({ action }: Transfer): string {
  return action?.$case ?? 'transfer';
}

/** Such as "rejected (insufficient_funds)". */
export function statusAndWhy({ status, reason }: Transfer): string {
  return statusText(status) + (reason === 0 ? '' : ` (${reasonText(reason)})`);
}

function asked(amount: bigint, unit: Unit): string {
  return amount === 0n ? 'all that is left' : amountText(amount, unit);
}

function originOf({ action }: Transfer): [string, string][] {
  if (action?.$case === 'reversal') return [['reverses', action.value.transferId]];
  if (action?.$case === 'capture' || action?.$case === 'release') {
    return [['hold', action.value.holdId]];
  }
  return [];
}

const UP_TO_TEXTS: Readonly<Record<number, string>> = {
  [UpTo.DEBIT_AVAILABLE]: 'what the payer may spend',
  [UpTo.CREDIT_ROOM]: 'what the payee may take in',
  [UpTo.BOTH]: 'what both may',
};

function conditionText({ accountId, test }: Condition): string {
  const words = { balanceAtLeast: 'has at least', balanceAtMost: 'has at most', version: 'is at' };
  return test ? `${accountId} ${words[test.$case]} ${test.value}` : String(accountId);
}

function legTable(legs: readonly Transfer[]): string {
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'leg', ...right },
    { title: 'kind' },
    { title: 'from', ...right },
    { title: 'to', ...right },
    { title: 'amount', ...right },
    { title: 'status' },
    { title: 'transfer' },
  ];
  const rows = legs.map((leg, index) => [
    String(index),
    kindText(leg),
    String(leg.debitAccountId),
    String(leg.creditAccountId),
    String(leg.actualAmount > 0n ? leg.actualAmount : leg.amount),
    statusAndWhy(leg),
    leg.transferId,
  ]);
  return table(columns, rows);
}
