import * as fc from 'fast-check';
import type { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import { UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import { openRequest, transferRequest } from '../books/book-requests.ts';
import type { HistoryStep, RandomHistory } from './random-history.ts';

const ACCOUNTS = 16;
/** Overdrafts of the accounts, so that who comes first decides who can pay. */
const OVERDRAFTS = [undefined, undefined, undefined, undefined, undefined, 0n, 20n, 60n];

const KINDS = [
  'plain',
  'away',
  'hold',
  'capture',
  'release',
  'group',
  'reversal',
  'upTo',
  'condition',
] as const;

interface Planned {
  readonly kind: (typeof KINDS)[number];
  readonly debit: number;
  readonly credit: number;
  readonly other: number;
  readonly amount: bigint;
  /** Which transfer of the history it draws on, before or after it. */
  readonly target: number;
  readonly cut: number;
}

const number = fc.integer({ min: 1, max: ACCOUNTS });
const planned: fc.Arbitrary<Planned> = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant('plain' as const) },
    { weight: 12, arbitrary: fc.constantFrom(...KINDS) },
  ),
  debit: number,
  credit: number,
  other: number,
  amount: fc.bigInt({ min: 1n, max: 40n }),
  target: fc.nat(40),
  cut: fc.nat(12),
});

const keyOf = (n: number) => `0193a1b2-c3d4-7e5f-8a6b-${n.toString(16).padStart(12, '0')}`;
const idOf = (n: number) => accountId(1, n);

/**
 * Histories of one book, and of another one that is paid, of which nearly all is transfers between
 * few accounts: half of them plain, and the others of every action, which name holds and
 * transfers that come before or after them.
 */
export function mixedCallHistories(): fc.Arbitrary<RandomHistory> {
  const overdrafts = fc.array(fc.constantFrom(...OVERDRAFTS), {
    minLength: ACCOUNTS,
    maxLength: ACCOUNTS,
  });
  const plans = fc.array(planned, { minLength: 12, maxLength: 40 });
  return fc.tuple(overdrafts, plans).map(([limits, list]) => {
    const openings = limits.map((limit, index) => opening(1, `account ${index}`, limit));
    const transfers = list.map((plan, index): HistoryStep => ({
      kind: 'transfer',
      request: requestOf(plan, index, list),
      cut: plan.cut === 0,
    }));
    return { books: 2, steps: [...openings, opening(2, 'payee', undefined), ...transfers] };
  });
}

function opening(book: number, externalId: string, overdraft: bigint | undefined): HistoryStep {
  const min =
    overdraft === undefined
      ? ({ $case: 'noMinBalance', value: true } as const)
      : ({ $case: 'minBalance', value: -overdraft } as const);
  return { kind: 'open', book, request: openRequest({ externalId, min }), cut: true };
}

function requestOf(plan: Planned, index: number, list: readonly Planned[]): CreateTransferRequest {
  const { kind, amount, other } = plan;
  const credit = plan.credit === plan.debit ? (plan.debit % ACCOUNTS) + 1 : plan.credit;
  const target = plan.target % list.length;
  const drawn = list[target] ?? plan;
  const idempotencyKey = keyOf(index);
  const own = { idempotencyKey, debitAccountId: idOf(plan.debit), creditAccountId: idOf(credit) };
  const request = transferRequest({ ...own, amount });
  const holdId = keyOf(target);
  switch (kind) {
    case 'plain':
      return request;
    case 'away':
      return { ...request, creditAccountId: accountId(2, 1) };
    case 'hold':
      return { ...request, action: { $case: 'hold', value: { timeoutSeconds: 0 } } };
    case 'capture': {
      const value = { holdId, final: true };
      const debitAccountId = idOf(drawn.debit);
      const fields = { debitAccountId, creditAccountId: 0n, amount: 0n };
      return { ...request, ...fields, action: { $case: 'capture', value } };
    }
    case 'release': {
      const fields = { debitAccountId: idOf(drawn.debit), creditAccountId: 0n, amount: 0n };
      return { ...request, ...fields, action: { $case: 'release', value: { holdId } } };
    }
    case 'group': {
      const third = other === credit ? (credit % ACCOUNTS) + 1 : other;
      const legs = [legOf(plan.debit, credit, amount), legOf(credit, third, amount)];
      const fields = { debitAccountId: 0n, creditAccountId: 0n, amount: 0n };
      return { ...request, ...fields, action: { $case: 'group', value: { legs } } };
    }
    case 'reversal': {
      const value = { transferId: keyOf(target) };
      const action = { $case: 'reversal', value } as const;
      // Why it is refused depends on whether the transfer is there, even if it is of others.
      if (plan.cut % 3 === 2) return { ...request, action };
      const payer = drawn.credit === drawn.debit ? (drawn.debit % ACCOUNTS) + 1 : drawn.credit;
      const parties = { debitAccountId: idOf(payer), creditAccountId: idOf(drawn.debit) };
      return { ...request, ...parties, amount: 0n, action };
    }
    case 'upTo':
      return { ...request, upTo: UpTo.DEBIT_AVAILABLE };
    case 'condition': {
      const test = { $case: 'balanceAtLeast', value: 0n } as const;
      return { ...request, conditions: { allOf: [{ accountId: idOf(other), test }] } };
    }
  }
}

function legOf(debit: number, credit: number, amount: bigint): Leg {
  return {
    debitAccountId: idOf(debit),
    creditAccountId: idOf(credit),
    amount,
    asset: '',
    code: 0,
    reference: '',
    metadata: {},
    action: undefined,
    upTo: 0,
    conditions: undefined,
    allowZero: false,
    rest: false,
  };
}
