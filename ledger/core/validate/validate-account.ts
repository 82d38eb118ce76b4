import {
  type ChangeAccountRequest,
  Freeze,
  type Limits,
  type OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { RegisterAssetRequest } from '../../../proto/gen/meridian/v1/asset.ts';
import { TRANSIT_PREFIX } from '../account.ts';
import { isAccountId } from '../account-id.ts';
import { SCALE_MAX } from '../asset.ts';
import * as limits from '../limits.ts';
import {
  type FieldViolation,
  isAsset,
  isMetadata,
  isNamedAsset,
  NOT_A_NAMED_ASSET,
  NOT_AN_ACCOUNT_ID,
  NOT_AN_ASSET,
  NOT_METADATA,
  Violations,
} from './validate.ts';

/** Returns the violations of a request to open an account; empty if there are none. */
export function validateOpening(request: OpenAccountRequest): FieldViolation[] {
  const violations = new Violations('');
  violations.text(request.externalId, 'external_id', 1, limits.EXTERNAL_ID_LENGTH_MAX);
  violations.check(
    !request.externalId.startsWith(TRANSIT_PREFIX),
    'external_id',
    `must not begin with "${TRANSIT_PREFIX}", which belongs to the ledger`,
  );
  violations.check(isNamedAsset(request.asset), 'asset', NOT_A_NAMED_ASSET);
  const min = request.min?.$case === 'minBalance' ? request.min.value : null;
  const max = request.max?.$case === 'maxBalance' ? request.max.value : null;
  violations.check(
    min === null || max === null || min <= max,
    'max_balance',
    'must not be below min_balance',
  );
  violations.check(
    (min === null || min <= 0n) && (max === null || max >= 0n),
    min !== null && min > 0n ? 'min_balance' : 'max_balance',
    'must allow a balance of zero, with which the account opens',
  );
  violations.check(isMetadata(request.metadata), 'metadata', NOT_METADATA);
  return violations.found;
}

/** Returns the violations of the external id of a request to find accounts. */
export function validateExternalId(externalId: string): FieldViolation[] {
  const violations = new Violations('');
  violations.text(externalId, 'external_id', 1, limits.EXTERNAL_ID_LENGTH_MAX);
  return violations.found;
}

/** Returns the violations of a change of an account; empty if there are none. */
export function validateChange(request: ChangeAccountRequest): FieldViolation[] {
  const violations = new Violations('');
  violations.key(request);
  violations.check(isAccountId(request.accountId), 'account_id', NOT_AN_ACCOUNT_ID);
  checkWho(violations, request);
  checkChange(violations, request.change);
  violations.check(
    (request.expectedVersion ?? 0n) >= 0n,
    'expected_version',
    'must not be negative',
  );
  return violations.found;
}

function checkWho(
  violations: Violations,
  { by, why }: { readonly by: string; readonly why: string },
): void {
  violations.text(by, 'by', 1, limits.BY_LENGTH_MAX);
  violations.text(why, 'why', 1, limits.WHY_LENGTH_MAX);
}

function checkChange(violations: Violations, change: ChangeAccountRequest['change']): void {
  violations.check(change !== undefined, 'change', 'must be set');
  switch (change?.$case) {
    case 'freeze': {
      const known: readonly number[] = [Freeze.NONE, Freeze.IN, Freeze.OUT, Freeze.BOTH];
      const sound = known.includes(change.value);
      violations.check(sound, 'freeze', 'must be FREEZE_NONE, _IN, _OUT or _BOTH');
      break;
    }
    case 'limits':
      violations.check(isRange(change.value), 'limits', 'must not have max below min');
      break;
    case 'metadata':
      violations.check(isMetadata(change.value.metadata), 'metadata.metadata', NOT_METADATA);
      break;
    case 'close':
    case 'reopen':
    case undefined:
      break;
  }
}

function isRange({ minBalance, maxBalance }: Limits): boolean {
  return minBalance === undefined || maxBalance === undefined || minBalance <= maxBalance;
}

/** Returns the violations of the registration of an asset; empty if there are none. */
export function validateAsset(request: RegisterAssetRequest): FieldViolation[] {
  const { asset, scale } = request;
  const violations = new Violations('');
  violations.check(isAsset(asset), 'asset', NOT_AN_ASSET);
  violations.check(scale >= 0 && scale <= SCALE_MAX, 'scale', `must be 0 to ${SCALE_MAX}`);
  checkWho(violations, request);
  return violations.found;
}
