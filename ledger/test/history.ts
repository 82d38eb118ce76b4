import * as fc from 'fast-check';
import type {
  CreateTransferRequest,
  OpenAccountRequest,
} from '../../proto/gen/meridian/v1/ledger.ts';
import { INT64_MIN } from '../core/limits.ts';

/** A random history: what is asked of some books, and how it is cut into batches. */
export interface History {
  readonly books: number;
  readonly steps: readonly Step[];
}

/** A step; with `cut`, every book then posts what waits. */
export type Step = { readonly cut: boolean } & (OpenStep | TransferStep | RetryStep | DeliverStep);

export interface OpenStep {
  readonly kind: 'open';
  readonly book: number;
  readonly request: OpenAccountRequest;
}

export interface TransferStep {
  readonly kind: 'transfer';
  readonly request: CreateTransferRequest;
}

/** An earlier request again, as it was or altered in one field. */
export interface RetryStep {
  readonly kind: 'retry';
  /** Which of the earlier ones. */
  readonly of: number;
  readonly altered: '' | 'amount' | 'code' | 'reference' | 'metadata' | 'asset' | 'payee';
}

/** Legs of one book to another, as the sender delivers them. */
export interface DeliverStep {
  readonly kind: 'deliver';
  readonly from: number;
  readonly to: number;
  /** Legs at most. */
  readonly count: number;
  /** In how many calls, all of them in one batch of the receiver. */
  readonly calls: number;
  /** True: each call arrives twice. */
  readonly twice: boolean;
  /** True: the first leg is left out, so the rest must be refused as a whole. */
  readonly gap: boolean;
  /** True: the sender never hears the answer, so the legs will be sent again. */
  readonly answerLost: boolean;
  /** True: the answer is heard twice. */
  readonly closeTwice: boolean;
}

const TOTAL = 2n ** 62n;
const amounts = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(1n, 2n, 50n, 100n, 101n) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(2n ** 31n, TOTAL - 1n, TOTAL - 2n, TOTAL, 2n ** 63n - 1n),
  },
  { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }) },
);

const numbered = (book: number, number: number) => BigInt(book) * 2n ** 48n + BigInt(number);

const mins = fc.constantFrom<OpenAccountRequest['min']>(
  undefined,
  { $case: 'noMinBalance', value: true },
  { $case: 'noMinBalance', value: true },
  { $case: 'minBalance', value: 0n },
  { $case: 'minBalance', value: -100n },
  { $case: 'minBalance', value: -(2n ** 31n) },
  { $case: 'minBalance', value: INT64_MIN },
);

const maxes = fc.constantFrom<OpenAccountRequest['max']>(
  undefined,
  undefined,
  { $case: 'noMaxBalance', value: true },
  { $case: 'maxBalance', value: 0n },
  { $case: 'maxBalance', value: 100n },
  { $case: 'maxBalance', value: 2n ** 63n - 1n },
);

const metadata = fc.constantFrom<Record<string, string>>({}, {}, { a: '1' }, { a: '1', b: '' });
const assets = fc.constantFrom(...(['EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'USD'] as const));

const names = fc.integer({ min: 0, max: 5 });

function openStep(inBook: fc.Arbitrary<number>, named = names): fc.Arbitrary<OpenStep> {
  return fc
    .record({
      book: inBook,
      name: named,
      asset: assets,
      min: mins,
      max: maxes,
      metadata,
    })
    .map(({ book, name, ...fields }) => ({
      kind: 'open',
      book,
      request: { externalId: `account-${name}`, homeRegion: '', ...fields },
    }));
}

/** Keys of the caller: some are UUIDs, and two namespaces use the same ones. */
const keys = fc.record({
  idempotencyKey: fc
    .integer({ min: 0, max: 30 })
    .map((n) => (n < 10 ? `01890000-0000-7000-8000-0000000000${n + 10}` : `key ${n}`)),
  namespace: fc.constantFrom('', '', 'shop'),
});

function transferStep(books: number): fc.Arbitrary<TransferStep> {
  const number = fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: 1, max: 3 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }) },
  );
  return fc
    .record({
      key: keys,
      payer: fc.tuple(fc.integer({ min: 1, max: books }), number),
      // The book after the last one does not exist.
      payee: fc.tuple(
        fc.oneof(
          { weight: 30, arbitrary: fc.integer({ min: 1, max: books }) },
          { weight: 1, arbitrary: fc.constant(books + 1) },
        ),
        number,
      ),
      amount: amounts,
      asset: fc.constantFrom('', '', '', '', '', '', 'EUR', 'EUR', 'USD'),
      code: fc.constantFrom(0, 0, 7),
      reference: fc.constantFrom('', '', 'rent'),
      metadata,
    })
    .map(({ key, payer, payee, ...fields }) => {
      const debitAccountId = numbered(...payer);
      const asked = numbered(...payee);
      // Nobody can ask for a transfer to the account it comes from.
      const creditAccountId = asked === debitAccountId ? asked + 1n : asked;
      const request = { ...key, debitAccountId, creditAccountId, ...fields, wait: 0 as const };
      return { kind: 'transfer', request };
    });
}

