import { expect, test } from 'vitest';
import { Event, EventKind } from '../../../proto/gen/meridian/v1/event.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { accountId } from '../../core/account-id.ts';
import { RowKind } from '../../core/journal-row.ts';
import { transferOptions } from '../../core/validate/options.ts';
import { timestampFrom } from '../../core/timestamp.ts';
import { derivedId } from '../../core/transfer-id.ts';
import { testDatabases } from '../../testing/database/database.ts';
import { insertRows, type UnnumberedColumns } from '../../testing/database/insert-rows.ts';
import { transferRequest } from '../../testing/books/book-requests.ts';
import { readEvents } from './read-events.ts';
import type { EventPage } from '../asked-pages.ts';

const database = testDatabases();

const ALICE = accountId(1, 1);
const BOB = accountId(1, 2);
const TRANSIT = accountId(1, 3);
const AWAY = accountId(2, 1);
const UNKNOWN = accountId(1, 99);

const idAt = (seq: number) => derivedId('test', String(seq));

/** Inserts rows, numbered from 1, and reads them as events. */
async function reading(rows: readonly UnnumberedColumns[]) {
  const { admin, ledger } = await database();
  await admin`
    INSERT INTO account
    SELECT id, 'account ' || id, asset, NULL, NULL, false, NULL, 1, now()
      FROM (VALUES (${ALICE}::int8, 'EUR'), (${BOB}::int8, 'EUR'), (${TRANSIT}::int8, 'EUR'))
        AS a(id, asset)`;
  await insertRows(
    admin,
    rows.map((row, index) => ({ ...row, seq: index + 1 })),
  );
  const page = { account: null, after: 0, through: rows.length, limit: 100 };
  return { ledger, page, events: await readEvents(ledger, 1, page) };
}

const debit = (version: number, debits: number, credits = 0) => ({
  debit_account: ALICE,
  debit_version: version,
  debit_debits: debits,
  debit_credits: credits,
});

const credit = (version: number, credits: number, account = BOB) => ({
  credit_account: account,
  credit_version: version,
  credit_debits: 0,
  credit_credits: credits,
});

/** The event of the row at `seq`, with whatever a test expects of it. */
const event = (seq: number, fields: Partial<Event>): Event =>
  Event.fromPartial({
    position: { book: 1, epoch: 1n, seq: BigInt(seq) },
    at: timestampFrom((Date.UTC(2026, 0, 1) + seq * 1000) * 1000),
    ...fields,
  });

const state = (accountIdOf: bigint, version: bigint, debits: bigint, credits: bigint) => ({
  accountId: accountIdOf,
  version,
  debits,
  credits,
  balance: credits - debits,
  heldDebits: 0n,
  heldCredits: 0n,
  available: credits - debits,
});

test('a transfer has its key, its accounts after it, and the asset of its accounts', async () => {
  const { events } = await reading([
    { kind: RowKind.transfer, amount: 5, ...debit(1, 5), ...credit(1, 5) },
    {
      kind: RowKind.transfer,
      amount: 7,
      ...debit(2, 12),
      ...credit(2, 12),
      namespace: 'shop',
      key: 'order 1',
      asset: 'EUR/2',
      code: 3,
      reference: 'rent',
      metadata: { a: '1' },
    },
  ]);
  const both = { debitAccountId: ALICE, creditAccountId: BOB, asset: 'EUR' };
  expect(events).toEqual([
    event(1, {
      kind: EventKind.TRANSFER,
      transferId: idAt(1),
      idempotencyKey: idAt(1),
      ...both,
      amount: 5n,
      debitAccount: state(ALICE, 1n, 5n, 0n),
      creditAccount: state(BOB, 1n, 0n, 5n),
    }),
    event(2, {
      kind: EventKind.TRANSFER,
      transferId: idAt(2),
      idempotencyKey: 'order 1',
      namespace: 'shop',
      ...both,
      amount: 7n,
      code: 3,
      reference: 'rent',
      metadata: { a: '1' },
      debitAccount: state(ALICE, 2n, 12n, 0n),
      creditAccount: state(BOB, 2n, 0n, 12n),
    }),
  ]);
});

