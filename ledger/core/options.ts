import { Freeze, type ChangeAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { UpTo, type Condition } from '../../proto/gen/meridian/v1/movement.ts';
import type { TransferFields } from './same-request.ts';

/**
 * What a request asks beyond the columns of the journal, as JSON in a fixed order: the column
 * `options`. '' for a plain transfer.
 */
export function transferOptions(request: TransferFields): string {
  const { action, upTo, conditions } = request;
  if (action === undefined && upTo === UpTo.UNSPECIFIED && conditions === undefined) return '';
  return JSON.stringify({
    ...(action === undefined ? {} : { action: action.$case, ...actionOptions(action) }),
    ...(upTo === UpTo.UNSPECIFIED ? {} : { up_to: upTo }),
    // The row has the amount that was moved; this is the one that was asked.
    ...(amountIsOpen(request) ? { amount: String(request.amount) } : {}),
    ...(conditions === undefined ? {} : { conditions: conditions.allOf.map(conditionOptions) }),
  });
}

/** True if the request leaves it to the ledger how much is moved. */
export function amountIsOpen({ action, upTo, amount }: TransferFields): boolean {
  return upTo !== UpTo.UNSPECIFIED || (amount === 0n && action?.$case !== 'group');
}

type Action = NonNullable<TransferFields['action']>;

function actionOptions(action: Action): object {
  switch (action.$case) {
    case 'hold':
      return { timeout_seconds: action.value.timeoutSeconds };
    case 'capture':
      return { hold_id: action.value.holdId, final: action.value.final };
    case 'release':
      return { hold_id: action.value.holdId };
    case 'reversal':
      return { transfer_id: action.value.transferId };
    case 'group':
      return { legs: action.value.legs.length };
  }
}

function conditionOptions({ accountId, test }: Condition): object {
  const value = test === undefined ? {} : { [test.$case]: String(test.value) };
  return { account_id: String(accountId), ...value };
}

/** What `transferOptions` has written. Of a group the legs are missing: they are rows. */
export interface StoredOptions extends Pick<TransferFields, 'action' | 'upTo' | 'conditions'> {
  /** What was asked, where the row has what was moved instead. */
  readonly amount: bigint | undefined;
}

const NO_OPTIONS: StoredOptions = {
  action: undefined,
  upTo: UpTo.UNSPECIFIED,
  conditions: undefined,
  amount: undefined,
};

/** Reads the column `options` of a transfer. */
export function storedOptions(options: string): StoredOptions {
  if (options === '') return NO_OPTIONS;
  const stored = JSON.parse(options) as StoredJson;
  return {
    action: storedAction(stored),
    upTo: stored.up_to ?? UpTo.UNSPECIFIED,
    conditions:
      stored.conditions === undefined
        ? undefined
        : { allOf: stored.conditions.map(storedCondition) },
    amount: stored.amount === undefined ? undefined : BigInt(stored.amount),
  };
}

interface StoredJson {
  readonly action?: Action['$case'];
  readonly timeout_seconds?: number;
  readonly hold_id?: string;
  readonly final?: boolean;
  readonly transfer_id?: string;
  readonly up_to?: UpTo;
  readonly amount?: string;
  readonly conditions?: readonly Readonly<Record<string, string>>[];
}

function storedAction(stored: StoredJson): TransferFields['action'] {
  if (stored.action === undefined) return undefined;
  switch (stored.action) {
    case 'hold':
      return { $case: 'hold', value: { timeoutSeconds: stored.timeout_seconds ?? 0 } };
    case 'capture':
      return {
        $case: 'capture',
        value: { holdId: stored.hold_id ?? '', final: stored.final ?? false },
      };
    case 'release':
      return { $case: 'release', value: { holdId: stored.hold_id ?? '' } };
    case 'reversal':
      return { $case: 'reversal', value: { transferId: stored.transfer_id ?? '' } };
    case 'group':
      return { $case: 'group', value: { legs: [] } };
  }
}

const TESTS = ['balanceAtLeast', 'balanceAtMost', 'version'] as const;

function storedCondition(stored: Readonly<Record<string, string>>): Condition {
  const $case = TESTS.find((name) => stored[name] !== undefined);
  return {
    accountId: BigInt(stored['account_id'] ?? 0),
    test: $case === undefined ? undefined : { $case, value: BigInt(stored[$case] ?? 0) },
  };
}

/**
 * What a change of an account asks, but for its metadata, which have a column: the column
 * `options` of its row.
 */
export function changeOptions({ change, expectedVersion }: ChangeAccountRequest): string {
  const limit = (value: bigint | undefined) => (value === undefined ? null : String(value));
  return JSON.stringify({
    change: change?.$case,
    ...(change?.$case === 'freeze' ? { freeze: change.value } : {}),
    ...(change?.$case === 'limits'
      ? {
          min_balance: limit(change.value.minBalance),
          max_balance: limit(change.value.maxBalance),
        }
      : {}),
    ...(expectedVersion === undefined ? {} : { expected_version: String(expectedVersion) }),
  });
}

/** Reads the columns `options` and `metadata` of a change. */
export function storedChange(
  options: string,
  metadata: Readonly<Record<string, string>>,
): Pick<ChangeAccountRequest, 'change' | 'expectedVersion'> {
  const stored = JSON.parse(options) as {
    readonly change: NonNullable<ChangeAccountRequest['change']>['$case'];
    readonly freeze?: Freeze;
    readonly min_balance?: string | null;
    readonly max_balance?: string | null;
    readonly expected_version?: string;
  };
  const limit = (text: string | null | undefined) =>
    text === null || text === undefined ? undefined : BigInt(text);
  const expectedVersion = limit(stored.expected_version);
  switch (stored.change) {
    case 'freeze':
      return {
        change: { $case: 'freeze', value: stored.freeze ?? Freeze.UNSPECIFIED },
        expectedVersion,
      };
    case 'close':
      return { change: { $case: 'close', value: {} }, expectedVersion };
    case 'reopen':
      return { change: { $case: 'reopen', value: {} }, expectedVersion };
    case 'limits': {
      const minBalance = limit(stored.min_balance);
      const maxBalance = limit(stored.max_balance);
      return { change: { $case: 'limits', value: { minBalance, maxBalance } }, expectedVersion };
    }
    case 'metadata':
      return {
        change: { $case: 'metadata', value: { metadata: { ...metadata } } },
        expectedVersion,
      };
  }
}
