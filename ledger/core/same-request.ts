import type {
  CreateTransferRequest,
  OpenAccountRequest,
} from '../../proto/gen/meridian/v1/ledger.ts';

/**
 * The fields that make a transfer what it is. The key and namespace are what it is found by;
 * `wait` says how the caller wants the answer and may differ on a retry.
 */
export type TransferFields = Omit<CreateTransferRequest, 'idempotencyKey' | 'namespace' | 'wait'>;

/** Name of the first field in which two transfers of one key differ; '' if they are the same. */
export function differingTransferField(a: TransferFields, b: TransferFields): string {
  if (a.debitAccountId !== b.debitAccountId) return 'debit_account_id';
  if (a.creditAccountId !== b.creditAccountId) return 'credit_account_id';
  if (a.amount !== b.amount) return 'amount';
  if (a.asset !== b.asset) return 'asset';
  if (a.code !== b.code) return 'code';
  if (a.reference !== b.reference) return 'reference';
  if (!sameMetadata(a.metadata, b.metadata)) return 'metadata';
  return '';
}

/** An account as it was opened, in the terms of a request. */
export interface OpenedAs {
  readonly asset: string;
  readonly minBalance: bigint | null;
  readonly maxBalance: bigint | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a request to open an account comes to: an unset lower limit is zero, an upper none. */
export function openedAs(request: OpenAccountRequest): OpenedAs {
  const { min, max } = request;
  return {
    asset: request.asset,
    minBalance: min === undefined ? 0n : min.$case === 'minBalance' ? min.value : null,
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
