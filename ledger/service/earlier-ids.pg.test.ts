import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { ChangeAccountRequest, ChangeStatus, Freeze } from '../../proto/gen/meridian/v1/account.ts';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  GetTransferRequest,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { derivedId, transferIdOf } from '../core/transfer-id.ts';
import type { ChangeAnswer } from '../leader/answers.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { simBooks } from '../testing/books/sim-book.ts';
import { BOOKS, Leading } from '../testing/database/leading.ts';
import { storeBook } from '../testing/database/random-books.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { LongReads } from './long-reads.ts';
import { TransferReads } from './transfer-reads.ts';
import { PostgresStore } from '../store/postgres/postgres-store.ts';

const database = testDatabases();
const [BOOK] = BOOKS;
const CASH = accountId(1, 1);
const ALICE = accountId(1, 2);

const V8 = '0193A1B2-C3D4-8E5F-8A6B-7C8D9E0F1A2B';
const GROUP_V8 = '0193A1B2-C3D4-8E5F-8A6B-7C8D9E0F1A2C';
const CHANGE_V8 = '0193A1B2-C3D4-8E5F-8A6B-7C8D9E0F1A2D';
const NEW_V8 = '0193A1B2-C3D4-8E5F-8A6B-7C8D9E0F1A2E';
const V7 = '0193A1B2-C3D4-7E5F-8A6B-7C8D9E0F1A2F';

const key = (idempotencyKey: string, fields: Partial<CreateTransferRequest> = {}) =>
  transferRequest({ idempotencyKey, debitAccountId: CASH, creditAccountId: ALICE, ...fields });

const PLAIN = key(V8, { amount: 10n });
const NAMESPACED = key(V7, { namespace: 'shop', amount: 20n });
const LEG = Leg.fromPartial({ debitAccountId: CASH, creditAccountId: ALICE, amount: 40n });
const GROUP = key(GROUP_V8, {
  debitAccountId: 0n,
  creditAccountId: 0n,
  amount: 0n,
  action: { $case: 'group', value: { legs: [LEG, LEG] } },
});
const CHANGE = ChangeAccountRequest.fromPartial({
  idempotencyKey: CHANGE_V8,
  accountId: CASH,
  by: 'sam',
  why: 'a test',
  change: { $case: 'freeze', value: Freeze.IN },
});

/** The id of a UUID that is hashed, as the release before this rule made it. */
const oldId = ({ namespace, idempotencyKey }: { namespace: string; idempotencyKey: string }) =>
  derivedId('transfer', namespace, idempotencyKey);

const NOT_DECIDED = { status: TransferStatus.POSTED, replayed: false };

let opened: TestDatabase;
let leading: Leading;

/** A book whose requests the release before this rule has decided, led by this one. */
beforeEach(async () => {
  const [book] = simBooks(2);
  if (book === undefined) throw new Error('there is a book');
  for (const externalId of ['cash', 'alice']) book.open(openRequest({ externalId }));
  book.flush();
  const asked = [PLAIN, NAMESPACED, GROUP, CHANGE];
  for (const request of [PLAIN, NAMESPACED, GROUP]) book.transfer(oldId(request), request);
  book.add({ kind: 'change', id: oldId(CHANGE), request: CHANGE });
  book.flush();
  const typed = new Map(asked.map((request) => [oldId(request), request.idempotencyKey]));
  // That release stored keys as they were typed, too.
  const batches = book.batches.map(({ rows, ...batch }) => {
    return { ...batch, rows: rows.map((row) => ({ ...row, key: typed.get(row.id) ?? row.key })) };
  });
  book.batches.splice(0, batches.length, ...batches);
  opened = await database();
  await storeBook(opened, book, BOOK);
  leading = await Leading.over(opened);
  onTestFinished(() => leading.stop());
});

const moved = async () => {
  const [row] = await opened.admin<{ credits: bigint }[]>`
    SELECT credits FROM balance WHERE account = ${ALICE}`;
  return row?.credits;
};

function change(fields: Partial<ChangeAccountRequest>): Promise<ChangeAnswer> {
  const request = { ...CHANGE, ...fields };
  return new Promise((resolve, reject) => {
    leading.leader.submit({ kind: 'change', request, onOutcome: resolve, onFailure: reject });
  });
}

function dryRun(requests: readonly CreateTransferRequest[]): Promise<CreateTransferResponse[]> {
  return new Promise((resolve, reject) => {
    const kind = 'dryTransfers';
    leading.leader.submitDry({ kind, requests, onOutcome: resolve, onFailure: reject });
  });
}

