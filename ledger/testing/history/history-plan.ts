import * as fc from 'fast-check';
import {
  type ChangeAccountRequest,
  Freeze,
  type Limits,
  type OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import { type Condition, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { INT64_MAX, INT64_MIN } from '../../core/limits.ts';
import type { DeliverStep, RequestStep, TimeStep } from './steps.ts';

/**
 * What a history will ask, before it is known of which earlier transfers: a capture names its
 * hold by how many holds ago that was made. planned-requests.ts makes requests of it.
 */
export type PlannedStep =
  | Extract<RequestStep, { kind: 'open' | 'change' | 'asset' }>
  | DeliverStep
  | TimeStep
  | SinglePlan
  | GroupPlan
  | RetryPlan;

export interface SinglePlan extends Key {
  readonly kind: 'single';
  readonly book: number;
  readonly leg: LegPlan;
}

export interface GroupPlan extends Key {
  readonly kind: 'group';
  readonly book: number;
  readonly legs: readonly LegPlan[];
  readonly words: Words;
}

/** An earlier request again, as it was or altered in some fields. */
export interface RetryPlan {
  readonly kind: 'retry';
  /** How many requests ago. */
  readonly ago: number;
  /** Each chooses a field. */
  readonly altered: readonly number[];
}

export type LegPlan = { readonly words: Words; readonly conditions: readonly ConditionPlan[] } & (
  | MovePlan
  | DrawPlan
);

/** A transfer or hold. */
export interface MovePlan {
  readonly what: 'move' | 'hold';
  /** Number of the account in the payer's book. */
  readonly payer: number;
  readonly payee: readonly [book: number, number: number];
  readonly amount: bigint;
  readonly upTo: UpTo;
  readonly allowZero: boolean;
  /** It moves the rest, if it can. */
  readonly rest: boolean;
  readonly timeoutSeconds: number;
}

/** What draws on an earlier hold or transfer. */
export interface DrawPlan {
  readonly what: 'capture' | 'release' | 'reversal';
  /** How many holds or transfers ago that was made. */
  readonly ago: number;
  readonly share: 'all' | 'half' | 'one' | 'exactly' | 'more';
  readonly final: boolean;
  /** What is wrong with it. */
  readonly slip: 'nothing' | 'account' | 'id' | 'kind' | 'settlement';
}

interface Key {
  readonly idempotencyKey: string;
  readonly namespace: string;
}

interface Words {
  readonly asset: string;
  readonly code: number;
  readonly reference: string;
  readonly metadata: Record<string, string>;
}

export interface ConditionPlan {
  /** Number of the account in the payer's book. */
  readonly account: number;
  readonly test: NonNullable<Condition['test']>;
}

/** Each value as often as its number. */
function often<T>(...choices: (readonly [times: number, value: T])[]): fc.Arbitrary<T> {
  return fc.constantFrom(...choices.flatMap(([times, value]) => Array<T>(times).fill(value)));
}

const TOTAL = 2n ** 62n;

const amounts = fc.oneof(
  { weight: 26, arbitrary: fc.constantFrom(1n, 2n, 50n, 100n, 101n) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(2n ** 31n, TOTAL - 1n, TOTAL - 2n, TOTAL, INT64_MAX),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: INT64_MAX }) },
);

const mins = often<OpenAccountRequest['min']>(
  [14, { $case: 'noMinBalance', value: true }],
  [1, { $case: 'noMinBalance', value: false }],
  [1, undefined],
  [1, { $case: 'minBalance', value: 0n }],
  [1, { $case: 'minBalance', value: -100n }],
  [1, { $case: 'minBalance', value: -(2n ** 31n) }],
  [1, { $case: 'minBalance', value: INT64_MIN }],
);

const maxes = often<OpenAccountRequest['max']>(
  [12, undefined],
  [1, { $case: 'noMaxBalance', value: true }],
  [1, { $case: 'maxBalance', value: 0n }],
  [2, { $case: 'maxBalance', value: 100n }],
  [1, { $case: 'maxBalance', value: INT64_MAX }],
);

const metadata = fc.constantFrom<Record<string, string>>({}, {}, { a: '1' }, { a: '1', b: '' });

/** Accounts of a book that are there from the beginning; the last two are for another asset. */
const FIRST_ACCOUNTS = 5;

