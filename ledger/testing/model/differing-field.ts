import type { ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { ModelAccount, ModelRequest, ModelSettings } from './model-state.ts';

/** A field of a request, and its value as text. */
type Field = readonly [name: string, value: string];

/** The first field, in the order of the proto, that makes it another transfer; '' if none. */
export function differingTransfer(a: ModelRequest, b: ModelRequest): string {
  return firstDifference(transferFields(a, ''), transferFields(b, ''));
}

/** The same for changes of an account. */
export function differingChange(a: ChangeAccountRequest, b: ChangeAccountRequest): string {
  return firstDifference(changeFields(a), changeFields(b));
}

/** What an account is opened with, besides its asset. */
export type OpenedWith = Pick<ModelSettings, 'min' | 'max' | 'metadata'>;

/** The same for openings of accounts. */
export function differingOpening(
  known: ModelAccount,
  asked: OpenedWith & { readonly asset: string },
): string {
  if (known.asset !== asked.asset) return 'asset';
  if (known.min !== asked.min) return 'min_balance';
  if (known.max !== asked.max) return 'max_balance';
  return metadataText(known.metadata) === metadataText(asked.metadata) ? '' : 'metadata';
}

function firstDifference(a: readonly Field[], b: readonly Field[]): string {
  for (let place = 0; place < Math.max(a.length, b.length); place += 1) {
    const [name, value] = a[place] ?? [];
    const [otherName, otherValue] = b[place] ?? [];
    if (name !== otherName) throw new Error('fields differ in name before they do in value');
    if (value !== otherValue) return name ?? '';
  }
  return '';
}

function transferFields(request: ModelRequest, prefix: string): Field[] {
  const { action, conditions } = request;
  return [
    [`${prefix}debit_account_id`, String(request.debitAccountId)],
    [`${prefix}credit_account_id`, String(request.creditAccountId)],
    [`${prefix}amount`, String(request.amount)],
    [`${prefix}asset`, request.asset],
    [`${prefix}code`, String(request.code)],
    [`${prefix}reference`, request.reference],
    [`${prefix}metadata`, metadataText(request.metadata)],
    [`${prefix}action`, action?.$case ?? ''],
    ...actionFields(action, prefix),
    [`${prefix}up_to`, String(request.upTo)],
    [
      `${prefix}conditions`,
      (conditions?.allOf ?? [])
        .map(({ accountId, test }) => `${accountId} ${test?.$case} ${test?.value}`)
        .join(),
    ],
    [`${prefix}allow_zero`, String(request.allowZero)],
    [`${prefix}rest`, String(request.rest ?? false)],
  ];
}

function actionFields(action: ModelRequest['action'], prefix: string): Field[] {
  switch (action?.$case) {
    case undefined:
      return [];
    case 'hold':
      return [[`${prefix}hold.timeout_seconds`, String(action.value.timeoutSeconds)]];
    case 'capture':
      return [
        [`${prefix}capture.hold_id`, action.value.holdId],
        [`${prefix}capture.final`, String(action.value.final)],
      ];
    case 'release':
      return [[`${prefix}release.hold_id`, action.value.holdId]];
    case 'reversal':
      return [[`${prefix}reversal.transfer_id`, action.value.transferId]];
    case 'group':
      return [
        [`${prefix}group.legs`, String(action.value.legs.length)],
        ...action.value.legs.flatMap((leg, place) =>
          transferFields(leg, `${prefix}group.legs[${place}].`),
        ),
      ];
  }
}

function changeFields(request: ChangeAccountRequest): Field[] {
  const { change, expectedVersion } = request;
  return [
    ['account_id', String(request.accountId)],
    ['by', request.by],
    ['why', request.why],
    ['change', change?.$case ?? ''],
    ...(change?.$case === 'freeze' ? ([['freeze', String(change.value)]] as const) : []),
    ...(change?.$case === 'limits'
      ? ([
          ['limits.min_balance', String(change.value.minBalance)],
          ['limits.max_balance', String(change.value.maxBalance)],
        ] as const)
      : []),
    ...(change?.$case === 'metadata'
      ? ([['metadata.metadata', metadataText(change.value.metadata)]] as const)
      : []),
    ['expected_version', String(expectedVersion)],
  ];
}

export function metadataText(metadata: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(metadata).toSorted(([x], [y]) => (x < y ? -1 : 1)));
}
