import { createHash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { expectedCounts } from './send-sample.ts';
import { type SampleAccount, type SamplePayment, sampleWorkload } from './sample-workload.ts';

const REGIONS = ['eu-west', 'us-east', 'ap-south'];
const workload = sampleWorkload(REGIONS);
const later = [...workload.payments, ...workload.singles];
const all = [...workload.funding, ...later];

function digest(payments: readonly SamplePayment[]): string {
  const hash = createHash('sha256');
  for (const p of payments) {
    const parts = [p.key, p.payer.externalId, p.payee.externalId, p.amountMinor, p.via];
    hash.update(`${parts.join('|')}|${p.reference}|${p.expected.status}\n`);
  }
  return hash.digest('hex');
}

describe('the sample', () => {
  test('is the same every time', () => {
    const again = sampleWorkload(REGIONS);
    expect(digest([...again.funding, ...again.payments, ...again.singles])).toBe(digest(all));
    // Keys in the data of an earlier release keep their outcome only while this value is unchanged.
    // A change of the workload needs another SAMPLE_NAMESPACE as well.
    expect(digest(all)).toMatchInlineSnapshot(
      `"08f8be9730c9a8286d056cb9bea0f0b0cff7719ebd71ad5eb06b674c55305bed"`,
    );
  });

  test('has the documented size', () => {
    expect(workload.accounts.length).toBeGreaterThanOrEqual(1_000);
    expect(all).toHaveLength(20_000);
    expect(new Set(all.map((payment) => payment.key)).size).toBe(20_000);
    expect(expectedCounts(workload)).toMatchInlineSnapshot(`
      {
        "crossRegion": 2876,
        "keys": 20000,
        "posted": 19583,
        "rejected": 355,
        "replayed": 500,
        "returned": 62,
        "reusedRefused": 120,
        "unexpected": 0,
      }
    `);
  });

  test('crosses regions in about 15 % of the payments', () => {
    const share = expectedCounts(workload).crossRegion / all.length;
    expect(share).toBeGreaterThan(0.14);
    expect(share).toBeLessThan(0.16);
  });

  test('has a few hot merchants', () => {
    const received = new Map<SampleAccount, number>();
    for (const { payee } of all) received.set(payee, (received.get(payee) ?? 0) + 1);
    const hot = [...received.values()].toSorted((a, b) => b - a).slice(0, 6);
    expect(Math.min(...hot)).toBeGreaterThan(500);
  });

  test('sends a share through the router of another region', () => {
    const elsewhere = later.filter((p) => p.via !== p.payer.region).length;
    expect(elsewhere / later.length).toBeCloseTo(0.2, 1);
  });

  test('has no payment to the payer itself, across assets or of zero', () => {
    for (const { payer, payee, amountMinor } of all) {
      expect(payer).not.toBe(payee);
      expect(payer.asset).toBe(payee.asset);
      expect(amountMinor > 0n).toBe(true);
    }
    for (const { payment, payee } of workload.repeats) expect(payee).not.toBe(payment.payer);
  });
});

// Neither the first nor the last order must make a difference, so both extremes are tried:
// no credit but the funding arrives in time, and every credit arrives before any debit.
describe('the outcome of a payment does not depend on the order', () => {
  const funds = new Map<SampleAccount, bigint>();
  for (const { payee, amountMinor } of workload.funding) funds.set(payee, amountMinor);

  test('every payment that must be posted is covered by the funding alone', () => {
    const left = new Map(funds);
    for (const { payer, amountMinor, expected } of later) {
      if (payer.role === 'treasury' || expected.status === 'rejected') continue;
      left.set(payer, (left.get(payer) ?? 0n) - amountMinor);
    }
    for (const balance of left.values()) expect(balance >= 0n).toBe(true);
  });

  test('an overdraft exceeds the funding and every credit together', () => {
    const most = new Map(funds);
    for (const { payee, amountMinor, expected } of later) {
      if (expected.status !== 'posted') continue;
      most.set(payee, (most.get(payee) ?? 0n) + amountMinor);
    }
    const overdrafts = later.filter((p) => p.reference === 'overdraft');
    expect(overdrafts.length).toBeGreaterThan(0);
    for (const { payer, amountMinor } of overdrafts) {
      // The data may be of an earlier release, whose sample has left money on these accounts.
      expect(amountMinor > 10n ** 12n + (most.get(payer) ?? 0n)).toBe(true);
    }
  });
});
