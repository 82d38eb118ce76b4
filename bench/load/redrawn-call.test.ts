import { expect, test } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import { Random } from '../../ledger/core/random.ts';
import { CreateTransfersRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { EncodedAccounts, RedrawnCall } from './redrawn-call.ts';
import { TimeOrderedKeys } from './time-ordered-keys.ts';

test('each use of a call is between other accounts, which differ, for the same amounts', () => {
  const ids = BigInt64Array.from({ length: 300 }, (_, index) => accountId(3, index + 1));
  const call = new RedrawnCall(new EncodedAccounts(ids), new Random(1), 200);
  const keys = new TimeOrderedKeys();
  const known = new Set(ids);
  const decoded = [1, 2, 3].map(
    () => CreateTransfersRequest.decode(Buffer.from(call.withFreshKeys(keys))).transfers,
  );
  const all = decoded.flat();
  expect(new Set(all.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(600);
  expect(all.every(({ debitAccountId: id }) => known.has(id))).toBe(true);
  expect(all.every(({ creditAccountId: id }) => known.has(id))).toBe(true);
  expect(
    all.some(({ debitAccountId, creditAccountId }) => debitAccountId === creditAccountId),
  ).toBe(false);
  const pairs = decoded.map((transfers) =>
    transfers.map(({ debitAccountId, creditAccountId }) => `${debitAccountId} ${creditAccountId}`),
  );
  expect(pairs[0]).not.toEqual(pairs[1]);
  // Nearly every account: those of one use are no part that is used again.
  expect(new Set(all.map(({ debitAccountId }) => debitAccountId)).size).toBeGreaterThan(240);
  for (const transfers of decoded) {
    const amount = transfers.reduce((sum, each) => sum + each.amount, 0n);
    expect(call.effects.transfer).toEqual({ count: 200, amount });
  }
});

test('of two accounts, each pays the other', () => {
  const ids = BigInt64Array.from([accountId(1, 1), accountId(1, 2)]);
  const call = new RedrawnCall(new EncodedAccounts(ids), new Random(1), 50);
  const bytes = Buffer.from(call.withFreshKeys(new TimeOrderedKeys()));
  for (const { debitAccountId, creditAccountId } of CreateTransfersRequest.decode(bytes)
    .transfers) {
    expect(new Set([debitAccountId, creditAccountId])).toEqual(new Set(ids));
  }
});

test('accounts of several books are refused', () => {
  const ids = BigInt64Array.from([accountId(1, 1), accountId(300, 1)]);
  expect(() => new EncodedAccounts(ids)).toThrow('several lengths');
});