const options = (action: Parameters<typeof transferRequest>[0]) =>
  transferOptions(transferRequest(action));

test('a rejection records what was asked and changes no account', async () => {
  const { events } = await reading([
    {
      kind: RowKind.transfer,
      reason: Reason.ASSET_MISMATCH,
      debit_account: ALICE,
      credit_account: AWAY,
      amount: 5,
      asset: 'USD/2',
    },
    {
      kind: RowKind.capture,
      reason: Reason.HOLD_NOT_FOUND,
      debit_account: ALICE,
      options: options({ action: { $case: 'capture', value: { holdId: idAt(9), final: true } } }),
    },
    {
      kind: RowKind.release,
      reason: Reason.HOLD_NOT_FOUND,
      debit_account: UNKNOWN,
      options: options({ action: { $case: 'release', value: { holdId: idAt(9) } } }),
    },
    {
      kind: RowKind.reversal,
      reason: Reason.TRANSFER_NOT_FOUND,
      debit_account: UNKNOWN,
      credit_account: ALICE,
      amount: 5,
      options: options({ action: { $case: 'reversal', value: { transferId: idAt(9) } } }),
    },
  ]);
  const own = (seq: number) => ({ transferId: idAt(seq), idempotencyKey: idAt(seq) });
  expect(events).toEqual([
    event(1, {
      kind: EventKind.TRANSFER,
      reason: Reason.ASSET_MISMATCH,
      ...own(1),
      debitAccountId: ALICE,
      creditAccountId: AWAY,
      amount: 5n,
      asset: 'USD',
    }),
    event(2, {
      kind: EventKind.CAPTURE,
      reason: Reason.HOLD_NOT_FOUND,
      ...own(2),
      debitAccountId: ALICE,
      asset: 'EUR',
      originId: idAt(9),
    }),
    event(3, {
      kind: EventKind.RELEASE,
      reason: Reason.HOLD_NOT_FOUND,
      ...own(3),
      debitAccountId: UNKNOWN,
      originId: idAt(9),
    }),
    event(4, {
      kind: EventKind.REVERSAL,
      reason: Reason.TRANSFER_NOT_FOUND,
      ...own(4),
      debitAccountId: UNKNOWN,
      creditAccountId: ALICE,
      amount: 5n,
      asset: 'EUR',
      originId: idAt(9),
    }),
  ]);
});

test('a rejected transfer is one event, also when its account is opened afterwards', async () => {
  const { admin, ledger } = await database();
  const refused = {
    kind: RowKind.transfer,
    reason: Reason.DEBIT_ACCOUNT_NOT_FOUND,
    debit_account: ALICE,
    credit_account: AWAY,
    amount: 5,
  };
  await insertRows(admin, [{ ...refused, seq: 1 }]);
  const page = { account: null, after: 0, through: 1, limit: 100 };
  const before = await readEvents(ledger, 1, page);
  await admin`
    INSERT INTO account VALUES (${ALICE}, 'alice', 'EUR', NULL, NULL, false, NULL, 2, now())`;
  expect(await readEvents(ledger, 1, page)).toEqual(before);
  expect(before).toMatchObject([{ debitAccountId: ALICE, asset: '' }]);
});

