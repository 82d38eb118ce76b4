import { expect, test } from 'vitest';
import { ChangeAccountRequest, ChangeStatus, Freeze } from '../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import type { AssetOutcome } from '../core/post/command.ts';
import { legId, transferIdOf } from '../core/transfer-id.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { BOOKS, Leading, type LeadOptions, SILENT } from '../testing/database/leading.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import type { ChangeAnswer } from './answers.ts';
import type { DryLeg } from './work.ts';
import { Sweeper } from './sweeper.ts';
import { PostgresDatabase } from '../store/postgres/postgres-store.ts';

const database = testDatabases();

const CASH = accountId(1, 1);
const ALICE = accountId(1, 2);
const AWAY = accountId(2, 1);

/** A book with an account that may be overdrawn and one that may not. */
async function led(options: LeadOptions = {}): Promise<{ opened: TestDatabase; leading: Leading }> {
  const opened = await database();
  const leading = await Leading.over(opened, options);
  await leading.open([
    openRequest({ externalId: 'cash' }),
    openRequest({ externalId: 'alice', min: undefined }),
  ]);
  return { opened, leading };
}

const key = (idempotencyKey: string, fields: Partial<CreateTransferRequest> = {}) =>
  transferRequest({ idempotencyKey, debitAccountId: CASH, creditAccountId: ALICE, ...fields });

const idOf = (idempotencyKey: string) => transferIdOf('', idempotencyKey);

const hold = (name: string, amount: bigint, timeoutSeconds = 0, payee = CASH) =>
  key(name, {
    debitAccountId: ALICE,
    creditAccountId: payee,
    amount,
    action: { $case: 'hold', value: { timeoutSeconds } },
  });

const capture = (name: string, holdKey: string, amount = 0n, final = false) =>
  key(name, {
    debitAccountId: ALICE,
    creditAccountId: 0n,
    amount,
    action: { $case: 'capture', value: { holdId: idOf(holdKey), final } },
  });

function change(leading: Leading, fields: Partial<ChangeAccountRequest>): Promise<ChangeAnswer> {
  const request = ChangeAccountRequest.fromPartial({
    idempotencyKey: 'change',
    accountId: ALICE,
    by: 'sam',
    why: 'a test',
    change: { $case: 'freeze', value: Freeze.OUT },
    ...fields,
  });
  return new Promise((resolve, reject) => {
    const work = { kind: 'change', request, onOutcome: resolve, onFailure: reject } as const;
    if (request.dryRun) leading.leader.submitDry(work);
    else leading.leader.submit(work);
  });
}

function dryRun(
  leading: Leading,
  requests: readonly CreateTransferRequest[],
): Promise<{ results: CreateTransferResponse[]; sent: readonly DryLeg[] }> {
  return new Promise((resolve, reject) => {
    const onOutcome = (results: CreateTransferResponse[], sent: readonly DryLeg[]) =>
      resolve({ results, sent });
    leading.leader.submitDry({ kind: 'dryTransfers', requests, onOutcome, onFailure: reject });
  });
}

const outcomeOf = ({ status, reason, replayed, actualAmount }: CreateTransferResponse) =>
  [status, reason, replayed, actualAmount] as const;

/** Totals of an account as the journal has them. */
async function balanceOf({ admin }: TestDatabase, id: bigint) {
  const [row] = await admin<{ balance: bigint; held: bigint; available: bigint }[]>`
    SELECT balance, held_debits AS held, available FROM balance WHERE account = ${id}`;
  return row === undefined ? [] : [row.balance, row.held, row.available];
}