const retryStep: fc.Arbitrary<RetryStep> = fc.record({
  kind: fc.constant('retry'),
  of: fc.nat({ max: 40 }),
  altered: fc.constantFrom<RetryStep['altered']>(
    ...(['', '', '', 'amount', 'code', 'reference', 'metadata', 'asset', 'payee'] as const),
  ),
});

function deliverStep(books: number): fc.Arbitrary<DeliverStep> {
  return fc.record({
    kind: fc.constant('deliver'),
    from: fc.integer({ min: 1, max: books }),
    to: fc.integer({ min: 1, max: books }),
    count: fc.integer({ min: 1, max: 6 }),
    calls: fc.integer({ min: 1, max: 2 }),
    twice: fc.boolean(),
    gap: fc.integer({ min: 0, max: 9 }).map((n) => n === 9),
    answerLost: fc.integer({ min: 0, max: 2 }).map((n) => n === 2),
    closeTwice: fc.boolean(),
  });
}

/** The request that a retry makes of an earlier one. */
export function retried(
  request: CreateTransferRequest,
  altered: RetryStep['altered'],
): CreateTransferRequest {
  switch (altered) {
    case '':
      return { ...request, wait: 2 };
    case 'amount':
      return { ...request, amount: request.amount === 1n ? 2n : request.amount - 1n };
    case 'code':
      return { ...request, code: request.code + 1, reference: `${request.reference}!` };
    case 'reference':
      return { ...request, reference: `${request.reference}!` };
    case 'metadata':
      return { ...request, metadata: { ...request.metadata, again: 'yes' } };
    case 'asset':
      return { ...request, asset: request.asset === 'EUR' ? '' : 'EUR', code: request.code + 1 };
    case 'payee':
      return { ...request, creditAccountId: request.creditAccountId + 20n };
  }
}

/** Histories that begin with three accounts a book, as nothing interesting happens without. */
export function histories(): fc.Arbitrary<History> {
  return fc.integer({ min: 1, max: 3 }).chain((books) => {
    const anyBook = fc.integer({ min: 1, max: books });
    const step: fc.Arbitrary<Step> = withCut(
      fc.oneof(
        { weight: 2, arbitrary: openStep(anyBook) },
        { weight: 16, arbitrary: transferStep(books) },
        { weight: 3, arbitrary: retryStep },
        ...(books > 1 ? [{ weight: 5, arbitrary: deliverStep(books) }] : []),
      ),
    );
    const opens = Array.from({ length: books * 3 }, (_, place) => {
      const book = fc.constant(Math.floor(place / 3) + 1);
      return withCut(openStep(book, fc.constant(place % 3)));
    });
    return fc.record({
      books: fc.constant(books),
      steps: fc
        .tuple(fc.tuple(...opens), fc.array(step, { maxLength: 40, size: 'max' }))
        .map(([first, rest]): Step[] => [...first, ...rest]),
    });
  });
}

function withCut<T extends object>(step: fc.Arbitrary<T>): fc.Arbitrary<T & { cut: boolean }> {
  return fc
    .tuple(step, fc.integer({ min: 0, max: 3 }))
    .map(([value, cut]) => ({ ...value, cut: cut === 3 }));
}
