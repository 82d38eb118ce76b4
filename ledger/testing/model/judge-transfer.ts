import { UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { TOTAL_MAX } from '../../core/limits.ts';
import {
  accountNow,
  type AccountNow,
  assetParts,
  holdNow,
  isOverdue,
  leftToReverse,
  scaleNow,
} from './fold.ts';
import { type ReasonCheck, firstReason } from './precedence.ts';
import {
  bookNumberOf,
  type ModelBook,
  type ModelRequest,
  type ModelTransfer,
  usable,
} from './model-state.ts';

/** The outcome of a request in the payer's book, as far as that book knows. */
export interface ModelVerdict {
  readonly reason: Reason;
  readonly payer: bigint;
  readonly payee: bigint;
  /** To be moved, held or freed. */
  readonly amount: bigint;
  /** Of a final capture within one book: what is left of the hold after it. */
  readonly freed: bigint;
}

/**
 * Judges a transfer or a leg of a group, but not a group.
 *
 * @param asked the amount to be moved or held at most; of a leg with `rest`: what is left of it
 */
export function judge(book: ModelBook, request: ModelRequest, asked: bigint): ModelVerdict {
  const { action } = request;
  switch (action?.$case) {
    case 'capture':
    case 'release':
      return judgeDraw(book, request, action.value.holdId);
    case 'reversal':
      return judgeReversal(book, request, action.value.transferId);
    case 'group':
      throw new Error('a group is judged leg by leg');
    case 'hold':
    case undefined:
      return judgeMovement(book, request, asked, []);
  }
}

/** A capture or release: the accounts are those of the hold. */
function judgeDraw(book: ModelBook, request: ModelRequest, holdId: string): ModelVerdict {
  const { action, debitAccountId, creditAccountId } = request;
  const hold = book.transfers.find(
    (transfer) =>
      transfer.id === holdId &&
      transfer.request.action?.$case === 'hold' &&
      transfer.reason === Reason.UNSPECIFIED,
  );
  if (hold === undefined) {
    const accounts = { payer: debitAccountId, payee: creditAccountId };
    return { reason: Reason.HOLD_NOT_FOUND, ...accounts, amount: 0n, freed: 0n };
  }
  const { left, end, closing } = holdNow(book, hold);
  const amount = request.amount === 0n ? left : request.amount;
  const { payer, payee } = hold;
  const reason = firstReason([
    [Reason.HOLD_HAS_DIFFERENT_ACCOUNT, debitAccountId !== payer],
    [Reason.HOLD_CAPTURED, end === 'captured' || (end === undefined && closing)],
    [Reason.HOLD_RELEASED, end === 'released'],
    [Reason.HOLD_EXPIRED, end === 'expired' || (end === undefined && isOverdue(book, hold))],
    [Reason.HOLD_EXCEEDED, amount > left],
    ...namedChecks(book, request, payer, payee),
    // A held amount is freed whatever the state of the accounts.
    ...(action?.$case === 'capture' ? lifeChecks(book, payer, payee) : []),
    [Reason.OVERFLOW, action?.$case === 'capture' && isOverfull(named(book, payer))],
  ]);
  const isHere = bookNumberOf(payee) === book.number;
  const isFinal = action?.$case === 'capture' && action.value.final && isHere;
  return { reason, payer, payee, amount, freed: isFinal ? left - amount : 0n };
}

/** Captures that come back are held again, above what any hold was judged by. */
function isOverfull(debit: AccountNow | undefined): boolean {
  return debit !== undefined && debit.debits + debit.heldDebits > TOTAL_MAX;
}

function judgeReversal(book: ModelBook, request: ModelRequest, transferId: string): ModelVerdict {
  const payerBook = bookNumberOf(request.creditAccountId);
  const received = book.received.find(
    ({ from, transfer }) => from === payerBook && transfer.id === transferId,
  );
  const transfer =
    payerBook === book.number
      ? book.transfers.find(({ id }) => id === transferId)
      : received?.transfer;
  if (transfer === undefined) {
    return judgeMovement(book, request, request.amount, [[Reason.TRANSFER_NOT_FOUND, true]]);
  }
  const { action } = transfer.request;
  const moved = action === undefined || action.$case === 'capture';
  const applied =
    payerBook === book.number
      ? transfer.reason === Reason.UNSPECIFIED && bookNumberOf(transfer.payee) === book.number
      : received?.reason === Reason.UNSPECIFIED;
  const left = moved && applied ? leftToReverse(book, transfer, payerBook) : 0n;
  const amount = request.amount === 0n ? left : request.amount;
  return judgeMovement(book, request, amount, [
    [Reason.TRANSFER_NOT_REVERSIBLE, !moved || !applied],
    [Reason.TRANSFER_HAS_DIFFERENT_ACCOUNTS, !isMirrored(transfer, request)],
    [Reason.REVERSAL_EXCEEDED, left === 0n || amount > left],
  ]);
}

function isMirrored({ payer, payee }: ModelTransfer, request: ModelRequest): boolean {
  return payee === request.debitAccountId && payer === request.creditAccountId;
}

/** Whatever moves or holds money that was not held before. */
function judgeMovement(
  book: ModelBook,
  request: ModelRequest,
  asked: bigint,
  checks: readonly ReasonCheck[],
): ModelVerdict {
  const { debitAccountId: payer, creditAccountId: payee } = request;
  const debit = named(book, payer);
  const credit = named(book, payee);
  const most = debit === undefined ? asked : upTo(request.upTo, asked, debit, credit);
  // Nothing may be moved if the request allows it, or if nothing is left for a leg to move.
  const isNothing = most <= 0n && (request.allowZero || (request.rest === true && asked === 0n));
  const amount = isNothing ? 0n : most;
  const reason = firstReason([
    ...checks,
    ...namedChecks(book, request, payer, payee),
    ...lifeChecks(book, payer, payee),
    [Reason.NOTHING_AVAILABLE, request.upTo !== UpTo.UNSPECIFIED && amount <= 0n && !isNothing],
    ...(debit === undefined || isNothing ? [] : debitChecks(debit, amount)),
    ...(credit === undefined || isNothing ? [] : creditChecks(credit, amount)),
  ]);
  return { reason, payer, payee, amount, freed: 0n };
}

function named(book: ModelBook, id: bigint): AccountNow | undefined {
  const account = usable(book, id);
  return account === undefined ? undefined : accountNow(book, account);
}

/** Of the amount that is asked for, what the limits leave. */
function upTo(
  which: UpTo,
  asked: bigint,
  debit: AccountNow,
  credit: AccountNow | undefined,
): bigint {
  const amounts = [asked];
  if (which === UpTo.DEBIT_AVAILABLE || which === UpTo.BOTH) {
    if (debit.min !== null) amounts.push(debit.available - debit.min);
  }
  if (which === UpTo.CREDIT_ROOM || which === UpTo.BOTH) {
    if (credit !== undefined && credit.max !== null) amounts.push(credit.max - credit.expected);
  }
  return amounts.reduce((least, amount) => (amount < least ? amount : least));
}

/** Are the accounts there, of the right asset, and as the conditions want them? */
function namedChecks(
  book: ModelBook,
  request: ModelRequest,
  payer: bigint,
  payee: bigint,
): ReasonCheck[] {
  const debit = named(book, payer);
  const credit = named(book, payee);
  const { code, scale } = assetParts(request.asset);
  const payeeBook = bookNumberOf(payee);
  // This book does not know the accounts of other books, but it knows which books exist.
  const away = payeeBook !== book.number && book.books.includes(payeeBook);
  return [
    [Reason.DEBIT_ACCOUNT_NOT_FOUND, debit === undefined],
    [Reason.CREDIT_ACCOUNT_NOT_FOUND, credit === undefined && !away],
    [Reason.ASSET_MISMATCH, code !== '' && debit?.asset !== code],
    [Reason.ASSET_MISMATCH, credit !== undefined && credit.asset !== debit?.asset],
    [Reason.SCALE_MISMATCH, scale !== undefined && scaleNow(book, debit?.asset ?? '') !== scale],
    ...(request.conditions?.allOf ?? []).map(({ accountId, test }): ReasonCheck => {
      const account = named(book, accountId);
      switch (test?.$case) {
        case 'balanceAtLeast':
          return [Reason.CONDITION_NOT_MET, !(account && account.available >= test.value)];
        case 'balanceAtMost':
          return [Reason.CONDITION_NOT_MET, !(account && account.expected <= test.value)];
        case 'version':
          return [Reason.VERSION_MISMATCH, account?.version !== Number(test.value)];
        case undefined:
          throw new Error('a condition has a test');
      }
    }),
  ];
}

/** May the accounts pay and be paid at all? */
function lifeChecks(book: ModelBook, payer: bigint, payee: bigint): ReasonCheck[] {
  const debit = named(book, payer);
  return [
    [Reason.DEBIT_ACCOUNT_CLOSED, debit?.closed ?? false],
    [Reason.DEBIT_ACCOUNT_FROZEN, debit?.frozenOut ?? false],
    ...creditLifeChecks(named(book, payee)),
  ];
}

export function creditLifeChecks(credit: AccountNow | undefined): ReasonCheck[] {
  return [
    [Reason.CREDIT_ACCOUNT_CLOSED, credit?.closed ?? false],
    [Reason.CREDIT_ACCOUNT_FROZEN, credit?.frozenIn ?? false],
  ];
}

function debitChecks(debit: AccountNow, amount: bigint): ReasonCheck[] {
  const { debits, heldDebits, available, min } = debit;
  return [
    [Reason.OVERFLOW, debits + heldDebits + amount > TOTAL_MAX],
    [Reason.INSUFFICIENT_FUNDS, min !== null && available - amount < min],
  ];
}

export function creditChecks(credit: AccountNow, amount: bigint): ReasonCheck[] {
  const { credits, heldCredits, expected, max } = credit;
  return [
    [Reason.OVERFLOW, credits + heldCredits + amount > TOTAL_MAX],
    [Reason.MAX_BALANCE_EXCEEDED, max !== null && expected + amount > max],
  ];
}