test('a hold is captured in parts, and survives a take-over in between', async () => {
  const { opened, leading } = await led();
  await leading.transfer([key('fund', { amount: 100n }), hold('hold', 60n)]);
  expect(await balanceOf(opened, ALICE)).toEqual([100n, 60n, 40n]);
  const [first] = await leading.transfer([capture('first', 'hold', 25n)]);
  expect(first).toMatchObject({ status: TransferStatus.POSTED, actualAmount: 0n });
  await leading.stop();

  const second = await Leading.over(opened);
  const [again, tooMuch, rest, gone] = await second.transfer([
    hold('hold', 60n),
    capture('too much', 'hold', 36n),
    capture('rest', 'hold', 30n, true),
    capture('gone', 'hold'),
  ]);
  expect(again).toMatchObject({ status: TransferStatus.HELD, replayed: true });
  expect(tooMuch?.reason).toBe(Reason.HOLD_EXCEEDED);
  expect(rest?.status).toBe(TransferStatus.POSTED);
  expect(gone?.reason).toBe(Reason.HOLD_CAPTURED);
  expect(await balanceOf(opened, ALICE)).toEqual([45n, 0n, 45n]);
  await second.stop();
});

test('a hold expires by the clock of the book, is swept once, and by the next leader too', async () => {
  let passedMs = 0;
  const nowMicros = () => (Date.now() + passedMs) * 1_000;
  const { opened, leading } = await led({ nowMicros });
  await leading.transfer([
    key('fund', { amount: 100n }),
    hold('short', 10n, 60),
    hold('away', 5n, 60, AWAY),
    hold('long', 20n, 3600),
    hold('captured', 30n, 60),
    capture('all', 'captured'),
  ]);
  const store = new PostgresDatabase(opened.ledgerUrl, BOOKS[0]).open(1);
  const sweeper = new Sweeper(store, leading.leader, SILENT);
  const sweeping = sweeper.run();
  expect(await balanceOf(opened, ALICE)).toEqual([70n, 35n, 35n]);
  passedMs = 61_000;
  await expect.poll(() => balanceOf(opened, ALICE)).toEqual([70n, 20n, 50n]);
  sweeper.stop();
  await sweeping;
  const rows = await opened.admin<{ early: boolean; late: boolean }[]>`
    SELECT e.at < h.expires_at AS early, e.at > h.expires_at + interval '50 s' AS late
      FROM journal e JOIN journal h ON h.id = e.drawn_id WHERE e.kind = 9`;
  expect(rows).toEqual([
    { early: false, late: false },
    { early: false, late: false },
  ]);
  const [late] = await leading.transfer([capture('late', 'short')]);
  expect(late?.reason).toBe(Reason.HOLD_EXPIRED);
  await leading.transfer([hold('next', 7n, 60)]);
  await leading.stop();

  // No sweep runs for a while: the hold cannot be captured all the same.
  passedMs = 122_000;
  const second = await Leading.over(opened, { nowMicros });
  const [expired] = await second.transfer([capture('too late', 'next')]);
  expect(expired?.reason).toBe(Reason.HOLD_EXPIRED);
  const after = new Sweeper(store, second.leader, SILENT);
  const sweepingAgain = after.run();
  await expect.poll(() => balanceOf(opened, ALICE)).toEqual([70n, 20n, 50n]);
  after.stop();
  await sweepingAgain;
  await second.stop();
  await store.close(1);
  const expiries = await opened.admin`SELECT 1 FROM journal WHERE kind = 9`;
  expect(expiries).toHaveLength(3);
});

const leg = (debitAccountId: bigint, creditAccountId: bigint, amount: bigint) => ({
  ...transferRequest({ debitAccountId, creditAccountId, amount }),
  action: undefined,
  rest: false,
});

const group = (name: string, legs: ReturnType<typeof leg>[]) =>
  key(name, {
    debitAccountId: 0n,
    creditAccountId: 0n,
    amount: 0n,
    action: { $case: 'group', value: { legs } },
  });

const asReplayed = (response: CreateTransferResponse | undefined) => ({
  ...response,
  replayed: true,
  group: { legs: response?.group?.legs.map((one) => ({ ...one, replayed: true })) },
});

