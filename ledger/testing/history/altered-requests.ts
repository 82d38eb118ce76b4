import { type ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { type Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { RequestStep } from './steps.ts';

/** What a retry may have altered in a transfer or leg: all of it is well-formed again. */
type Alteration<T> = (request: T) => T;

const OTHER_ID = '01890000-0000-7000-8000-eeeeeeeeeeee';

/** The retry of a transfer; with nothing altered it only waits otherwise. */
export function alteredTransfer(
  request: CreateTransferRequest,
  altered: readonly number[],
): RequestStep {
  const { idempotencyKey, namespace, action } = request;
  const debit = action?.$case === 'group' ? action.value.legs[0] : request;
  if (altered[0] === 0) {
    const accountId = debit?.debitAccountId ?? 0n;
    return unfreezing({ idempotencyKey, namespace, accountId });
  }
  let retry: CreateTransferRequest = { ...request, wait: 2 };
  for (const choice of altered) {
    const possible = retry.action?.$case === 'group' ? GROUP : singleAlterations(retry);
    retry = chosen(possible, choice)(retry);
  }
  const { action: made } = retry;
  if (made?.$case === 'group') {
    const legs = withSoundRests(made.value.legs);
    retry = { ...retry, action: { $case: 'group', value: { legs } } };
  }
  return { kind: 'transfer', request: retry };
}

/** Legs that move the rest only where there is something before them to be the rest of. */
export function withSoundRests(legs: readonly Leg[]): Leg[] {
  return legs.map((leg, place) => {
    const before = legs[place - 1];
    const moves = leg.action === undefined || leg.action.$case === 'hold';
    const meets =
      before?.debitAccountId === leg.debitAccountId ||
      before?.creditAccountId === leg.creditAccountId;
    return { ...leg, rest: leg.rest && moves && meets };
  });
}

/** The retry of a change of an account. */
export function alteredChange(
  request: ChangeAccountRequest,
  altered: readonly number[],
): RequestStep {
  const { idempotencyKey, namespace, accountId } = request;
  if (altered[0] === 0) {
    return plainTransfer({ idempotencyKey, namespace, debitAccountId: accountId });
  }
  const retry = altered.reduce((before, choice) => chosen(CHANGE, choice)(before), request);
  return { kind: 'change', request: retry };
}

function chosen<T>(possible: readonly Alteration<T>[], choice: number): Alteration<T> {
  return possible[choice % possible.length] ?? ((request) => request);
}

function unfreezing(
  fields: Pick<ChangeAccountRequest, 'idempotencyKey' | 'namespace' | 'accountId'>,
): RequestStep {
  const request: ChangeAccountRequest = {
    ...fields,
    by: 'eve',
    why: 'retry',
    change: { $case: 'freeze', value: Freeze.NONE },
    expectedVersion: undefined,
    dryRun: false,
  };
  return { kind: 'change', request };
}

function plainTransfer(
  fields: Pick<CreateTransferRequest, 'idempotencyKey' | 'namespace' | 'debitAccountId'>,
): RequestStep {
  const request: CreateTransferRequest = {
    ...fields,
    creditAccountId: fields.debitAccountId + 1n,
    amount: 1n,
    asset: '',
    code: 0,
    reference: '',
    metadata: {},
    action: undefined,
    upTo: UpTo.UNSPECIFIED,
    conditions: undefined,
    allowZero: false,
    wait: 0,
    dryRun: false,
  };
  return { kind: 'transfer', request };
}

type Single = Omit<Leg, 'action' | 'rest'> & Pick<CreateTransferRequest, 'action'>;

/** Of a transfer or leg of any kind. */
const described = [
  <T extends Single>(of: T): T => ({ ...of, code: of.code + 1 }),
  <T extends Single>(of: T): T => ({ ...of, reference: `${of.reference}!` }),
  <T extends Single>(of: T): T => ({ ...of, metadata: { ...of.metadata, again: 'yes' } }),
] as const;

/** What can be altered in a transfer or leg that is no group, given what it is. */
function singleAlterations<T extends Single>({
  action,
  amount,
  debitAccountId,
}: T): Alteration<T>[] {
  const always: Alteration<T>[] = [
    ...described,
    (of) => ({ ...of, asset: of.asset === 'EUR' ? 'EUR/2' : 'EUR' }),
    (of) => ({ ...of, debitAccountId: of.debitAccountId + 40n }),
    (of) => ({ ...of, conditions: otherConditions(of, debitAccountId) }),
  ];
  const paid: Alteration<T>[] = [
    (of) => ({ ...of, creditAccountId: of.creditAccountId + 20n }),
    (of) => ({ ...of, amount: amount === 1n ? 2n : amount - 1n }),
  ];
  switch (action?.$case) {
    case undefined:
      return [
        ...always,
        ...paid,
        otherUpTo,
        (of) => ({ ...of, action: { $case: 'hold', value: { timeoutSeconds: 1 } } }),
      ];
    case 'hold': {
      const timeoutSeconds = action.value.timeoutSeconds === 7 ? 8 : 7;
      return [
        ...always,
        ...paid,
        otherUpTo,
        (of) => ({ ...of, action: undefined }),
        (of) => ({ ...of, action: { $case: 'hold', value: { timeoutSeconds } } }),
      ];
    }
    case 'capture': {
      const { holdId, final } = action.value;
      return [
        ...always,
        (of) => ({ ...of, amount: amount + 1n }),
        (of) => ({ ...of, amount: 0n, action: { $case: 'release', value: { holdId } } }),
        (of) => ({ ...of, action: { $case: 'capture', value: { holdId: OTHER_ID, final } } }),
        (of) => ({ ...of, action: { $case: 'capture', value: { holdId, final: !final } } }),
      ];
    }
    case 'release': {
      const { holdId } = action.value;
      return [
        ...always,
        (of) => ({ ...of, action: { $case: 'capture', value: { holdId, final: false } } }),
        (of) => ({ ...of, action: { $case: 'release', value: { holdId: OTHER_ID } } }),
      ];
    }
    case 'reversal':
      return [
        ...always,
        (of) => ({ ...of, creditAccountId: of.creditAccountId + 20n }),
        (of) => ({ ...of, amount: amount === 0n ? 1n : amount - 1n }),
        (of) => ({ ...of, amount: amount === 0n ? 1n : amount, action: undefined }),
        (of) => ({ ...of, action: { $case: 'reversal', value: { transferId: OTHER_ID } } }),
      ];
    case 'group':
      return always;
  }
}

function otherUpTo<T extends Single>(of: T): T {
  const upTo = of.upTo === UpTo.DEBIT_AVAILABLE ? UpTo.UNSPECIFIED : UpTo.DEBIT_AVAILABLE;
  return { ...of, upTo, allowZero: false };
}

function otherConditions({ conditions }: Single, accountId: bigint): Single['conditions'] {
  if (conditions === undefined) {
    return { allOf: [{ accountId, test: { $case: 'balanceAtLeast', value: 0n } }] };
  }
  const [first, ...rest] = conditions.allOf;
  if (first?.test === undefined || rest.length > 0) return undefined;
  return { allOf: [{ ...first, test: { ...first.test, value: first.test.value + 1n } }] };
}

const GROUP: readonly Alteration<CreateTransferRequest>[] = [
  ...described,
  withLegs((legs) => [...legs, ...legs.slice(-1)]),
  withLegs((legs) => (legs.length === 1 ? [...legs, ...legs] : legs.slice(0, -1))),
  // Any leg in any of its fields.
  ...[0, 1, 2, 3].flatMap((place) =>
    Array.from({ length: 12 }, (_, choice) =>
      withLegs((legs) =>
        legs.map((leg, at) =>
          at === place % legs.length ? chosen(singleAlterations(leg), choice)(leg) : leg,
        ),
      ),
    ),
  ),
];

function withLegs(alter: (legs: Leg[]) => Leg[]): Alteration<CreateTransferRequest> {
  return (request) => {
    if (request.action?.$case !== 'group') return request;
    const legs = alter(request.action.value.legs);
    return { ...request, action: { $case: 'group', value: { legs } } };
  };
}

const CHANGE: readonly Alteration<ChangeAccountRequest>[] = [
  (of) => ({ ...of, accountId: of.accountId + 20n }),
  (of) => ({ ...of, by: `${of.by}!` }),
  (of) => ({ ...of, why: `${of.why}!` }),
  (of) => ({ ...of, expectedVersion: (of.expectedVersion ?? 0n) + 1n }),
  (of) => ({ ...of, change: anotherChange(of.change) }),
  (of) => ({ ...of, change: sameChangeOtherwise(of.change) }),
];

type Change = ChangeAccountRequest['change'];

function anotherChange(change: Change): Change {
  const $case = change?.$case === 'close' ? 'reopen' : 'close';
  return { $case, value: {} };
}

function sameChangeOtherwise(change: Change): Change {
  switch (change?.$case) {
    case 'freeze':
      return { $case: 'freeze', value: change.value === Freeze.IN ? Freeze.OUT : Freeze.IN };
    case 'limits': {
      const { minBalance } = change.value;
      // Either the lower limit is another or the upper one alone.
      const value = { minBalance: minBalance === 0n ? 0n : undefined, maxBalance: 101n };
      return { $case: 'limits', value };
    }
    case 'metadata':
      return { $case: 'metadata', value: { metadata: { other: 'yes' } } };
    case 'close':
    case 'reopen':
    case undefined:
      return { $case: 'freeze', value: Freeze.BOTH };
  }
}