test('keys decided under the id of their case keep their outcome', async () => {
  const requests = [PLAIN, NAMESPACED, GROUP];
  const expected = requests.map((request) => {
    return { transferId: oldId(request), status: TransferStatus.POSTED, replayed: true };
  });
  expect(await dryRun(requests)).toMatchObject(expected);
  const first = await leading.transfer(requests);
  expect(first).toMatchObject(expected);
  expect(await leading.transfer(requests)).toEqual(first);
  expect(first[2]?.group?.legs).toHaveLength(2);
  expect(await leading.transfer([{ ...PLAIN, amount: 11n }])).toMatchObject([
    { transferId: oldId(PLAIN), differingField: 'amount', replayed: false },
  ]);
  expect(await moved()).toBe(110n);
});

test('changes decided under the id of their case keep their outcome', async () => {
  const again = { changeId: oldId(CHANGE), status: ChangeStatus.APPLIED, replayed: true };
  expect(await change({})).toMatchObject(again);
  expect(await change({ why: 'another' })).toMatchObject({ differingField: 'why' });
  expect(await change({ idempotencyKey: V8 })).toMatchObject({ differingField: 'kind' });
  expect(await leading.transfer([key(CHANGE_V8)])).toMatchObject([{ differingField: 'kind' }]);
  expect(await moved()).toBe(110n);
});

test('a key in another case was another key, and from now on is the same key', async () => {
  const lower = { ...PLAIN, idempotencyKey: V8.toLowerCase() };
  const mixed = { ...PLAIN, idempotencyKey: V8.replace('A', 'a') };
  const [posted, repeated] = await leading.transfer([lower, mixed]);
  expect(posted).toMatchObject({ ...NOT_DECIDED, transferId: transferIdOf('', V8) });
  expect(repeated).toEqual({ ...posted, replayed: true });
  const [old] = await leading.transfer([PLAIN]);
  expect(old).toMatchObject({ transferId: oldId(PLAIN), replayed: true });
  expect(await moved()).toBe(120n);
});

test.each([
  [NEW_V8, ''],
  [NEW_V8, 'shop'],
  [V7, 'other'],
])('a new key is one in every case: %s in "%s"', async (idempotencyKey, namespace) => {
  const upper = key(idempotencyKey, { namespace });
  const lower = { ...upper, idempotencyKey: idempotencyKey.toLowerCase() };
  const [first] = await leading.transfer([upper]);
  expect(first).toMatchObject({ ...NOT_DECIDED, transferId: oldId(lower) });
  expect(await leading.transfer([lower, upper])).toEqual([
    { ...first, replayed: true },
    { ...first, replayed: true },
  ]);
  expect(await dryRun([lower])).toMatchObject([{ replayed: true }]);
  expect(await change({ ...lower, accountId: ALICE })).toMatchObject({ differingField: 'kind' });
  const [row] = await opened.admin`SELECT key FROM journal WHERE id = ${oldId(lower)}`;
  expect(row).toEqual({ key: lower.idempotencyKey });
});

test('a new key of a change is one in every case', async () => {
  const fields = { change: { $case: 'freeze', value: Freeze.BOTH } } as const;
  const first = await change({ ...fields, idempotencyKey: NEW_V8 });
  expect(first).toMatchObject({ status: ChangeStatus.APPLIED, replayed: false });
  const again = await change({ ...fields, idempotencyKey: NEW_V8.toLowerCase() });
  expect(again).toEqual({ ...first, replayed: true });
});

const by = (value: string, namespace = '') =>
  GetTransferRequest.fromPartial({ by: { $case: 'idempotencyKey', value }, namespace });

test('look-ups find a key under either id', async () => {
  const [posted] = await leading.transfer([key(NEW_V8)]);
  const config = { book: BOOK, books: [BOOK], address: 'a:1', replicated: false };
  const store = new PostgresStore(opened.ledger, BOOK);
  const member = { store, config, leader: leading.leader };
  const reads = new TransferReads(member, new LongReads(store));
  const wanted = [
    by(V8),
    by(V8.toLowerCase()),
    by(V7, 'shop'),
    by(GROUP_V8),
    by(NEW_V8),
    by(NEW_V8.toLowerCase()),
  ];
  const { transfers } = await reads.getMany({ transfers: wanted, options: undefined });
  expect(transfers.map(({ transfer }) => transfer?.transferId)).toEqual([
    oldId(PLAIN),
    undefined,
    oldId(NAMESPACED),
    oldId(GROUP),
    posted?.transferId,
    posted?.transferId,
  ]);
  expect(transfers[4]?.transfer?.idempotencyKey).toBe(NEW_V8.toLowerCase());
  const alone = await reads.get(by(V8));
  expect(alone.transfer?.transferId).toBe(oldId(PLAIN));
});
