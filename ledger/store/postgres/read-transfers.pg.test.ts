import { expect, test } from 'vitest';
import { ALL_LEGS } from '../../testing/database/all-legs.ts';
import { ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import { RowKind } from '../../core/journal-row.ts';
import { changeOptions, transferOptions } from '../../core/validate/options.ts';
import { timestampFrom } from '../../core/timestamp.ts';
import { derivedId } from '../../core/transfer-id.ts';
import { testDatabases } from '../../testing/database/database.ts';
import { insertRows, type UnnumberedColumns } from '../../testing/database/insert-rows.ts';
import { transferRequest } from '../../testing/books/book-requests.ts';
import { readChanges } from './read-changes.ts';
import { readTransfers } from './read-transfers.ts';
import { TooManyBytes, TooManyLegs } from '../asked-pages.ts';

const database = testDatabases();

const ALICE = accountId(1, 1);
const BOB = accountId(1, 2);
const TRANSIT = accountId(1, 3);
const AWAY = accountId(2, 1);

const idAt = (seq: number) => derivedId('test', String(seq));
const between = { debit_account: ALICE, credit_account: BOB };
const away = { debit_account: ALICE, credit_account: TRANSIT, peer_account: AWAY, peer_book: 2 };

/** Inserts rows, numbered from 1, and reads what each id is the transfer of. */
async function reading(rows: readonly UnnumberedColumns[], settled = 0) {
  const { admin, ledger } = await database();
  await admin`INSERT INTO channel VALUES (2, 100, ${settled}, 0)`;
  await insertRows(
    admin,
    rows.map((row, index) => ({ ...row, seq: index + 1 })),
  );
  const ids = rows.map(({ id }, index) => id ?? idAt(index + 1));
  const stored = await readTransfers(
    ledger,
    1,
    [...ids, derivedId('test', 'never seen')],
    ALL_LEGS,
  );
  return { ledger, stored, all: ids.map((id) => stored.get(id)) };
}

const hold = (timeoutSeconds = 0) => ({
  kind: RowKind.hold,
  ...between,
  amount: 100,
  options: transferOptions(
    transferRequest({ amount: 100n, action: { $case: 'hold', value: { timeoutSeconds } } }),
  ),
});

/** A capture of `amount` that leaves `left`; what it asked was the amount, or all (zero). */
function capture(seq: number, asked: bigint, amount: number, left: number) {
  const action = { $case: 'capture' as const, value: { holdId: idAt(seq), final: false } };
  const options = transferOptions(transferRequest({ action, amount: asked }));
  return {
    kind: RowKind.capture,
    ...between,
    amount,
    drawn_id: idAt(seq),
    drawn_left: left,
    options,
  };
}

test('a transfer is returned with all that was asked', async () => {
  const conditions = {
    allOf: [{ accountId: BOB, test: { $case: 'balanceAtMost' as const, value: -3n } }],
  };
  const request = transferRequest({
    amount: 50n,
    upTo: UpTo.DEBIT_AVAILABLE,
    conditions,
    asset: 'EUR/2',
    code: 7,
    reference: 'rent',
    metadata: { a: '1' },
  });
  const { all, stored } = await reading([
    {
      kind: RowKind.transfer,
      ...between,
      amount: 20,
      options: transferOptions(request),
      namespace: 'shop',
      key: 'key',
      asset: 'EUR/2',
      code: 7,
      reference: 'rent',
      metadata: { a: '1' },
    },
  ]);
  expect(stored.size).toBe(1);
  const { idempotencyKey: _, namespace: __, wait: ___, dryRun: ____, ...fields } = request;
  expect(all[0]).toEqual({
    kind: RowKind.transfer,
    recovered: false,
    channel: null,
    legs: null,
    request: { ...fields, rest: false },
    transfer: {
      ...fields,
      rest: false,
      transferId: idAt(1),
      idempotencyKey: 'key',
      namespace: 'shop',
      status: TransferStatus.POSTED,
      reason: Reason.UNSPECIFIED,
      position: { book: 1, epoch: 1n, seq: 1n },
      decidedAt: timestampFrom(Date.UTC(2026, 0, 1, 0, 0, 1) * 1000),
      actualAmount: 20n,
      left: 20n,
      capturedAmount: 0n,
      releasedAmount: 0n,
      expiresAt: undefined,
      groupId: '',
      legs: [],
    },
  });
});

test('a hold is as its newest draw has left it', async () => {
  const { all } = await reading([
    { ...hold(60), expires_at: '2026-01-01T00:01:01Z' },
    hold(),
    capture(2, 40n, 40, 60),
    hold(),
    capture(4, 40n, 40, 60),
    capture(4, 0n, 60, 0),
    hold(),
    { kind: RowKind.release, ...between, amount: 100, drawn_id: idAt(7), drawn_left: 0 },
    hold(),
    { kind: RowKind.expiry, ...between, amount: 100, drawn_id: idAt(9), drawn_left: 0 },
    { ...hold(), reason: Reason.INSUFFICIENT_FUNDS },
    // The payee lives elsewhere: nothing travels before a capture.
    { ...hold(), credit_account: null, peer_account: AWAY, peer_book: 2 },
  ]);
  const found = all.map((one) => [
    one?.transfer.status,
    one?.transfer.left,
    one?.transfer.actualAmount,
  ]);
  expect(found).toEqual([
    [TransferStatus.HELD, 100n, 100n],
    [TransferStatus.HELD, 60n, 100n],
    [TransferStatus.POSTED, 40n, 40n],
    [TransferStatus.CAPTURED, 0n, 100n],
    [TransferStatus.POSTED, 40n, 40n],
    [TransferStatus.POSTED, 60n, 60n],
    [TransferStatus.RELEASED, 0n, 100n],
    [TransferStatus.RELEASED, 0n, 100n],
    [TransferStatus.EXPIRED, 0n, 100n],
    // An expiry is not a transfer that was requested.
    [undefined, undefined, undefined],
    [TransferStatus.REJECTED, 0n, 0n],
    [TransferStatus.HELD, 100n, 100n],
  ]);
  const parts = [0, 1, 3, 6, 8].map((place) => {
    const { capturedAmount, releasedAmount } = all[place]?.transfer ?? {};
    return [capturedAmount, releasedAmount];
  });
  expect(parts).toEqual([
    [0n, 0n],
    [40n, 0n],
    [100n, 0n],
    [0n, 100n],
    [0n, 100n],
  ]);
  expect(all[0]?.transfer).toMatchObject({
    action: { $case: 'hold', value: { timeoutSeconds: 60 } },
    expiresAt: timestampFrom(Date.UTC(2026, 0, 1, 0, 1, 1) * 1000),
  });
  // A capture names no payee, and its answer does.
  expect(all[5]?.request).toMatchObject({ creditAccountId: 0n, amount: 0n });
  expect(all[5]?.transfer).toMatchObject({ creditAccountId: BOB, amount: 0n });
  expect(all[11]).toMatchObject({ channel: null, transfer: { creditAccountId: AWAY } });
});

test('what left for another book is in transit, posted or returned', async () => {
  const { all } = await reading(
    [
      { kind: RowKind.transfer, ...away, amount: 5, channel_number: 1 },
      { kind: RowKind.transfer, ...away, amount: 5, channel_number: 2 },
      {
        kind: RowKind.return,
        debit_account: TRANSIT,
        credit_account: ALICE,
        amount: 5,
        peer_account: AWAY,
        peer_book: 2,
        origin_id: idAt(2),
        reason: Reason.CREDIT_ACCOUNT_FROZEN,
      },
      { kind: RowKind.transfer, ...away, amount: 5, channel_number: 3 },
      { kind: RowKind.transfer, ...away, credit_account: null, amount: 5, reason: 6 },
      // A leg that came from there has a number of the other direction.
      { kind: RowKind.settlement, ...away, amount: 5, channel_number: 9, origin_id: idAt(99) },
    ],
    2,
  );
  const found = all.map((one) => [one?.transfer.status, one?.transfer.reason, one?.transfer.left]);
  expect(found).toEqual([
    [TransferStatus.POSTED, 0, 0n],
    [TransferStatus.RETURNED, Reason.CREDIT_ACCOUNT_FROZEN, 0n],
    [undefined, undefined, undefined],
    [TransferStatus.IN_TRANSIT, 0, 0n],
    [TransferStatus.REJECTED, Reason.INSUFFICIENT_FUNDS, 0n],
    [undefined, undefined, undefined],
  ]);
  expect(all[3]?.channel).toEqual({ peerBook: 2, number: 3 });
  expect(all[3]?.transfer.creditAccountId).toBe(AWAY);
});

test('a reversed transfer states what is left to reverse', async () => {
  const action = { $case: 'reversal' as const, value: { transferId: idAt(1) } };
  const { all } = await reading([
    { kind: RowKind.transfer, ...between, amount: 50 },
    {
      kind: RowKind.reversal,
      debit_account: BOB,
      credit_account: ALICE,
      amount: 20,
      drawn_id: idAt(1),
      drawn_left: 30,
      options: transferOptions(transferRequest({ amount: 20n, action })),
    },
  ]);
  expect(all[0]?.transfer).toMatchObject({ status: TransferStatus.POSTED, left: 30n });
  expect(all[1]?.transfer).toMatchObject({ status: TransferStatus.POSTED, left: 0n, action });
  expect(all[1]?.request).toMatchObject({ debitAccountId: BOB, creditAccountId: ALICE, action });
});

test('a group is returned with its legs, and each leg by its own id', async () => {
  const group = idAt(1);
  const legId = (index: number) => derivedId('leg', group, String(index));
  const captured = { $case: 'capture' as const, value: { holdId: idAt(77), final: true } };
  const options = transferOptions(transferRequest({ action: captured, amount: 0n }));
  const reason = Reason.GROUP_FAILED;
  const { all, ledger } = await reading([
    {
      kind: RowKind.group,
      reason: Reason.INSUFFICIENT_FUNDS,
      key: 'all or none',
      options: '{"action":"group","legs":3}',
    },
    {
      kind: RowKind.transfer,
      id: legId(0),
      group_id: group,
      ...between,
      amount: 5,
      reason,
      code: 3,
    },
    { kind: RowKind.capture, id: legId(1), group_id: group, debit_account: ALICE, reason, options },
    { kind: RowKind.transfer, id: legId(2), group_id: group, ...between, amount: 7, reason: 6 },
  ]);
  const leg = {
    debitAccountId: ALICE,
    creditAccountId: BOB,
    asset: '',
    reference: '',
    metadata: {},
    action: undefined,
    upTo: UpTo.UNSPECIFIED,
    conditions: undefined,
  };
  const legs = [
    { ...leg, amount: 5n, code: 3 },
    { ...leg, creditAccountId: 0n, amount: 0n, code: 0, action: captured },
    { ...leg, amount: 7n, code: 0 },
  ];
  expect(all[0]?.request).toMatchObject({
    debitAccountId: 0n,
    creditAccountId: 0n,
    amount: 0n,
    action: { $case: 'group', value: { legs } },
  });
  expect(all[0]?.transfer).toMatchObject({
    idempotencyKey: 'all or none',
    status: TransferStatus.REJECTED,
    reason: Reason.INSUFFICIENT_FUNDS,
    action: { $case: 'group', value: { legs: [] } },
    legs: [0, 1, 2].map((index) => ({
      transferId: legId(index),
      groupId: group,
      idempotencyKey: '',
    })),
  });
  expect(all[0]?.legs).toEqual(all.slice(1));
  expect(await readTransfers(ledger, 1, [group], { ...ALL_LEGS, legsMax: 3 })).toEqual(
    new Map([[group, all[0]]]),
  );
  await expect(readTransfers(ledger, 1, [group], { ...ALL_LEGS, legsMax: 2 })).rejects.toThrow(
    TooManyLegs,
  );
  expect(all.map((one) => one?.transfer.reason)).toEqual([6, reason, reason, 6]);
});

test('the id of a change names no transfer, and is returned with all that was asked', async () => {
  const changes = [
    { $case: 'freeze' as const, value: Freeze.OUT },
    { $case: 'close' as const, value: {} },
    { $case: 'limits' as const, value: { minBalance: -5n, maxBalance: undefined } },
    { $case: 'metadata' as const, value: { metadata: { vip: 'yes' } } },
  ];
  const requests = changes.map((change) =>
    ChangeAccountRequest.create({
      accountId: ALICE,
      by: 'ops',
      why: 'ticket 7',
      change,
      expectedVersion: 3n,
    }),
  );
  const { ledger, stored } = await reading(
    requests.map((request, index) => ({
      kind: RowKind.change,
      credit_account: ALICE,
      changed_by: request.by,
      reference: request.why,
      options: changeOptions(request),
      metadata: request.change?.$case === 'metadata' ? request.change.value.metadata : null,
      reason: index === 1 ? Reason.BALANCE_NOT_ZERO : 0,
    })),
  );
  expect(stored.size).toBe(0);
  const read = await readChanges(ledger, 1, [1, 2, 3, 4, 5].map(idAt));
  expect([...read.values()].map(({ request }) => request)).toEqual(
    requests.map(({ accountId: account, by, why, change, expectedVersion }) => {
      return { accountId: account, by, why, change, expectedVersion };
    }),
  );
  expect(read.get(idAt(2))).toMatchObject({
    reason: Reason.BALANCE_NOT_ZERO,
    position: { book: 1, epoch: 1n, seq: 2n },
    decidedAt: timestampFrom(Date.UTC(2026, 0, 1, 0, 0, 2) * 1000),
  });
});

test('transfers and legs with more metadata than may be read at once are refused', async () => {
  const metadata = JSON.stringify({ text: 'x'.repeat(200) });
  const group = idAt(1);
  const transfer = { kind: RowKind.transfer, ...between, amount: 1, metadata };
  const { all, ledger } = await reading([
    { kind: RowKind.group, key: 'group', options: '{"action":"group","legs":2}' },
    { ...transfer, id: derivedId('leg', '0'), group_id: group },
    { ...transfer, id: derivedId('leg', '1'), group_id: group },
    { ...transfer, key: 'alone' },
  ]);
  const read = (id: string, bytesMax: number) =>
    readTransfers(ledger, 1, [id], { ...ALL_LEGS, bytesMax });
  expect((await read(group, 2 * 220)).get(group)).toEqual(all[0]);
  await expect(read(group, 2 * 200)).rejects.toThrow(TooManyBytes);
  expect((await read(idAt(4), 220)).get(idAt(4))).toEqual(all[3]);
  await expect(read(idAt(4), 200)).rejects.toThrow(TooManyBytes);
});
