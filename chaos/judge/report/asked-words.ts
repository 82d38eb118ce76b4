import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Operation, ReadAsked } from '../history/operation.ts';
import { fieldsText, firstOf, joined, positionText, SHOWN_OF_MANY } from './plain-words.ts';
import { isOf } from './judged-run.ts';

/** The request of a client, without its kind. */
export function askedText(operation: Operation): string {
  if (isOf('transfers', operation)) return transferText(operation.value);
  if (isOf('changes', operation)) return changeText(operation.value);
  if (isOf('opens', operation)) return openText(operation.value);
  if (isOf('balances', operation)) {
    const { books, ...read } = operation.value;
    return `of book ${books.join(', ')}, ${readText(read)}`;
  }
  if (isOf('statements', operation)) {
    const { account, fromMicros = 0, ...read } = operation.value;
    const from = fromMicros === 0 ? '' : `from ${new Date(fromMicros / 1_000).toISOString()}`;
    return joined(`of account ${account}`, from, readText(read));
  }
  if (isOf('pages', operation)) {
    const { book, account, after } = operation.value;
    return account === ''
      ? `of book ${book} after seq ${after}`
      : `of account ${account} after version ${after}`;
  }
  if (isOf('lookUps', operation)) {
    const { book, transferId, ...read } = operation.value;
    return `of ${transferId} in book ${book}, ${readText(read)}`;
  }
  return '';
}

function readText({ level, minPosition }: ReadAsked): string {
  return minPosition === null ? level : `${level}, not before ${positionText(minPosition)}`;
}

function transferText(request: CreateTransferRequest): string {
  const { namespace, idempotencyKey, action, ...fields } = request;
  const { debitAccountId, creditAccountId, amount, ...rest } = fields;
  return joined(
    `${namespace}/${idempotencyKey}`,
    movedText({ debitAccountId, creditAccountId, amount }),
    action?.$case === 'group' ? legsText(action.value.legs) : fieldsText({ ...action?.value }),
    fieldsText(rest),
  );
}

function movedText(of: Pick<Leg, 'debitAccountId' | 'creditAccountId' | 'amount'>): string {
  const parts = [
    of.amount === 0n ? '' : String(of.amount),
    of.debitAccountId === 0n ? '' : `from ${of.debitAccountId}`,
    of.creditAccountId === 0n ? '' : `to ${of.creditAccountId}`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function legsText(legs: readonly Leg[]): string {
  const texts = legs.map((leg) => {
    const { debitAccountId: _payer, creditAccountId: _payee, amount: _amount, ...rest } = leg;
    return [movedText(leg), fieldsText(rest)].filter((part) => part !== '').join(' ');
  });
  return `legs: ${firstOf(texts, SHOWN_OF_MANY, 'legs')}`;
}

function changeText(request: ChangeAccountRequest): string {
  const { namespace, idempotencyKey, accountId, change, ...rest } = request;
  const to = change === undefined ? '' : fieldsText({ [change.$case]: change.value });
  const what = to === '' ? (change?.$case ?? '') : to;
  return joined(
    `${namespace}/${idempotencyKey}`,
    `of account ${accountId}`,
    what,
    fieldsText(rest),
  );
}

function openText(request: OpenAccountRequest): string {
  return fieldsText({ ...request });
}