test('a group is all or none, and is answered again as it was', async () => {
  const { opened, leading } = await led();
  const good = group('good', [leg(CASH, ALICE, 10n), leg(ALICE, CASH, 4n), leg(CASH, AWAY, 1n)]);
  const bad = group('bad', [leg(CASH, ALICE, 10n), leg(ALICE, CASH, 999n), leg(CASH, AWAY, 1n)]);
  const first = await leading.transfer([good, bad]);
  expect(first[0]).toMatchObject({ status: TransferStatus.POSTED, reason: 0 });
  expect(first[0]?.group?.legs.map(({ status }) => status)).toEqual([
    TransferStatus.POSTED,
    TransferStatus.POSTED,
    TransferStatus.IN_TRANSIT,
  ]);
  expect(first[1]?.reason).toBe(Reason.INSUFFICIENT_FUNDS);
  expect(first[1]?.group?.legs.map(({ reason }) => reason)).toEqual([
    Reason.GROUP_FAILED,
    Reason.INSUFFICIENT_FUNDS,
    Reason.GROUP_FAILED,
  ]);
  expect(first[1]?.group?.legs[0]?.transferId).toBe(legId(idOf('bad'), 0));
  expect(await balanceOf(opened, ALICE)).toEqual([6n, 0n, 6n]);
  const second = await leading.transfer([good, bad]);
  expect(second).toEqual(first.map(asReplayed));
  const [altered] = await leading.transfer([
    group('good', [leg(CASH, ALICE, 10n), leg(ALICE, CASH, 5n), leg(CASH, AWAY, 1n)]),
  ]);
  expect(altered?.differingField).toBe('group.legs[1].amount');
  await leading.stop();
});

test('the next batch sees the effects of the batch in flight', async () => {
  const { leading } = await led();
  const fund = leading.transfer([key('fund', { amount: 100n })]);
  const held = leading.transfer([hold('hold', 60n)]);
  const captured = leading.transfer([capture('capture', 'hold')]);
  const reversed = leading.transfer([
    key('reverse', {
      debitAccountId: CASH,
      creditAccountId: ALICE,
      amount: 0n,
      action: { $case: 'reversal', value: { transferId: idOf('capture') } },
    }),
  ]);
  const answers = (await Promise.all([fund, held, captured, reversed])).flat().map(outcomeOf);
  expect(answers).toEqual([
    [TransferStatus.POSTED, 0, false, 0n],
    [TransferStatus.HELD, 0, false, 0n],
    [TransferStatus.POSTED, 0, false, 60n],
    [TransferStatus.POSTED, 0, false, 60n],
  ]);
  await leading.stop();
});

test('a change has one outcome for its key, which it shares with transfers', async () => {
  const { opened, leading } = await led();
  await leading.transfer([key('fund', { amount: 100n })]);
  const first = await change(leading, {});
  expect(first).toMatchObject({ status: ChangeStatus.APPLIED, replayed: false });
  expect(await change(leading, {})).toEqual({ ...first, replayed: true });
  expect(await change(leading, { why: 'another' })).toMatchObject({
    reason: Reason.IDEMPOTENCY_KEY_REUSED,
    differingField: 'why',
  });
  expect(await change(leading, { idempotencyKey: 'fund' })).toMatchObject({
    reason: Reason.IDEMPOTENCY_KEY_REUSED,
    differingField: 'kind',
  });
  const [asTransfer, frozen] = await leading.transfer([
    key('change'),
    key('frozen', { debitAccountId: ALICE, creditAccountId: CASH }),
  ]);
  expect(asTransfer).toMatchObject({ differingField: 'kind', reason: 1 });
  expect(frozen?.reason).toBe(Reason.DEBIT_ACCOUNT_FROZEN);
  await leading.stop();
  const second = await Leading.over(opened);
  const [still, inTheSameBatch] = await Promise.all([
    second.transfer([key('still', { debitAccountId: ALICE, creditAccountId: CASH })]),
    change(second, { idempotencyKey: 'both', change: { $case: 'close', value: {} } }),
    second.transfer([key('both')]),
  ]);
  expect(still[0]?.reason).toBe(Reason.DEBIT_ACCOUNT_FROZEN);
  expect(inTheSameBatch.reason).toBe(Reason.BALANCE_NOT_ZERO);
  await second.stop();
});

