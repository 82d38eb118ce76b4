import { expect, test } from 'vitest';
import type { RegionName } from '../../topology/layout.ts';
import { type LoadAccount, PaymentPlan } from './payment-plan.ts';

const regions: readonly RegionName[] = ['eu-west', 'us-east', 'ap-south'];
const accounts = new Map(
  regions.map((region, index) => [
    region,
    [1n, 2n, 3n].map((id): LoadAccount => {
      const book = index + 1;
      return { id: (BigInt(book) << 48n) + id, region, book };
    }),
  ]),
);

test('the mix of calls is as documented, and each call has its own key', () => {
  const plan = new PaymentPlan(1, accounts);
  const calls = Array.from({ length: 3_000 }, () => {
    const asked = plan.next('eu-west');
    if (asked.kind === 'hold') plan.held(asked, `hold of ${asked.key}`);
    return asked;
  });
  const share = (which: (asked: (typeof calls)[number]) => boolean) =>
    calls.filter(which).length / calls.length;
  expect(new Set(calls.map(({ key }) => key)).size).toBe(calls.length);
  expect(share(({ home, to }) => home !== to)).toBeCloseTo(0.12, 1);
  expect(share(({ via, home }) => via !== home)).toBeCloseTo(0.05, 1);
  expect(share(({ kind }) => kind === 'hold')).toBeCloseTo(0.07, 1);
  expect(calls.filter((asked) => asked.debitAccount === asked.creditAccount)).toEqual([]);
  expect(calls.filter((asked) => BigInt(asked.debitAccount) >> 48n !== BigInt(asked.book))).toEqual(
    [],
  );
  // Every hold except perhaps the last is captured, from the account of the hold.
  const holds = calls.filter(({ kind }) => kind === 'hold');
  const captures = calls.filter(({ kind }) => kind === 'capture');
  expect(captures.length).toBeGreaterThanOrEqual(holds.length - 1);
  const described = ({ holdId, debitAccount, creditAccount }: (typeof calls)[number]) =>
    `${holdId} ${debitAccount} ${creditAccount}`;
  expect(captures.map((capture) => described(capture))).toEqual(
    holds
      .slice(0, captures.length)
      .map(({ key, debitAccount }) => `hold of ${key} ${debitAccount} `),
  );
});

function some() {
  const plan = new PaymentPlan(7, accounts);
  return Array.from({ length: 50 }, () => plan.next('us-east'));
}

test('the same seed gives the same calls', () => {
  expect(some()).toEqual(some());
});
