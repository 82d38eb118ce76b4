import { z } from 'zod';
import { Freeze, type ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { UpTo, type Condition } from '../../../proto/gen/meridian/v1/movement.ts';
import type { TransferFields } from './same-request.ts';

/**
 * What a request asks beyond the columns of the journal, as JSON in a fixed order: the column
 * `options`. '' for a plain transfer.
 */
export function transferOptions(request: TransferFields): string {
  const { action, upTo, conditions, allowZero, rest = false } = request;
  if (isPlain(request)) return '';
  const usual = usualOptions(request);
  if (usual !== undefined) return usual;
  return JSON.stringify({
    ...(action === undefined ? {} : { action: action.$case, ...actionOptions(action) }),
    ...(upTo === UpTo.UNSPECIFIED ? {} : { up_to: upTo }),
    // The row has the amount that was moved; this is the one that was asked.
    ...(amountIsOpen(request) ? { amount: String(request.amount) } : {}),
    ...(conditions === undefined ? {} : { conditions: conditions.allOf.map(conditionOptions) }),
    ...(allowZero ? { allow_zero: true } : {}),
    ...(rest ? { rest: true } : {}),
  });
}

/** The same text, made at once, of what most transfers with options ask; undefined: of others. */
function usualOptions(request: TransferFields): string | undefined {
  const { action, upTo, conditions, allowZero, rest = false } = request;
  if (upTo !== UpTo.UNSPECIFIED || conditions !== undefined || allowZero || rest) return undefined;
  const amount = amountIsOpen(request) ? `,"amount":"${request.amount}"` : '';
  switch (action?.$case) {
    case 'hold':
      return `{"action":"hold","timeout_seconds":${action.value.timeoutSeconds}${amount}}`;
    case 'capture': {
      const { holdId, final } = action.value;
      return `{"action":"capture","hold_id":${JSON.stringify(holdId)},"final":${final}${amount}}`;
    }
    case 'release':
      return `{"action":"release","hold_id":${JSON.stringify(action.value.holdId)}${amount}}`;
    case 'group':
      return `{"action":"group","legs":${action.value.legs.length}${amount}}`;
    case 'reversal':
    case undefined:
      return undefined;
  }
}

/** The same of a capture whose amount is that of its row. */
export function captureOptions({ holdId, final }: { holdId: string; final: boolean }): string {
  return JSON.stringify({ action: 'capture', hold_id: holdId, final });
}

/** True for a plain transfer, which the columns of its row describe. */
export function isPlain({ action, upTo, conditions, rest }: TransferFields): boolean {
  return (
    action === undefined && upTo === UpTo.UNSPECIFIED && conditions === undefined && rest !== true
  );
}

/** True if the request leaves it to the ledger how much is moved. */
export function amountIsOpen({ action, upTo, amount, rest }: TransferFields): boolean {
  if (upTo !== UpTo.UNSPECIFIED || rest === true) return true;
  return amount === 0n && action?.$case !== 'group';
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
export interface StoredOptions extends Pick<
  TransferFields,
  'action' | 'upTo' | 'conditions' | 'allowZero'
> {
  readonly rest: boolean;
  /** What was asked, where the row has what was moved instead. */
  readonly amount: bigint | undefined;
}

const NO_OPTIONS: StoredOptions = {
  action: undefined,
  upTo: UpTo.UNSPECIFIED,
  conditions: undefined,
  allowZero: false,
  rest: false,
  amount: undefined,
};

/** Reads the column `options` of a transfer. */
export function storedOptions(options: string): StoredOptions {
  if (options === '') return NO_OPTIONS;
  const stored = transferJson.parse(JSON.parse(options));
  return {
    action: storedAction(stored),
    upTo: stored.up_to ?? UpTo.UNSPECIFIED,
    conditions:
      stored.conditions === undefined
        ? undefined
        : { allOf: stored.conditions.map(storedCondition) },
    allowZero: stored.allow_zero ?? false,
    rest: stored.rest ?? false,
    amount: stored.amount === undefined ? undefined : BigInt(stored.amount),
  };
}

/** Number of legs of a group, whose rows hold the rest of them. */
export function storedLegs(options: string): number {
  return transferJson.parse(JSON.parse(options)).legs ?? 0;
}

const transferJson = z.object({
  action: z.enum(['hold', 'capture', 'release', 'reversal', 'group']).optional(),
  timeout_seconds: z.number().optional(),
  hold_id: z.string().optional(),
  final: z.boolean().optional(),
  transfer_id: z.string().optional(),
  legs: z.number().optional(),
  up_to: z.literal(Object.values(UpTo)).optional(),
  amount: z.string().optional(),
  conditions: z.array(z.record(z.string(), z.string())).optional(),
  allow_zero: z.boolean().optional(),
  rest: z.boolean().optional(),
});

function storedAction(stored: z.infer<typeof transferJson>): TransferFields['action'] {
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
  return JSON.stringify({
    change: change?.$case,
    ...(change?.$case === 'freeze' ? { freeze: change.value } : {}),
    ...(change?.$case === 'limits'
      ? {
          min_balance: limitText(change.value.minBalance),
          max_balance: limitText(change.value.maxBalance),
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
  const stored = changeJson.parse(JSON.parse(options));
  const expectedVersion = limitOf(stored.expected_version);
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
      const minBalance = limitOf(stored.min_balance);
      const maxBalance = limitOf(stored.max_balance);
      return { change: { $case: 'limits', value: { minBalance, maxBalance } }, expectedVersion };
    }
    case 'metadata':
      return {
        change: { $case: 'metadata', value: { metadata: { ...metadata } } },
        expectedVersion,
      };
  }
}

const changeJson = z.object({
  change: z.enum(['freeze', 'close', 'reopen', 'limits', 'metadata']),
  freeze: z.literal(Object.values(Freeze)).optional(),
  min_balance: z.string().nullish(),
  max_balance: z.string().nullish(),
  expected_version: z.string().optional(),
});

/** Numbers are stored as text: JSON's own cannot hold all of 64 bits. */
function limitText(value: bigint | undefined): string | null {
  return value === undefined ? null : String(value);
}

function limitOf(text: string | null | undefined): bigint | undefined {
  return text === null || text === undefined ? undefined : BigInt(text);
}
