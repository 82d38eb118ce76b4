import type {
  GetAccountRequest,
  GetAccountsRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import { ReadLevel, type ReadOptions } from '../../../proto/gen/meridian/v1/position.ts';
import type {
  GetStatementRequest,
  ListEntriesRequest,
} from '../../../proto/gen/meridian/v1/query.ts';
import type {
  GetTransferRequest,
  GetTransfersRequest,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { isAccountId } from '../account-id.ts';
import { KEY_LENGTH_MAX, NAMESPACE_LENGTH_MAX } from '../limits.ts';
import { compareTimestamps, isTimestamp } from '../timestamp.ts';
import { isTransferId } from '../transfer-id.ts';
import { type FieldViolation, NOT_AN_ACCOUNT_ID, validateAll, Violations } from './validate.ts';

/** Largest number of transfers that one look-up may ask for. */
export const LOOK_UPS_MAX = 1000;

/** Returns the violations of the options of a read; unset ones are valid. */
export function validateReadOptions(options: ReadOptions | undefined): FieldViolation[] {
  const violations = new Violations('options.');
  const { level = ReadLevel.UNSPECIFIED, minPosition } = options ?? {};
  violations.check(
    level >= ReadLevel.UNSPECIFIED && level <= ReadLevel.STALE,
    'level',
    `${level} is not a read level`,
  );
  violations.check(
    minPosition === undefined || minPosition.book >= 1,
    'min_position.book',
    'must be the number of a book',
  );
  violations.check(
    minPosition === undefined || minPosition.seq >= 0n,
    'min_position.seq',
    'must not be negative',
  );
  return violations.found;
}

/** Returns the violations of a request for an account. */
export function validateGetAccount({ id, asOf, options }: GetAccountRequest): FieldViolation[] {
  const violations = new Violations('');
  violations.check(isAccountId(id), 'id', NOT_AN_ACCOUNT_ID);
  if (asOf?.$case === 'asOfTime') {
    violations.check(isTimestamp(asOf.value), 'as_of_time', NOT_A_TIME);
  } else if (asOf !== undefined) {
    violations.check(asOf.value >= 0n, 'as_of_seq', 'must not be negative');
  }
  return [...violations.found, ...validateReadOptions(options)];
}

/** Returns the violations of a request for many accounts. */
export function validateGetAccounts({ ids, options }: GetAccountsRequest): FieldViolation[] {
  const found = validateAll(ids, 'ids', () => []);
  const bad = ids.findIndex((id) => !isAccountId(id));
  if (bad >= 0) found.push({ field: `ids[${bad}]`, description: NOT_AN_ACCOUNT_ID });
  return [...found, ...validateReadOptions(options)];
}

/** What is malformed in a request to look a transfer up. Its options are not looked at. */
export function validateGetTransfer(request: GetTransferRequest): FieldViolation[] {
  const { by, namespace, debitAccountId } = request;
  const violations = new Violations('');
  if (by?.$case === 'transferId') {
    violations.check(
      isTransferId(by.value),
      'transfer_id',
      'must be a transfer id in its canonical UUID form',
    );
  } else if (by === undefined) {
    violations.check(false, 'idempotency_key', 'must be set, or transfer_id');
  } else {
    violations.text(by.value, 'idempotency_key', 1, KEY_LENGTH_MAX);
  }
  violations.text(namespace, 'namespace', 0, NAMESPACE_LENGTH_MAX);
  violations.check(
    debitAccountId === 0n || isAccountId(debitAccountId),
    'debit_account_id',
    NOT_AN_ACCOUNT_ID,
  );
  return violations.found;
}

/** What is malformed in a request to look many transfers up. */
export function validateGetTransfers(request: GetTransfersRequest): FieldViolation[] {
  const { transfers, options } = request;
  const found = validateAll(transfers, 'transfers', validateGetTransfer, LOOK_UPS_MAX);
  return [...found, ...validateReadOptions(options)];
}

/** What is malformed in a request for entries, but for its page. */
export function validateListEntries(request: ListEntriesRequest): FieldViolation[] {
  const violations = new Violations('');
  violations.check(isAccountId(request.accountId), 'account_id', NOT_AN_ACCOUNT_ID);
  return [...violations.found, ...validateReadOptions(request.options)];
}

/** What is malformed in a request for a statement, but for its page. */
export function validateStatement(request: GetStatementRequest): FieldViolation[] {
  const { accountId, from, to, options } = request;
  const violations = new Violations('');
  violations.check(isAccountId(accountId), 'account_id', NOT_AN_ACCOUNT_ID);
  violations.check(from === undefined || isTimestamp(from), 'from', NOT_A_TIME);
  violations.check(to === undefined || isTimestamp(to), 'to', NOT_A_TIME);
  violations.check(
    from === undefined || to === undefined || compareTimestamps(from, to) <= 0,
    'to',
    'must not be before from',
  );
  return [...violations.found, ...validateReadOptions(options)];
}

export const NOT_A_TIME = 'must be a time in the years 1 to 9999';
