import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import { UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../assert.ts';
import { namedAsset } from '../asset.ts';

/**
 * The fields that make a transfer what it is. The key and namespace are what it is found by;
 * `wait` and `dry_run` state how the caller wants the answer and may differ on a retry.
 */
export type TransferFields = Omit<
  CreateTransferRequest,
  'idempotencyKey' | 'namespace' | 'wait' | 'dryRun'
> & {
  /** Of a leg that moves what the legs before it left. */
  readonly rest?: boolean;
};

/**
 * Name of the first field, in the order of the proto, in which two transfers of one key
 * differ; '' if they are the same.
 */
export function differingTransferField(a: TransferFields, b: TransferFields): string {
  if (a.debitAccountId !== b.debitAccountId) return 'debit_account_id';
  if (a.creditAccountId !== b.creditAccountId) return 'credit_account_id';
  if (a.amount !== b.amount) return 'amount';
  if (a.asset !== b.asset) return 'asset';
  if (a.code !== b.code) return 'code';
  if (a.reference !== b.reference) return 'reference';
  if (!sameMetadata(a.metadata, b.metadata)) return 'metadata';
  const action = differingAction(a.action, b.action);
  if (action !== '') return action;
  if (a.upTo !== b.upTo) return 'up_to';
  if (!sameConditions(a.conditions, b.conditions)) return 'conditions';
  if (a.allowZero !== b.allowZero) return 'allow_zero';
  return (a.rest ?? false) === (b.rest ?? false) ? '' : 'rest';
}

/**
 * The same where the first was recovered from its leg: what a leg does not carry is lost, and a
 * request that leaves its payee or amount open, as captures and reversals may, leaves it so here.
 */
export function differingRecoveredField(recovered: TransferFields, b: TransferFields): string {
  if (recovered.debitAccountId !== b.debitAccountId) return 'debit_account_id';
  const isNamed = recovered.creditAccountId !== 0n && b.creditAccountId !== 0n;
  const payee = isNamed ? b.creditAccountId : recovered.creditAccountId;
  if (recovered.creditAccountId !== payee) return 'credit_account_id';
  const isOpen = b.amount === 0n || b.upTo !== UpTo.UNSPECIFIED;
  if (!isOpen && recovered.amount !== b.amount) return 'amount';
  if (recovered.code !== b.code) return 'code';
  if (recovered.reference !== b.reference) return 'reference';
  if (!sameMetadata(recovered.metadata, b.metadata)) return 'metadata';
  return recovered.action?.$case === 'capture' ? differingAction(recovered.action, b.action) : '';
}

type Action = TransferFields['action'];

function differingAction(a: Action, b: Action): string {
  switch (a?.$case) {
    case undefined:
      return b === undefined ? '' : 'action';
    case 'hold':
      if (b?.$case !== 'hold') return 'action';
      return a.value.timeoutSeconds === b.value.timeoutSeconds ? '' : 'hold.timeout_seconds';
    case 'capture':
      if (b?.$case !== 'capture') return 'action';
      if (a.value.holdId !== b.value.holdId) return 'capture.hold_id';
      return a.value.final === b.value.final ? '' : 'capture.final';
    case 'release':
      if (b?.$case !== 'release') return 'action';
      return a.value.holdId === b.value.holdId ? '' : 'release.hold_id';
    case 'reversal':
      if (b?.$case !== 'reversal') return 'action';
      return a.value.transferId === b.value.transferId ? '' : 'reversal.transfer_id';
    case 'group':
      if (b?.$case !== 'group') return 'action';
      return differingLegs(a.value.legs, b.value.legs);
  }
}

function differingLegs(a: readonly TransferFields[], b: readonly TransferFields[]): string {
  // Their number comes first, so that the legs of a group of another size need not be read.
  if (a.length !== b.length) return 'group.legs';
  for (const [index, leg] of a.entries()) {
    const field = differingTransferField(leg, must(b[index], 'both have as many legs'));
    if (field !== '') return `group.legs[${index}].${field}`;
  }
  return '';
}

function sameConditions(a: TransferFields['conditions'], b: TransferFields['conditions']): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.allOf.length === b.allOf.length &&
    a.allOf.every((one, index) => {
      const other = b.allOf[index];
      return (
        one.accountId === other?.accountId &&
        one.test?.$case === other.test?.$case &&
        one.test?.value === other.test?.value
      );
    })
  );
}

/** The fields that identify a change of an account. */
export type ChangeFields = Omit<ChangeAccountRequest, 'idempotencyKey' | 'namespace' | 'dryRun'>;

/** Name of the first field in which two changes of one key differ; '' if they are the same. */
export function differingChangeField(a: ChangeFields, b: ChangeFields): string {
  if (a.accountId !== b.accountId) return 'account_id';
  if (a.by !== b.by) return 'by';
  if (a.why !== b.why) return 'why';
  const change = differingChange(a.change, b.change);
  if (change !== '') return change;
  return a.expectedVersion === b.expectedVersion ? '' : 'expected_version';
}

function differingChange(a: ChangeFields['change'], b: ChangeFields['change']): string {
  if (a?.$case !== b?.$case) return 'change';
  if (a?.$case === 'freeze' && b?.$case === 'freeze') return a.value === b.value ? '' : 'freeze';
  if (a?.$case === 'limits' && b?.$case === 'limits') {
    if (a.value.minBalance !== b.value.minBalance) return 'limits.min_balance';
    return a.value.maxBalance === b.value.maxBalance ? '' : 'limits.max_balance';
  }
  if (a?.$case === 'metadata' && b?.$case === 'metadata') {
    return sameMetadata(a.value.metadata, b.value.metadata) ? '' : 'metadata.metadata';
  }
  return '';
}

/** An account as it was opened, in the terms of a request. */
export interface OpenedAs {
  readonly asset: string;
  readonly minBalance: bigint | null;
  readonly maxBalance: bigint | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Returns the account that a request opens: an unset lower limit is zero, an upper none. An
 * account without a lower limit must be requested with `no_min_balance`.
 */
export function openedAs(request: OpenAccountRequest): OpenedAs {
  const { min, max } = request;
  return {
    asset: namedAsset(request.asset).code,
    minBalance: min?.$case === 'minBalance' ? min.value : min?.value === true ? null : 0n,
    maxBalance: max?.$case === 'maxBalance' ? max.value : null,
    metadata: request.metadata,
  };
}

/** Name of the first field in which two accounts of one external id differ; '' if none. */
export function differingAccountField(a: OpenedAs, b: OpenedAs): string {
  if (a.asset !== b.asset) return 'asset';
  if (a.minBalance !== b.minBalance) return 'min_balance';
  if (a.maxBalance !== b.maxBalance) return 'max_balance';
  if (!sameMetadata(a.metadata, b.metadata)) return 'metadata';
  return '';
}

function sameMetadata(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
  );
}