export type OpenStep = Extract<RequestStep, { kind: 'open' }>;

function openStep(
  book: fc.Arbitrary<number>,
  name: fc.Arbitrary<number>,
  asset: fc.Arbitrary<string>,
): fc.Arbitrary<OpenStep> {
  return fc
    .record({ book, name, asset, min: mins, max: maxes, metadata })
    .map(({ book: inBook, name: number, ...fields }) => ({
      kind: 'open',
      book: inBook,
      request: { externalId: `account-${number}`, homeRegion: '', ...fields, dryRun: false },
    }));
}

/** An opening by a router that may know other books of the region, or contradict others. */
function placedStep(step: fc.Arbitrary<OpenStep>): fc.Arbitrary<OpenStep> {
  const more = often<readonly number[]>([4, []], [2, [40]], [1, [40, 50]], [2, [50]]);
  const isSent = fc.boolean();
  return fc.record({ step, more, isSent }).map(({ step: open, more: others, isSent: sends }) => ({
    ...open,
    ...(sends && { regionBooks: [open.book, ...others] }),
  }));
}

/** Openings that succeed, so that the first accounts of each book have the first numbers. */
export function firstOpenings(books: number): fc.Arbitrary<OpenStep>[] {
  const euros = often([24, 'EUR'], [3, 'EUR/2'], [1, 'USD']);
  const others = often([6, 'USD'], [1, 'USD/2'], [1, 'JPY']);
  return Array.from({ length: books * FIRST_ACCOUNTS }, (_, place) => {
    const book = Math.floor(place / FIRST_ACCOUNTS) + 1;
    const name = place % FIRST_ACCOUNTS;
    const asset = name >= FIRST_ACCOUNTS - 2 ? others : euros;
    return openStep(fc.constant(book), fc.constant(name), asset);
  });
}

const assets = often(
  [4, 'EUR'],
  [1, 'EUR/2'],
  [1, 'EUR/3'],
  [1, 'USD'],
  [1, 'KWD/3'],
  [2, 'ETH'],
  [1, 'ETH/9'],
  [1, 'GOLD'],
);

const assetStep: fc.Arbitrary<PlannedStep> = fc.record({
  kind: fc.constant('asset'),
  request: fc.record({
    asset: often([3, 'ETH'], [1, 'EUR'], [1, 'GOLD']),
    scale: fc.constantFrom(9, 9, 2, 3),
    by: fc.constant('eve'),
    why: fc.constant('wanted'),
    dryRun: fc.constant(false),
  }),
});

/** Keys of the caller: some are UUIDs, and two namespaces use the same ones. */
const keys: fc.Arbitrary<Key> = fc.record({
  idempotencyKey: fc
    .integer({ min: 0, max: 120 })
    .map((n) => (n < 40 ? `01890000-0000-7000-8000-0000000000${n + 10}` : `key ${n}`)),
  namespace: fc.constantFrom('', '', 'shop'),
});

const words: fc.Arbitrary<Words> = fc
  .tuple(
    often([60, ''], [4, 'EUR'], [3, 'EUR/2'], [1, 'EUR/3'], [1, 'USD'], [1, 'USD/2'], [1, 'ETH/9']),
    fc.constantFrom(0, 0, 7),
    fc.constantFrom('', '', 'rent'),
    metadata,
  )
  .map(([asset, code, reference, pairs]) => ({ asset, code, reference, metadata: pairs }));

const NO_WORDS: Words = { asset: '', code: 0, reference: '', metadata: {} };

const numbers = often([40, 1], [40, 2], [24, 3], [2, 4], [1, 5], [1, 6], [1, 9]);

const tests: fc.Arbitrary<ConditionPlan['test']> = fc.oneof(
  fc.record({
    $case: fc.constantFrom('balanceAtLeast' as const, 'balanceAtMost' as const),
    value: fc.constantFrom(-TOTAL, -100n, 0n, 0n, 1n, 50n, TOTAL),
  }),
  fc.record({
    $case: fc.constant('version' as const),
    value: fc.constantFrom(0n, 1n, 2n, 3n),
  }),
);

const conditions: fc.Arbitrary<ConditionPlan[]> = fc.oneof(
  { weight: 14, arbitrary: fc.constant<ConditionPlan[]>([]) },
  {
    weight: 1,
    arbitrary: fc.array(fc.record({ account: numbers, test: tests }), {
      minLength: 1,
      maxLength: 2,
    }),
  },
);

