import { expect, test } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import { must } from '../../ledger/core/assert.ts';
import { validateTransfer } from '../../ledger/core/validate/validate-transfer.ts';
import {
  type CreateTransferRequest,
  CreateTransfersRequest,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { Random } from '../../ledger/core/random.ts';
import { type Effects, noEffects, sumOf, transfersOf } from './effects.ts';
import { LEGS_PER_REQUEST, mixedCalls } from './mixed-calls.ts';
import { TimeOrderedKeys } from './time-ordered-keys.ts';

const ITEMS = 1_000;
const DIFFERENT = 3;
const accounts = BigInt64Array.from({ length: 100 }, (_, index) => accountId(1, index + 1));
const parties = { payers: accounts, payees: [{ accounts, share: 1 }] };

const newCycle = () => mixedCalls(parties, new Random(1), ITEMS, DIFFERENT);

/** As they are sent: the first call, then twice around. */
function sentCalls(): { readonly requests: CreateTransferRequest[]; readonly effects: Effects }[] {
  const { first, calls } = newCycle();
  const keys = new TimeOrderedKeys();
  return [must(first, 'there is a first call'), ...calls, ...calls].map((call) => {
    const { transfers: requests } = CreateTransfersRequest.decode(call.withFreshKeys(keys));
    expect(requests).toHaveLength(call.items);
    return { requests, effects: call.effects };
  });
}

interface OpenHold {
  readonly payer: bigint;
  readonly call: number;
  left: bigint;
}

/** A book that contains only holds, and refuses by throwing. */
class Holds {
  readonly open = new Map<string, OpenHold>();

  /** Returns the effects of a request, without expiries. */
  apply(request: CreateTransferRequest, call: number): Effects {
    const { idempotencyKey: key, debitAccountId: payer, amount, action } = request;
    switch (action?.$case) {
      case undefined:
        return transfersOf(1, amount);
      case 'group': {
        const { legs } = action.value;
        const sum = legs.reduce((total, leg) => total + leg.amount, 0n);
        return { ...transfersOf(legs.length, sum), group: { count: 1, amount: 0n } };
      }
      case 'hold': {
        this.open.set(key, { payer, call, left: amount });
        const hold = { count: 1, amount };
        return { ...noEffects, hold, openHold: hold };
      }
      case 'capture':
        return this.#capture(request, action.value.holdId, action.value.final, call);
      case 'release': {
        const { left } = this.#drawnOn(action.value.holdId, payer, call);
        this.open.delete(action.value.holdId);
        const openHold = { count: -1, amount: -left };
        return { ...noEffects, release: { count: 1, amount: left }, openHold };
      }
      case 'reversal':
        throw new Error('no reversals are drawn');
    }
  }

  #capture(
    { debitAccountId, amount }: CreateTransferRequest,
    id: string,
    final: boolean,
    call: number,
  ): Effects {
    const hold = this.#drawnOn(id, debitAccountId, call);
    expect(amount).toBeLessThanOrEqual(hold.left);
    const ends = final || amount === hold.left;
    const freed = ends ? hold.left : amount;
    hold.left -= freed;
    if (ends) this.open.delete(id);
    const openHold = { count: ends ? -1 : 0, amount: -freed };
    return { ...noEffects, capture: { count: 1, amount }, openHold };
  }

  #drawnOn(id: string, payer: bigint, call: number): OpenHold {
    const hold = must(this.open.get(id), 'the hold is open');
    expect(hold).toMatchObject({ payer, call: call - 1 });
    return hold;
  }
}

test('the mix is exact in every call', () => {
  const [, ...calls] = sentCalls();
  for (const { requests } of calls) {
    const counts: Record<string, number> = {};
    for (const { action } of requests) {
      const name = action?.$case ?? 'plain';
      counts[name] = (counts[name] ?? 0) + 1;
    }
    expect(counts).toEqual({ plain: 600, group: 100, hold: 150, capture: 105, release: 45 });
  }
  expect(LEGS_PER_REQUEST).toBeCloseTo(1.2, 10);
});

test('requests are valid, and keys are fresh each time', () => {
  const requests = sentCalls().flatMap((call) => call.requests);
  expect(requests.flatMap((request) => validateTransfer(request))).toEqual([]);
  expect(new Set(requests.map((request) => request.idempotencyKey)).size).toBe(requests.length);
});

test('holds of the previous call are ended, and the sums match the effects of the call', () => {
  const holds = new Holds();
  for (const [number, { requests, effects }] of sentCalls().entries()) {
    const real = sumOf(requests.map((request) => holds.apply(request, number)));
    const { expiry, openHold } = effects;
    expect(real).toEqual({
      ...effects,
      expiry: noEffects.expiry,
      openHold: {
        count: openHold.count + expiry.count,
        amount: openHold.amount + expiry.amount,
      },
    });
    expect(expiry.count).toBe(15);
  }
  // In the end the holds of the last call are open, and those left to expire.
  expect(holds.open.size).toBe(150 + 6 * 15);
});

test('holds that are to expire do so during a measurement, others long after', () => {
  const timeouts = sentCalls().flatMap(({ requests }) =>
    requests.flatMap(({ action }) =>
      action?.$case === 'hold' ? [action.value.timeoutSeconds] : [],
    ),
  );
  const short = timeouts.filter((seconds) => seconds <= 5);
  expect(new Set(short)).toEqual(new Set([1, 2, 3, 4, 5]));
  expect(short.length / timeouts.length).toBeCloseTo(0.1, 10);
  expect(timeouts.filter((seconds) => seconds === 3_600)).toHaveLength(
    timeouts.length - short.length,
  );
});

test('calls that cannot have the mix exactly are refused', () => {
  expect(() => mixedCalls(parties, new Random(1), 100, 2)).toThrow('must have 200 items each');
});