test('an event of a transfer to or from another book names the account there', async () => {
  const there = { peer_account: AWAY, peer_book: 2 };
  const { events } = await reading([
    {
      kind: RowKind.transfer,
      amount: 5,
      ...debit(1, 5),
      ...credit(1, 5, TRANSIT),
      ...there,
      channel_number: 1,
    },
    {
      kind: RowKind.return,
      reason: Reason.CREDIT_ACCOUNT_FROZEN,
      amount: 5,
      debit_account: TRANSIT,
      debit_version: 2,
      debit_debits: 5,
      debit_credits: 5,
      ...credit(2, 5, ALICE),
      ...there,
      origin_id: idAt(1),
    },
    {
      kind: RowKind.settlement,
      amount: 9,
      debit_account: TRANSIT,
      debit_version: 3,
      debit_debits: 14,
      debit_credits: 5,
      ...credit(1, 9),
      ...there,
      channel_number: 1,
      origin_id: derivedId('test', 'over there'),
    },
    // What was received is sent back, in part, and comes back again.
    {
      kind: RowKind.reversal,
      amount: 4,
      ...debit(3, 9, 5),
      ...credit(4, 9, TRANSIT),
      ...there,
      channel_number: 2,
      drawn_id: idAt(3),
      drawn_left: 5,
    },
    {
      kind: RowKind.return,
      reason: Reason.CREDIT_ACCOUNT_CLOSED,
      amount: 4,
      ...credit(4, 9, ALICE),
      debit_account: TRANSIT,
      debit_version: 5,
      debit_debits: 18,
      debit_credits: 9,
      ...there,
      origin_id: idAt(4),
      drawn_id: idAt(3),
      drawn_left: 9,
    },
  ]);
  const found = events.map((each) => [
    each.kind,
    each.transferId,
    each.idempotencyKey,
    each.debitAccountId,
    each.creditAccountId,
    each.debitAccount?.accountId,
    each.creditAccount?.accountId,
    each.originId,
    each.left,
  ]);
  const received = derivedId('test', 'over there');
  expect(found).toEqual([
    [EventKind.TRANSFER, idAt(1), idAt(1), ALICE, AWAY, ALICE, TRANSIT, '', 0n],
    [EventKind.RETURN, idAt(1), '', AWAY, ALICE, TRANSIT, ALICE, '', 0n],
    [EventKind.SETTLEMENT, received, '', AWAY, BOB, TRANSIT, BOB, '', 0n],
    [EventKind.REVERSAL, idAt(4), idAt(4), ALICE, AWAY, ALICE, TRANSIT, received, 5n],
    [EventKind.RETURN, idAt(4), '', AWAY, ALICE, TRANSIT, ALICE, received, 9n],
  ]);
});

