import { describe, expect, test } from 'vitest';
import { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import type { Holds } from '../../core/plain/sequence-order.ts';
import { SequenceOrders } from './sequence-orders.ts';

const BOOK = 1;
const [ALICE, BOB, CAROL, DAVE] = [1, 2, 3, 4] as const;
const HOLD = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';
const NO_HOLDS: Holds = { payeeOf: () => undefined, isHeld: () => false };

type Action = CreateTransferRequest['action'];

const request = (debit: number, credit: number, action?: Action) =>
  CreateTransferRequest.fromPartial({
    debitAccountId: accountId(BOOK, debit),
    creditAccountId: credit === 0 ? 0n : accountId(BOOK, credit),
    action,
  });
const hold = (debit: number, credit: number) =>
  request(debit, credit, { $case: 'hold', value: { timeoutSeconds: 0 } });
const release = (debit: number) => request(debit, 0, { $case: 'release', value: { holdId: HOLD } });

describe('what is plain is held back', () => {
  test('by what came before it in its own sequence, and by no other', () => {
    const orders = new SequenceOrders(BOOK, NO_HOLDS);
    const runs = { sequences: [7, 8], ends: [1, 2] };
    orders.addAll([hold(ALICE, BOB), hold(CAROL, DAVE)], runs);
    const work = orders.runs({ sequences: [8, 9, 7], ends: [2, 3, 5] });
    expect(work.at(0)?.holdsBack(ALICE, BOB, 0)).toBe(false);
    expect(work.at(1)?.holdsBack(ALICE, DAVE, 0)).toBe(true);
    expect(work.at(2)).toBeUndefined();
    expect(work.at(4)?.holdsBack(BOB, CAROL, 0)).toBe(true);
    work.begun(4).addPlain(5, 6);
    expect(
      orders
        .runs({ sequences: [7], ends: [1] })
        .at(0)
        ?.holdsBack(6, 9, 0),
    ).toBe(true);
  });

  test('by all of the stream if the router states no sequences', () => {
    const orders = new SequenceOrders(BOOK, NO_HOLDS);
    expect(orders.runs().at(0)).toBeUndefined();
    orders.addAll([hold(ALICE, BOB)]);
    expect(orders.runs().at(3)?.holdsBack(BOB, CAROL, 0)).toBe(true);
    expect(orders.runs().at(3)?.holdsBack(DAVE, CAROL, 0)).toBe(false);
  });
});

describe('the end of a hold holds back', () => {
  test('what has its payee, if the hold is in memory', () => {
    const payeeOf = (id: string) => (id === HOLD ? accountId(BOOK, BOB) : undefined);
    const orders = new SequenceOrders(BOOK, { payeeOf, isHeld: () => true });
    orders.addAll([release(ALICE)]);
    const order = orders.runs().at(0);
    expect(order?.holdsBack(ALICE, CAROL, 0)).toBe(true);
    expect(order?.holdsBack(CAROL, BOB, 0)).toBe(true);
    expect(order?.holdsBack(CAROL, DAVE, 0)).toBe(false);
  });

  test('what has any account with held amounts, if it is not', () => {
    const holds: Holds = { payeeOf: () => undefined, isHeld: (number) => number === CAROL };
    const orders = new SequenceOrders(BOOK, holds);
    orders.addAll([release(ALICE)]);
    const order = orders.runs().at(0);
    expect(order?.holdsBack(BOB, CAROL, 0)).toBe(true);
    expect(order?.holdsBack(CAROL, BOB, 0)).toBe(true);
    expect(order?.holdsBack(BOB, DAVE, 0)).toBe(false);
  });
});