function register(leading: Leading, asset: string, scale: number): Promise<AssetOutcome> {
  const request = { asset, scale, by: 'sam', why: 'a test', dryRun: false };
  return new Promise((resolve, reject) => {
    leading.leader.submit({ kind: 'asset', request, onOutcome: resolve, onFailure: reject });
  });
}

test('an asset has one scale, also after a take-over', async () => {
  const { opened, leading } = await led();
  const points = openRequest({ externalId: 'points', asset: 'POINTS' });
  const [refused] = await leading.open([points]);
  expect(refused).toMatchObject({ account: undefined, reason: Reason.ASSET_NOT_REGISTERED });
  expect(await register(leading, 'POINTS', 3)).toMatchObject({ scale: 3, registered: true });
  expect(await register(leading, 'POINTS', 2)).toMatchObject({ scale: 3, registered: false });
  expect(await register(leading, 'EUR', 3)).toMatchObject({ scale: 2, registered: false });
  const [account] = await leading.open([points]);
  expect(account?.account).toMatchObject({ asset: 'POINTS' });
  await leading.stop();
  const second = await Leading.over(opened);
  expect(await register(second, 'POINTS', 3)).toMatchObject({ registered: false });
  const [wrong] = await second.open([openRequest({ externalId: 'wrong', asset: 'POINTS/2' })]);
  expect(wrong?.reason).toBe(Reason.SCALE_MISMATCH);
  await second.stop();
});

test('a dry run answers what the real one then answers, and writes nothing', async () => {
  const { opened, leading } = await led();
  const story = [
    key('fund', { amount: 100n }),
    hold('hold', 60n, 100),
    capture('part', 'hold', 10n),
    capture('away', 'hold', 51n),
    group('group', [leg(CASH, ALICE, 1n), leg(ALICE, AWAY, 2n)]),
    key('away transfer', { creditAccountId: AWAY, amount: 3n }),
    key('up to', { debitAccountId: ALICE, creditAccountId: CASH, amount: 999n, upTo: 1 }),
    key('poor', { debitAccountId: ALICE, creditAccountId: CASH, amount: 999n }),
    key('fund', { amount: 101n }),
  ];
  const before = await opened.admin`SELECT * FROM journal`;
  const dry = await dryRun(leading, story);
  expect(dry.sent.map(({ index, peerBook, leg: sent }) => [index, peerBook, sent.amount])).toEqual([
    [5, 2, 3n],
  ]);
  const dryChange = await change(leading, { dryRun: true });
  expect(await opened.admin`SELECT * FROM journal`).toEqual(before);
  const real = await leading.transfer(story);
  const timeless = (response: CreateTransferResponse): unknown => ({
    ...response,
    decidedAt: undefined,
    expiresAt: response.expiresAt === undefined ? undefined : 'set',
    group: response.group?.legs.map(timeless),
  });
  expect(dry.results.map(timeless)).toEqual(real.map(timeless));
  const realChange = await change(leading, {});
  expect([dryChange.status, dryChange.reason]).toEqual([realChange.status, realChange.reason]);
  // Now that the keys are used, a dry run is answered as a retry is.
  const again = await dryRun(leading, story);
  expect(again.results.map(({ replayed }) => replayed)).toEqual(
    (await leading.transfer(story)).map(({ replayed }) => replayed),
  );
  await leading.stop();
});

test('a leader proves that it leads by a commit that writes no row', async () => {
  const { opened, leading } = await led();
  const { seq } = leading.leader.memory;
  await leading.leader.proveLeading();
  expect(leading.leader.memory.seq).toBe(seq);
  const second = await Leading.over(opened);
  await expect(leading.leader.proveLeading()).rejects.toMatchObject({ code: 'not_leader' });
  await second.leader.proveLeading();
  await second.stop();
  await leading.stop();
});