function movePlan(books: number): fc.Arbitrary<LegPlan> {
  return fc.record({
    what: fc.constantFrom('move' as const, 'move' as const, 'hold' as const),
    payer: numbers,
    // The book after the last one does not exist.
    payee: fc.tuple(
      often(...Array.from({ length: books }, (_, n) => [40, n + 1] as const), [1, books + 1]),
      numbers,
    ),
    amount: amounts,
    upTo: often(
      [12, UpTo.UNSPECIFIED],
      [1, UpTo.DEBIT_AVAILABLE],
      [1, UpTo.CREDIT_ROOM],
      [1, UpTo.BOTH],
    ),
    allowZero: fc.boolean(),
    rest: often([2, false], [1, true]),
    timeoutSeconds: fc.constantFrom(0, 0, 1, 1, 2, 5, 2 ** 31 - 1),
    words,
    conditions,
  });
}

const drawPlan: fc.Arbitrary<LegPlan> = fc.record({
  what: often<DrawPlan['what']>([4, 'capture'], [1, 'release'], [4, 'reversal']),
  ago: often([6, 0], [4, 1], [2, 2], [2, 3], [1, 5], [1, 8]),
  share: often<DrawPlan['share']>([4, 'all'], [5, 'half'], [2, 'one'], [2, 'exactly'], [1, 'more']),
  final: often([3, false], [1, true]),
  slip: often<DrawPlan['slip']>(
    [24, 'nothing'],
    [2, 'account'],
    [1, 'id'],
    [2, 'kind'],
    [1, 'settlement'],
  ),
  words,
  conditions,
});

function legPlan(books: number): fc.Arbitrary<LegPlan> {
  return fc.oneof({ weight: 5, arbitrary: movePlan(books) }, { weight: 4, arbitrary: drawPlan });
}

/** A leg that most often can be applied, as a group needs all of them. */
function calmLegPlan(books: number): fc.Arbitrary<LegPlan> {
  const calm = { words: fc.constant(NO_WORDS), conditions: fc.constant([]) };
  const book = fc.integer({ min: 1, max: books });
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        what: often<MovePlan['what']>([2, 'move'], [1, 'hold']),
        payer: fc.constantFrom(1, 2, 3),
        payee: fc.tuple(book, fc.constantFrom(1, 2, 3)),
        amount: fc.constantFrom(1n, 50n, 100n),
        upTo: often([6, UpTo.UNSPECIFIED], [1, UpTo.BOTH]),
        allowZero: fc.boolean(),
        rest: fc.boolean(),
        timeoutSeconds: fc.constantFrom(0, 1, 2),
        ...calm,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        what: often<DrawPlan['what']>([3, 'capture'], [1, 'release'], [3, 'reversal']),
        ago: often([6, 0], [4, 1], [2, 2]),
        share: often<DrawPlan['share']>([2, 'all'], [4, 'half'], [2, 'one']),
        final: often([3, false], [1, true]),
        slip: fc.constant('nothing' as const),
        ...calm,
      }),
    },
    { weight: 1, arbitrary: legPlan(books) },
  );
}

/** An exchange: the one asset through one liquidity account, the other through another. */
function exchangePlan(books: number): fc.Arbitrary<LegPlan[]> {
  const plain = {
    what: 'move',
    upTo: UpTo.UNSPECIFIED,
    timeoutSeconds: 0,
    allowZero: false,
    rest: false,
    conditions: [],
  } as const;
  const silent = { ...NO_WORDS, metadata: { rate: '1.1' } };
  return fc
    .tuple(amounts, amounts, fc.integer({ min: 1, max: books }))
    .map(([amount, other, book]): LegPlan[] => [
      { ...plain, payer: 1, payee: [book, 2], amount, words: { ...silent, asset: 'EUR' } },
      { ...plain, payer: 4, payee: [book, 5], amount: other, words: silent },
    ]);
}

const limits: fc.Arbitrary<Limits> = fc.constantFrom<Limits>(
  { minBalance: undefined, maxBalance: undefined },
  { minBalance: 0n, maxBalance: undefined },
  { minBalance: -100n, maxBalance: 100n },
  { minBalance: undefined, maxBalance: 0n },
  { minBalance: 1n, maxBalance: 50n },
  { minBalance: -(2n ** 31n), maxBalance: TOTAL - 1n },
  { minBalance: INT64_MIN, maxBalance: INT64_MAX },
);

