import {
  type Condition,
  type Group,
  UpTo,
  type Leg,
} from '../../../proto/gen/meridian/v1/movement.ts';
import { type CreateTransferRequest, Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import { bookOf, isAccountId } from '../account-id.ts';
import * as limits from '../limits.ts';
import { isPlain } from './options.ts';
import type { TransferFields } from './same-request.ts';
import { isTransferId } from '../transfer-id.ts';
import {
  type FieldViolation,
  isMetadata,
  isNamedAsset,
  isText,
  NOT_A_NAMED_ASSET,
  NOT_AN_ACCOUNT_ID,
  NOT_METADATA,
  validateAll,
  Violations,
} from './validate.ts';

const TIMEOUT_SECONDS_MAX = 2 ** 31 - 1;

/** Returns the violations of a transfer; empty if there are none. */
export function validateTransfer(request: CreateTransferRequest): FieldViolation[] {
  // One pass, because almost all requests are valid; only a malformed one pays for its report.
  if (
    isText(request.idempotencyKey, 1, limits.KEY_LENGTH_MAX) &&
    isText(request.namespace, 0, limits.NAMESPACE_LENGTH_MAX) &&
    isWait(request.wait) &&
    isSound(request)
  ) {
    return [];
  }
  const violations = new Violations('');
  violations.key(request);
  violations.check(isWait(request.wait), 'wait', `${request.wait} is not a value of Wait`);
  const { action } = request;
  if (action?.$case === 'group') checkGroup(violations, request, action.value);
  else checkSingle(violations, request);
  return violations.found;
}

function isWait(wait: Wait): boolean {
  return wait === Wait.UNSPECIFIED || wait === Wait.SETTLED || wait === Wait.POSTED;
}

/** True for most requests that have no violation; what is left is looked at field by field. */
function isSound(request: TransferFields): boolean {
  const { action } = request;
  if (action === undefined) return isSoundPlain(request);
  if (request.upTo !== UpTo.UNSPECIFIED || request.conditions !== undefined || request.allowZero) {
    return false;
  }
  switch (action.$case) {
    case 'hold': {
      const { timeoutSeconds } = action.value;
      if (timeoutSeconds < 0 || timeoutSeconds > TIMEOUT_SECONDS_MAX) return false;
      return haveSoundParties(request) && request.amount > 0n && isSoundText(request);
    }
    case 'capture':
    case 'release':
      return (
        isAccountId(request.debitAccountId) &&
        request.creditAccountId === 0n &&
        (action.$case === 'capture' ? request.amount >= 0n : request.amount === 0n) &&
        isTransferId(action.value.holdId) &&
        isSoundText(request)
      );
    case 'group':
      return isSoundGroup(request, action.value);
    case 'reversal':
      return false;
  }
}

/** True for a well-formed group of plain legs whose amounts are their own. */
function isSoundGroup(request: TransferFields, { legs }: Group): boolean {
  const { debitAccountId, creditAccountId, amount, asset } = request;
  if (debitAccountId !== 0n || creditAccountId !== 0n || amount !== 0n || asset !== '')
    return false;
  if (legs.length === 0 || legs.length > limits.GROUP_LEGS_MAX) return false;
  const book = bookOf(legs[0]?.debitAccountId ?? 0n);
  for (const leg of legs) {
    if (leg.rest || !isSoundPlain(leg) || bookOf(leg.debitAccountId) !== book) return false;
  }
  return isDescription(request);
}

/** True for a well-formed plain transfer, which most are. */
function isSoundPlain(request: TransferFields): boolean {
  return (
    isPlain(request) &&
    !request.allowZero &&
    haveSoundParties(request) &&
    request.amount > 0n &&
    isSoundText(request)
  );
}

function haveSoundParties({ debitAccountId, creditAccountId }: TransferFields): boolean {
  return (
    isAccountId(debitAccountId) &&
    isAccountId(creditAccountId) &&
    debitAccountId !== creditAccountId
  );
}

function isSoundText(request: TransferFields): boolean {
  const { asset } = request;
  return (asset === '' || isNamedAsset(asset)) && isDescription(request);
}

function isDescription({ code, reference, metadata }: TransferFields): boolean {
  return code >= 0 && isText(reference, 0, limits.REFERENCE_LENGTH_MAX) && isMetadata(metadata);
}

function checkDescription(violations: Violations, fields: TransferFields): void {
  const { code, reference, metadata } = fields;
  violations.check(code >= 0, 'code', 'must not be negative');
  violations.text(reference, 'reference', 0, limits.REFERENCE_LENGTH_MAX);
  violations.check(isMetadata(metadata), 'metadata', NOT_METADATA);
}

/** A transfer or leg that is no group. */
function checkSingle(violations: Violations, fields: TransferFields): void {
  const { debitAccountId, creditAccountId, asset, action } = fields;
  violations.check(isAccountId(debitAccountId), 'debit_account_id', NOT_AN_ACCOUNT_ID);
  const ofHold = action?.$case === 'capture' || action?.$case === 'release';
  if (ofHold) {
    const description = `must be unset: a ${action.$case} goes to the payee of its hold`;
    violations.check(creditAccountId === 0n, 'credit_account_id', description);
  } else {
    violations.check(isAccountId(creditAccountId), 'credit_account_id', NOT_AN_ACCOUNT_ID);
    violations.check(
      debitAccountId !== creditAccountId,
      'credit_account_id',
      'must not be the debit account',
    );
  }
  checkAmount(violations, fields);
  violations.check(asset === '' || isNamedAsset(asset), 'asset', NOT_A_NAMED_ASSET);
  checkDescription(violations, fields);
  checkAction(violations, action);
  checkUpTo(violations, fields);
  violations.check(
    !fields.allowZero || fields.upTo !== UpTo.UNSPECIFIED,
    'allow_zero',
    'is only for an amount with up_to',
  );
  checkConditions(violations, fields);
}

function checkAmount(violations: Violations, { amount, action }: TransferFields): void {
  switch (action?.$case) {
    case 'release':
      violations.check(amount === 0n, 'amount', 'must be unset: a release frees all that is left');
      break;
    case 'capture':
    case 'reversal':
      violations.check(amount >= 0n, 'amount', 'must not be negative; zero is all that is left');
      break;
    case 'hold':
    case 'group':
    case undefined:
      violations.check(amount > 0n, 'amount', 'must be greater than zero');
  }
}

export const NOT_A_TRANSFER_ID = 'must be a transfer id: a UUID in its canonical form';

function checkAction(violations: Violations, action: TransferFields['action']): void {
  switch (action?.$case) {
    case 'hold': {
      const { timeoutSeconds } = action.value;
      const sound = timeoutSeconds >= 0 && timeoutSeconds <= TIMEOUT_SECONDS_MAX;
      violations.check(sound, 'hold.timeout_seconds', 'must not be negative');
      break;
    }
    case 'capture':
    case 'release': {
      const sound = isTransferId(action.value.holdId);
      violations.check(sound, `${action.$case}.hold_id`, NOT_A_TRANSFER_ID);
      break;
    }
    case 'reversal': {
      const sound = isTransferId(action.value.transferId);
      violations.check(sound, 'reversal.transfer_id', NOT_A_TRANSFER_ID);
      break;
    }
    case 'group':
    case undefined:
      break;
  }
}

const KNOWN_UP_TO = [UpTo.DEBIT_AVAILABLE, UpTo.CREDIT_ROOM, UpTo.BOTH];

function checkUpTo(violations: Violations, fields: TransferFields): void {
  const { upTo, action, debitAccountId, creditAccountId } = fields;
  if (upTo === UpTo.UNSPECIFIED) return;
  const known: readonly number[] = KNOWN_UP_TO;
  violations.check(known.includes(upTo), 'up_to', `${upTo} is not a value of UpTo`);
  const allowed = action === undefined || action.$case === 'hold';
  violations.check(allowed, 'up_to', 'is only for plain transfers and holds');
  const oneBook = bookOf(debitAccountId) === bookOf(creditAccountId);
  violations.check(
    upTo === UpTo.DEBIT_AVAILABLE || oneBook,
    'up_to',
    'can look at the credit account only if it is in the book of the debit account',
  );
}

function checkConditions(violations: Violations, fields: TransferFields): void {
  const { conditions, debitAccountId } = fields;
  if (conditions === undefined) return;
  const validate = (condition: Condition) => validateCondition(condition, bookOf(debitAccountId));
  const found = validateAll(conditions.allOf, 'conditions.all_of', validate, limits.CONDITIONS_MAX);
  for (const { field, description } of found) violations.check(false, field, description);
}

function validateCondition({ accountId, test }: Condition, book: number): FieldViolation[] {
  const violations = new Violations('');
  const inBook = isAccountId(accountId) && bookOf(accountId) === book;
  violations.check(inBook, 'account_id', 'must be an account in the book of the debit account');
  violations.check(test !== undefined, 'test', 'must be set');
  return violations.found;
}

function checkGroup(violations: Violations, request: TransferFields, { legs }: Group): void {
  const unset = (ok: boolean, field: string) =>
    violations.check(ok, field, 'must be unset: a group has it in its legs');
  unset(request.debitAccountId === 0n, 'debit_account_id');
  unset(request.creditAccountId === 0n, 'credit_account_id');
  unset(request.amount === 0n, 'amount');
  unset(request.asset === '', 'asset');
  unset(request.upTo === UpTo.UNSPECIFIED, 'up_to');
  unset(request.conditions === undefined, 'conditions');
  unset(!request.allowZero, 'allow_zero');
  checkDescription(violations, request);
  const book = bookOf(legs[0]?.debitAccountId ?? 0n);
  const validate = (leg: TransferFields) => validateLeg(leg, book);
  const found = validateAll(legs, 'group.legs', validate, limits.GROUP_LEGS_MAX);
  for (const { field, description } of found) violations.check(false, field, description);
  for (const [index, leg] of legs.entries()) {
    if (leg.rest) checkRest(violations, leg, legs[index - 1], `group.legs[${index}].rest`);
  }
}

function checkRest(violations: Violations, leg: Leg, before: Leg | undefined, field: string): void {
  const { action, debitAccountId, creditAccountId } = leg;
  violations.check(before !== undefined, field, 'is not for the first leg: none was before it');
  const moves = action === undefined || action.$case === 'hold';
  violations.check(moves, field, 'is only for plain transfers and holds');
  // So both are in one asset.
  const meets =
    before === undefined ||
    before.debitAccountId === debitAccountId ||
    before.creditAccountId === creditAccountId;
  violations.check(meets, field, 'must have the debit or the credit account of the leg before');
}

function validateLeg(leg: TransferFields, book: number): FieldViolation[] {
  const violations = new Violations('');
  if (!isSoundPlain(leg)) checkSingle(violations, leg);
  violations.check(
    bookOf(leg.debitAccountId) === book,
    'debit_account_id',
    `GROUP_SPANS_BOOKS: must lie in book ${book} as that of the first leg`,
  );
  return violations.found;
}

/** The account by whose book a transfer is decided; of a group that of its first leg. */
export function decidingAccountOf({ action, debitAccountId }: TransferFields): bigint {
  if (action?.$case !== 'group') return debitAccountId;
  return action.value.legs[0]?.debitAccountId ?? 0n;
}
