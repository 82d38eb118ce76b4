import type {
  CreateTransferRequest,
  OpenAccountRequest,
} from '../../proto/gen/meridian/v1/ledger.ts';
import { TRANSIT_PREFIX } from './account.ts';
import { isAccountId } from './account-id.ts';
import * as limits from './limits.ts';

/** A field whose value no state of the ledger could accept. */
export interface FieldViolation {
  /** Path as in the proto, such as `transfers[17].amount`. */
  readonly field: string;
  readonly description: string;
}

/** More violations than this are not listed. */
const VIOLATIONS_MAX = 100;

const ASSET = /^[A-Z0-9_.-]{1,16}$/;

/** What is malformed in a transfer; empty if nothing is. `path` precedes the field's name. */
export function validateTransfer(request: CreateTransferRequest, path = ''): FieldViolation[] {
  // One pass over what is almost always right; only a wrong request pays for its report.
  if (
    isText(request.idempotencyKey, 1, limits.KEY_LENGTH_MAX) &&
    isText(request.namespace, 0, limits.NAMESPACE_LENGTH_MAX) &&
    isAccountId(request.debitAccountId) &&
    isAccountId(request.creditAccountId) &&
    request.debitAccountId !== request.creditAccountId &&
    request.amount > 0n &&
    (request.asset === '' || ASSET.test(request.asset)) &&
    request.code >= 0 &&
    isText(request.reference, 0, limits.REFERENCE_LENGTH_MAX) &&
    isMetadata(request.metadata)
  ) {
    return [];
  }
  const found: FieldViolation[] = [];
  const check = (ok: boolean, field: string, description: string) => {
    if (!ok) found.push({ field: path + field, description });
  };
  check(
    isText(request.idempotencyKey, 1, limits.KEY_LENGTH_MAX),
    'idempotency_key',
    `must have 1 to ${limits.KEY_LENGTH_MAX} characters, none of them NUL or U+FFFD`,
  );
  check(
    isText(request.namespace, 0, limits.NAMESPACE_LENGTH_MAX),
    'namespace',
    `must have at most ${limits.NAMESPACE_LENGTH_MAX} characters, none of them NUL or U+FFFD`,
  );
  check(isAccountId(request.debitAccountId), 'debit_account_id', NOT_AN_ACCOUNT_ID);
  check(isAccountId(request.creditAccountId), 'credit_account_id', NOT_AN_ACCOUNT_ID);
  check(
    request.debitAccountId !== request.creditAccountId,
    'credit_account_id',
    'must not be the debit account',
  );
  check(request.amount > 0n, 'amount', 'must be greater than zero');
  check(request.asset === '' || ASSET.test(request.asset), 'asset', NOT_AN_ASSET);
  check(request.code >= 0, 'code', 'must not be negative');
  check(
    isText(request.reference, 0, limits.REFERENCE_LENGTH_MAX),
    'reference',
    `must have at most ${limits.REFERENCE_LENGTH_MAX} characters, none of them NUL or U+FFFD`,
  );
  check(isMetadata(request.metadata), 'metadata', NOT_METADATA);
  return found;
}

/** What is malformed in a request to open an account; empty if nothing is. */
export function validateOpening(request: OpenAccountRequest, path = ''): FieldViolation[] {
  const found: FieldViolation[] = [];
  const check = (ok: boolean, field: string, description: string) => {
    if (!ok) found.push({ field: path + field, description });
  };
  check(
    isText(request.externalId, 1, limits.EXTERNAL_ID_LENGTH_MAX),
    'external_id',
    NOT_AN_EXTERNAL_ID,
  );
  check(
    !request.externalId.startsWith(TRANSIT_PREFIX),
    'external_id',
    `must not begin with "${TRANSIT_PREFIX}", which belongs to the ledger`,
  );
  check(ASSET.test(request.asset), 'asset', NOT_AN_ASSET);
  const min = request.min?.$case === 'minBalance' ? request.min.value : null;
  const max = request.max?.$case === 'maxBalance' ? request.max.value : null;
  check(min === null || max === null || min <= max, 'max_balance', 'must not be below min_balance');
  check(
    (min === null || min <= 0n) && (max === null || max >= 0n),
    min !== null && min > 0n ? 'min_balance' : 'max_balance',
    'must allow a balance of zero, with which the account opens',
  );
  check(isMetadata(request.metadata), 'metadata', NOT_METADATA);
  return found;
}

/** Violations of a call with many items: too many of them, or what each one's check finds. */
export function validateAll<T>(
  items: readonly T[],
  name: string,
  validate: (item: T, path: string) => FieldViolation[],
): FieldViolation[] {
  if (items.length === 0 || items.length > limits.CALL_ITEMS_MAX) {
    const description = `must have 1 to ${limits.CALL_ITEMS_MAX} items, not ${items.length}`;
    return [{ field: name, description }];
  }
  const found: FieldViolation[] = [];
  for (const [index, item] of items.entries()) {
    const violations = validate(item, '');
    for (const { field, description } of violations) {
      found.push({ field: `${name}[${index}].${field}`, description });
    }
    if (found.length >= VIOLATIONS_MAX) return found;
  }
  return found;
}

const NOT_AN_EXTERNAL_ID = `must have 1 to ${limits.EXTERNAL_ID_LENGTH_MAX} characters, none of them NUL or U+FFFD`;
const NOT_AN_ACCOUNT_ID = 'must be an account id: book number in the top 16 bits';
const NOT_AN_ASSET = 'must be 1 to 16 of A-Z, 0-9, "_", "." and "-"';
const NOT_METADATA =
  `must have at most ${limits.METADATA_PAIRS_MAX} pairs, names of 1 to ` +
  `${limits.METADATA_NAME_LENGTH_MAX} and values of up to ` +
  `${limits.METADATA_VALUE_LENGTH_MAX} characters, none of them NUL or U+FFFD`;

/** What is malformed in the external id of a request to find accounts. */
export function validateExternalId(externalId: string): FieldViolation[] {
  if (isText(externalId, 1, limits.EXTERNAL_ID_LENGTH_MAX)) return [];
  return [{ field: 'external_id', description: NOT_AN_EXTERNAL_ID }];
}

// Postgres cannot store NUL in text, nor half of a surrogate pair. The replacement character
// stands where a client sent bytes that are no UTF-8: two keys of such would be taken for one.
function isText(text: string, lengthMin: number, lengthMax: number): boolean {
  return (
    text.length >= lengthMin &&
    text.length <= lengthMax &&
    !text.includes('\0') &&
    !text.includes('\uFFFD') &&
    text.isWellFormed()
  );
}

function isMetadata(metadata: Readonly<Record<string, string>>): boolean {
  let pairs = 0;
  for (const name in metadata) {
    pairs += 1;
    if (
      pairs > limits.METADATA_PAIRS_MAX ||
      !isText(name, 1, limits.METADATA_NAME_LENGTH_MAX) ||
      !isText(metadata[name] ?? '', 0, limits.METADATA_VALUE_LENGTH_MAX)
    ) {
      return false;
    }
  }
  return true;
}