const changes: fc.Arbitrary<ChangeAccountRequest['change']> = fc.oneof(
  {
    weight: 5,
    arbitrary: often<Freeze>(
      [4, Freeze.NONE],
      [1, Freeze.IN],
      [1, Freeze.OUT],
      [1, Freeze.BOTH],
    ).map((value) => ({ $case: 'freeze' as const, value })),
  },
  { weight: 4, arbitrary: fc.constant({ $case: 'close' as const, value: {} }) },
  { weight: 3, arbitrary: fc.constant({ $case: 'reopen' as const, value: {} }) },
  { weight: 4, arbitrary: limits.map((value) => ({ $case: 'limits' as const, value })) },
  {
    weight: 2,
    arbitrary: metadata.map((value) => ({
      $case: 'metadata' as const,
      value: { metadata: value },
    })),
  },
);

function changeStep(books: number): fc.Arbitrary<PlannedStep> {
  return fc
    .record({
      key: keys,
      book: fc.integer({ min: 1, max: books }),
      number: numbers,
      change: changes,
      expectedVersion: often([10, undefined], [1, 0n], [1, 1n], [1, 3n]),
    })
    .map(({ key, book, number, change, expectedVersion }) => ({
      kind: 'change',
      request: {
        ...key,
        accountId: BigInt(book) * 2n ** 48n + BigInt(number),
        by: 'eve',
        why: 'asked for',
        change,
        expectedVersion,
        dryRun: false,
      },
    }));
}

function deliverStep(books: number): fc.Arbitrary<PlannedStep> {
  return fc.record({
    kind: fc.constant('deliver'),
    from: fc.integer({ min: 1, max: books }),
    to: fc.integer({ min: 1, max: books }),
    count: fc.integer({ min: 1, max: 6 }),
    calls: fc.integer({ min: 1, max: 2 }),
    twice: fc.boolean(),
    gap: often([9, false], [1, true]),
    answerLost: often([2, false], [1, true]),
    closeTwice: fc.boolean(),
  });
}

function timeStep(books: number): fc.Arbitrary<PlannedStep> {
  const book = fc.integer({ min: 1, max: books });
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('pass' as const),
        book,
        micros: fc.constantFrom(1, 999_999, 1_000_000, 1_000_000, 5_000_000, 5_000_000),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('sweep' as const), book }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), book }) },
  );
}

const retryPlan: fc.Arbitrary<PlannedStep> = fc.record({
  kind: fc.constant('retry'),
  ago: fc.nat({ max: 20 }),
  altered: often<number>([1, 0], [2, 1], [1, 2]).chain((length) =>
    fc.array(fc.nat({ max: 59 }), { minLength: length, maxLength: length }),
  ),
});

/** Any step of a history. */
export function plans(books: number): fc.Arbitrary<PlannedStep> {
  const book = fc.integer({ min: 1, max: books });
  const names = fc.integer({ min: 0, max: FIRST_ACCOUNTS + 2 });
  const legs = fc.oneof(
    { weight: 4, arbitrary: fc.array(calmLegPlan(books), { minLength: 1, maxLength: 5 }) },
    { weight: 1, arbitrary: exchangePlan(books) },
  );
  return fc.oneof(
    { weight: 2, arbitrary: placedStep(openStep(book, names, assets)) },
    { weight: 1, arbitrary: assetStep },
    {
      weight: 18,
      arbitrary: fc
        .record({ kind: fc.constant('single' as const), book, leg: legPlan(books) })
        .chain((single) => keys.map((key) => ({ ...key, ...single }))),
    },
    {
      weight: 5,
      arbitrary: fc
        .record({ kind: fc.constant('group' as const), book, legs, words })
        .chain((group) => keys.map((key) => ({ ...key, ...group }))),
    },
    { weight: 4, arbitrary: changeStep(books) },
    { weight: 4, arbitrary: retryPlan },
    { weight: 6, arbitrary: timeStep(books) },
    ...(books > 1 ? [{ weight: 7, arbitrary: deliverStep(books) }] : []),
  );
}