test('events of holds, groups, changes and assets have their own fields', async () => {
  const hold = { debit_held_debits: 100, credit_held_debits: 0 };
  const { events } = await reading([
    { kind: RowKind.takeOver, reference: '127.0.0.1:1' },
    { kind: RowKind.account, credit_account: ALICE, key: 'alice', metadata: { a: '1' } },
    {
      kind: RowKind.hold,
      amount: 100,
      ...debit(1, 0, 500),
      ...hold,
      ...credit(1, 0),
      debit_held_credits: 0,
      credit_held_credits: 100,
      expires_at: '2026-02-01T00:00:00.123Z',
    },
    {
      kind: RowKind.hold,
      amount: 30,
      ...debit(2, 0, 500),
      debit_held_debits: 130,
      debit_held_credits: 0,
      peer_account: AWAY,
      peer_book: 2,
    },
    {
      kind: RowKind.expiry,
      id: derivedId('expiry', idAt(4)),
      amount: 30,
      ...debit(3, 0, 500),
      ...hold,
      debit_held_credits: 0,
      peer_account: AWAY,
      peer_book: 2,
      drawn_id: idAt(4),
      drawn_left: 0,
    },
    { kind: RowKind.group, key: 'many', reference: 'payroll', options: '{"action":"group"}' },
    {
      kind: RowKind.capture,
      amount: 60,
      ...debit(4, 60, 500),
      ...credit(2, 60),
      debit_held_debits: 40,
      debit_held_credits: 0,
      credit_held_debits: 0,
      credit_held_credits: 40,
      drawn_id: idAt(3),
      drawn_left: 40,
      group_id: idAt(6),
    },
    {
      kind: RowKind.change,
      ...credit(3, 60),
      credit_held_debits: 0,
      credit_held_credits: 40,
      changed_by: 'ops',
      reference: 'fraud',
      options: '{"change":"freeze","freeze":2}',
      account_flags: 1,
    },
    { kind: RowKind.asset, asset: 'ETH', changed_by: 'ops', reference: 'new' },
  ]);
  expect(events[0]).toEqual(event(1, { kind: EventKind.TAKE_OVER, reference: '127.0.0.1:1' }));
  expect(events[1]).toEqual(
    event(2, {
      kind: EventKind.ACCOUNT_OPENED,
      idempotencyKey: 'alice',
      creditAccountId: ALICE,
      asset: 'EUR',
      metadata: { a: '1' },
    }),
  );
  expect(events[2]).toMatchObject({
    debitAccount: { balance: 500n, heldDebits: 100n, heldCredits: 0n, available: 400n },
    creditAccount: { balance: 0n, heldDebits: 0n, heldCredits: 100n, available: 0n },
    expiresAt: timestampFrom((Date.UTC(2026, 1, 1) + 123) * 1000),
    originId: '',
  });
  expect(events[3]).toMatchObject({ creditAccountId: AWAY, creditAccount: undefined });
  expect(events[4]).toMatchObject({
    kind: EventKind.EXPIRY,
    transferId: idAt(4),
    idempotencyKey: '',
    creditAccountId: AWAY,
    originId: idAt(4),
    left: 0n,
  });
  expect(events[5]).toMatchObject({ kind: EventKind.GROUP, idempotencyKey: 'many', asset: '' });
  expect(events[6]).toMatchObject({
    idempotencyKey: '',
    groupId: idAt(6),
    originId: idAt(3),
    left: 40n,
    creditAccount: { accountId: BOB, version: 2n, balance: 60n, heldCredits: 40n },
  });
  expect(events[7]).toMatchObject({
    kind: EventKind.ACCOUNT_CHANGED,
    transferId: idAt(8),
    debitAccountId: 0n,
    creditAccountId: BOB,
    amount: 0n,
    creditAccount: { version: 3n, heldCredits: 40n },
    by: 'ops',
    reference: 'fraud',
  });
  expect(events[8]).toEqual(
    event(9, { kind: EventKind.ASSET_REGISTERED, asset: 'ETH', by: 'ops', reference: 'new' }),
  );
});

test('pages are cut by place and by what is committed, of a book and of an account', async () => {
  const rows = Array.from({ length: 10 }, (_, index) => {
    const version = index + 1;
    // Alice pays and receives by turns, and every third request is rejected.
    if (index % 3 === 2) {
      return { kind: RowKind.transfer, reason: 6, debit_account: ALICE, credit_account: BOB };
    }
    const counted = version - Math.floor(version / 3);
    return index % 2 === 0
      ? { kind: RowKind.transfer, amount: 1, ...debit(counted, counted), ...credit(counted, 1) }
      : {
          kind: RowKind.transfer,
          amount: 1,
          ...debit(counted, counted),
          debit_account: BOB,
          ...credit(counted, counted, ALICE),
        };
  });
  const { ledger, page } = await reading(rows);
  const seqs = async (fields: Partial<EventPage>) =>
    (await readEvents(ledger, 1, { ...page, ...fields })).map((each) => Number(each.position?.seq));
  expect(await seqs({})).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(await seqs({ after: 3, limit: 4 })).toEqual([4, 5, 6, 7]);
  expect(await seqs({ after: 3, through: 5 })).toEqual([4, 5]);
  expect(await seqs({ after: 10 })).toEqual([]);
  expect(await seqs({ account: ALICE })).toEqual([1, 2, 4, 5, 7, 8, 10]);
  expect(await seqs({ account: BOB })).toEqual([1, 2, 4, 5, 7, 8, 10]);
  expect(await seqs({ account: ALICE, after: 2, limit: 3 })).toEqual([4, 5, 7]);
  expect(await seqs({ account: ALICE, after: 2, through: 5 })).toEqual([4, 5]);
  expect(await seqs({ account: UNKNOWN })).toEqual([]);
});
