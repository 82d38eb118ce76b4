import { expect, test, vi } from 'vitest';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import type { CloseCommand } from '../core/post/command.ts';
import { transferRequest } from '../testing/books/book-requests.ts';
import { SettlementWaiters } from './settlement-waiters.ts';
import type { LateResult } from './work.ts';

const inTransit = (transferId: string): CreateTransferResponse => ({
  transferId,
  status: TransferStatus.IN_TRANSIT,
  reason: Reason.UNSPECIFIED,
  differingField: '',
  actualAmount: 0n,
  expiresAt: undefined,
  group: undefined,
  dryRun: false,
  replayed: false,
  position: undefined,
  decidedAt: undefined,
});

const closed = (
  peerBook: number,
  through: number,
  refused: CloseCommand['refused'] = [],
): CloseCommand => ({ kind: 'close', peerBook, through, refused, finals: [] });

const listener = () => vi.fn<(results: LateResult[]) => void>();

function waiter(number: number, onLate: (results: LateResult[]) => void, until = Infinity) {
  return { number, index: number * 10, until, onLate, response: inTransit(`transfer ${number}`) };
}

test('each caller is notified once, in one call, of all its transfers that were answered', () => {
  const waiters = new SettlementWaiters();
  const [a, b] = [listener(), listener()];
  for (const [number, onLate] of [a, b, a, a].entries()) waiters.add(2, waiter(number + 1, onLate));
  const leg = { ...transferRequest(), transferId: 'transfer 3', reversalOf: '' };
  const refused = [{ number: 3, reason: Reason.MAX_BALANCE_EXCEEDED, leg, capture: null }];
  waiters.settle(closed(2, 3, refused));
  expect(a.mock.calls).toEqual([
    [
      [
        { index: 10, result: { ...inTransit('transfer 1'), status: TransferStatus.POSTED } },
        {
          index: 30,
          result: {
            ...inTransit('transfer 3'),
            status: TransferStatus.RETURNED,
            reason: Reason.MAX_BALANCE_EXCEEDED,
          },
        },
      ],
    ],
  ]);
  expect(b).toHaveBeenCalledTimes(1);
  waiters.settle(closed(2, 3, refused));
  expect(a).toHaveBeenCalledTimes(1);
  waiters.settle(closed(2, 4));
  expect(a).toHaveBeenCalledTimes(2);
});

test('a waiter that comes after its number was reported is rejected, not given something else', () => {
  const waiters = new SettlementWaiters();
  const late = listener();
  waiters.settle(closed(2, 3));
  expect(waiters.add(2, waiter(3, late))).toBe(false);
  expect(waiters.add(2, waiter(4, late))).toBe(true);
  expect(waiters.add(3, waiter(3, late))).toBe(true);
  waiters.settle(closed(2, 4));
  expect(late.mock.calls.flat(2).map(({ index }) => index)).toEqual([40]);
});

test('the answers of one book are not those of another', () => {
  const waiters = new SettlementWaiters();
  const late = listener();
  waiters.add(2, waiter(1, late));
  waiters.settle(closed(3, 1));
  expect(late).not.toHaveBeenCalled();
  waiters.settle(closed(2, 1));
  expect(late).toHaveBeenCalledTimes(1);
});

test('only waiters whose time is up are removed', () => {
  const waiters = new SettlementWaiters();
  const [gone, here] = [listener(), listener()];
  for (let number = 1; number <= 20_000; number += 1) {
    waiters.add(2, number % 100 === 0 ? waiter(number, here) : waiter(number, gone, 0));
  }
  waiters.settle(closed(2, 20_000));
  expect(here.mock.calls[0]?.[0]).toHaveLength(200);
  expect(gone.mock.calls[0]?.[0].length ?? 0).toBeLessThan(10_000);
});

test('a caller who waits while a channel is repaired is not given the outcome of another leg', () => {
  const waiters = new SettlementWaiters();
  const [before, other, after] = [listener(), listener(), listener()];
  waiters.add(2, waiter(1, before));
  waiters.add(3, waiter(1, other));
  waiters.forget(2);
  waiters.add(2, waiter(2, after));
  waiters.settle(closed(2, 2));
  waiters.settle(closed(3, 1));
  expect([before, other, after].map(({ mock }) => mock.calls.length)).toEqual([0, 1, 1]);
});
