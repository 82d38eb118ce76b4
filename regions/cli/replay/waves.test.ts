import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { planWave, type WaveAccount } from './waves.ts';

interface Account extends WaveAccount {
  readonly name: string;
}

interface Payment {
  readonly name: string;
  readonly debit: Account;
  readonly credit: Account;
  readonly amount: number;
}

const account = (name: string, book: number, mayOverdraw = false): Account => ({
  name,
  book,
  mayOverdraw,
});

const near = account('near', 1);
const near2 = account('near2', 1);
const far = account('far', 2);
const bank = account('bank', 1, true);
const farBank = account('farBank', 2, true);

let count = 0;
const pay = (debit: Account, credit: Account): Payment => {
  count += 1;
  return { name: `p${count}`, debit, credit, amount: 1 };
};

const NONE = new Set<Account>();

describe('a wave', () => {
  test('takes everything that has no limit, up to its size', () => {
    const queue = [pay(bank, farBank), pay(farBank, bank), pay(bank, farBank)];
    expect(planWave(queue, 10, NONE)).toEqual({ send: queue, wait: [] });
    expect(planWave(queue, 2, NONE)).toEqual({ send: queue.slice(0, 2), wait: queue.slice(2) });
  });

  test('keeps money that comes and goes inside one book together', () => {
    const queue = [pay(bank, near), pay(near, near2), pay(near2, farBank)];
    expect(planWave(queue, 10, NONE).wait).toEqual([]);
  });

  test('lets money from another book arrive before it is spent', () => {
    const first = pay(farBank, near);
    const spend = pay(near, bank);
    const other = pay(near2, bank);
    expect(planWave([first, spend, other], 10, NONE)).toEqual({
      send: [first, other],
      wait: [spend],
    });
  });

  test('does not let a credit from another book overtake an earlier debit', () => {
    const spend = pay(near, bank);
    const late = pay(farBank, near);
    expect(planWave([spend, late], 10, NONE)).toEqual({ send: [spend], wait: [late] });
  });

  test('holds back what follows on an account of a payment that waits', () => {
    const first = pay(farBank, near);
    const spend = pay(near, near2);
    const next = pay(near2, bank);
    const free = pay(far, farBank);
    expect(planWave([first, spend, next, free], 10, NONE)).toEqual({
      send: [first, free],
      wait: [spend, next],
    });
  });

  test('waits for what an earlier wave left in transit', () => {
    const spend = pay(near, bank);
    expect(planWave([spend], 10, new Set([near]))).toEqual({ send: [], wait: [spend] });
    expect(planWave([pay(bank, farBank)], 10, new Set([bank])).wait).toEqual([]);
  });
});

/** Posts each payment in turn and returns the names of those refused. */
function inFileOrder(payments: readonly Payment[]): string[] {
  const balances = new Map<Account, number>();
  const refused: string[] = [];
  for (const payment of payments) {
    if (takeFrom(balances, payment)) giveTo(balances, payment);
    else refused.push(payment.name);
  }
  return refused;
}

function takeFrom(balances: Map<Account, number>, { debit: payer, amount }: Payment): boolean {
  const left = (balances.get(payer) ?? 0) - amount;
  if (left < 0 && !payer.mayOverdraw) return false;
  balances.set(payer, left);
  return true;
}

function giveTo(balances: Map<Account, number>, { credit: payee, amount }: Payment): void {
  balances.set(payee, (balances.get(payee) ?? 0) + amount);
}

/**
 * Posts wave by wave as the ledger may: the calls of one wave side by side, each in its own
 * order, and second legs at a random moment before the wave is over.
 */
function inWaves(payments: readonly Payment[], size: number, chance: () => number): string[] {
  const balances = new Map<Account, number>();
  const refused: string[] = [];
  let queue: readonly Payment[] = payments;
  while (queue.length > 0) {
    const { send, wait } = planWave(queue, size, NONE);
    expect(send.length).toBeGreaterThan(0);
    expect(send.length).toBeLessThanOrEqual(size);
    const calls = [...Map.groupBy(send, (payment) => payment.debit.book).values()];
    const legs: Payment[] = [];
    while (calls.some((call) => call.length > 0) || legs.length > 0) {
      const open = calls.filter((call) => call.length > 0);
      const pick = Math.floor(chance() * (open.length + legs.length));
      const payment = open[pick]?.shift();
      if (!payment) {
        for (const leg of legs.splice(pick - open.length, 1)) giveTo(balances, leg);
      } else if (!takeFrom(balances, payment)) refused.push(payment.name);
      else if (payment.debit.book === payment.credit.book) giveTo(balances, payment);
      else legs.push(payment);
    }
    queue = wait;
  }
  return refused;
}

test('in every interleaving the same payments are refused as in file order', () => {
  const accounts = [near, near2, far, bank, farBank, account('far2', 2), account('third', 3)];
  const payment = fc
    .record({
      debit: fc.constantFrom(...accounts),
      credit: fc.constantFrom(...accounts),
      amount: fc.integer({ min: 1, max: 5 }),
    })
    .filter((candidate) => candidate.debit !== candidate.credit);
  const histories = fc.array(payment, { maxLength: 40 });
  const chances = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
  fc.assert(
    fc.property(histories, fc.integer({ min: 1, max: 12 }), chances, (history, size, stream) => {
      const payments = history.map((fields, index) => ({ ...fields, name: `p${index}` }));
      const refused = inWaves(payments, size, () => stream.next().value);
      expect(refused.toSorted()).toEqual(inFileOrder(payments).toSorted());
    }),
    { numRuns: 2_000 },
  );
});
