import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { Freeze, GetAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { EventKind } from '../../proto/gen/meridian/v1/event.ts';
import { ReadLevel, ReadOptions } from '../../proto/gen/meridian/v1/position.ts';
import {
  type Entry,
  Filter,
  GetStatementRequest,
  ListEntriesRequest,
  ListTransfersRequest,
  Side,
} from '../../proto/gen/meridian/v1/query.ts';
import { GetTransferRequest, type Transfer } from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import { compareTimestamps, timestampFrom } from '../core/timestamp.ts';
import { reasonOf } from '../rpc/error.ts';
import type { SimBook } from '../testing/books/sim-book.ts';
import { Leading } from '../testing/database/leading.ts';
import { RANDOM_ACCOUNTS, randomFrom } from '../testing/database/random-books.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { AccountReads } from './account-reads.ts';
import { EntryReads } from './entry-reads.ts';
import {
  ALICE,
  BOB,
  BOOK,
  errorOf,
  readFixtures,
  readsOf,
} from '../testing/database/read-fixture.ts';

const { fixture } = readFixtures();

const anyAccount = (fields: Partial<GetAccountRequest> = {}) =>
  GetAccountRequest.fromPartial({ id: ALICE, ...fields });

async function allEntries(reads: EntryReads, account: bigint): Promise<Entry[]> {
  const entries: Entry[] = [];
  let pageToken = '';
  do {
    const request = { accountId: account, pageSize: 40, pageToken };
    const page = await reads.list(ListEntriesRequest.fromPartial(request));
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return entries;
}

/** All pages of a statement; between any two of them `meanwhile` happens. */
async function statement(
  reads: EntryReads,
  fields: Partial<GetStatementRequest>,
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
) {
  const first = await reads.statement(
    GetStatementRequest.fromPartial({ accountId: ALICE, ...fields }),
  );
  const entries = [...first.entries];
  let page = first;
  while (page.nextPageToken !== '') {
    await meanwhile();
    const request = { accountId: ALICE, ...fields, pageToken: page.nextPageToken };
    page = await reads.statement(GetStatementRequest.fromPartial(request));
    entries.push(...page.entries);
    const { opening, closing, debits, credits } = page;
    expect({ opening, closing, debits, credits }).toEqual({
      opening: first.opening,
      closing: first.closing,
      debits: first.debits,
      credits: first.credits,
    });
  }
  return { ...first, entries };
}

const MOVING: ReadonlySet<EventKind> = new Set<EventKind>([
  EventKind.TRANSFER,
  EventKind.SETTLEMENT,
  EventKind.RETURN,
  EventKind.CAPTURE,
  EventKind.REVERSAL,
]);

const sum = (amounts: readonly bigint[]) => amounts.reduce((a, b) => a + b, 0n);

/** How an entry is named, and what it names, by the row that it is of. */
function namesOf({ kind, position }: Entry, { rows }: SimBook): Partial<Entry> {
  const row = must(rows[Number(position?.seq) - 1], 'an entry has a row');
  const drawn = rows.find(({ id }) => id === row.details?.drawn?.id);
  const transferId = row.originId ?? row.id;
  if (kind === EventKind.ACCOUNT_CHANGED) {
    return { transferId, side: Side.UNSPECIFIED, by: 'ops' };
  }
  if (kind === EventKind.EXPIRY) return { transferId: drawn?.id ?? '', originId: drawn?.id ?? '' };
  // Not the row that settled it here, but the transfer as its payer made it.
  if (kind === EventKind.REVERSAL) return { originId: drawn?.originId ?? drawn?.id ?? '' };
  return { transferId };
}

test('entries of an account are its versions, each with what changed it', async () => {
  const { entries: reads, book } = await fixture(800);
  const seen = new Set<EventKind>();
  for (let number = 1; number <= RANDOM_ACCOUNTS; number += 1) {
    const entries = await allEntries(reads, accountId(1, number));
    expect(entries.map(({ version }) => version)).toEqual(entries.map((_, at) => BigInt(at + 1)));
    let balance = 0n;
    for (const entry of entries) {
      const row = book.rows[Number(entry.position?.seq) - 1];
      const moved = MOVING.has(entry.kind) ? entry.amount : 0n;
      balance += entry.side === Side.DEBIT ? -moved : moved;
      expect(entry).toMatchObject({
        kind: row?.kind,
        amount: row?.amount ?? 0n,
        balanceAfter: balance,
        availableAfter: balance - entry.heldDebitsAfter,
        groupId: row?.details?.groupId ?? '',
        by: row?.details?.by ?? '',
        reference: row?.reference,
      });
      expect(entry).toMatchObject(namesOf(entry, book));
      seen.add(entry.kind);
    }
  }
  expect([...seen].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 6, 7, 8, 9, 10, 12]);
});

test('a statement explains how its closing balance follows from its opening balance', async () => {
  const { entries: reads, book } = await fixture(400);
  const all = await allEntries(reads, ALICE);
  const pick = randomFrom(3);
  const time = () =>
    timestampFrom((book.rows[pick(book.rows.length)]?.atMicros ?? 0) + pick(3) - 1);
  for (let run = 0; run < 40; run += 1) {
    const [from, to] = [time(), time()].toSorted(compareTimestamps);
    const period = { from: pick(6) === 0 ? undefined : from, to: pick(6) === 0 ? undefined : to };
    const forward = await statement(reads, { ...period, pageSize: 1 + pick(40) });
    const backward = await statement(reads, {
      ...period,
      newestFirst: true,
      pageSize: 1 + pick(40),
    });
    expect({ ...backward, entries: backward.entries.toReversed(), nextPageToken: '' }).toEqual({
      ...forward,
      nextPageToken: '',
    });
    const within = all.filter(
      ({ postedAt }) =>
        postedAt !== undefined &&
        (period.from === undefined || compareTimestamps(postedAt, period.from) >= 0) &&
        (period.to === undefined || compareTimestamps(postedAt, period.to) < 0),
    );
    expect(forward.entries).toEqual(within.filter(({ kind }) => MOVING.has(kind)));
    const moved = (side: Side) =>
      sum(forward.entries.filter((entry) => entry.side === side).map(({ amount }) => amount));
    const { opening, closing, debits, credits } = forward;
    expect([debits, credits]).toEqual([moved(Side.DEBIT), moved(Side.CREDIT)]);
    expect((closing?.balance ?? 0n) - (opening?.balance ?? 0n)).toBe(credits - debits);
    expect((closing?.version ?? 0n) - (opening?.version ?? 0n)).toBe(BigInt(within.length));
  }
});

test('what is posted while a statement is read does not move its pages', async () => {
  const { entries: reads, leading } = await fixture(120);
  const undisturbed = await statement(reads, { pageSize: 1000 });
  let keys = 0;
  const disturb = () => {
    keys += 1;
    return leading.transfer([transferRequest({ idempotencyKey: `meanwhile ${keys}` })]);
  };
  const disturbed = await statement(reads, { pageSize: 3 }, disturb);
  expect(keys).toBeGreaterThan(3);
  expect(disturbed.entries).toEqual(undisturbed.entries);
  expect(disturbed.closing).toEqual(undisturbed.closing);
  const later = await statement(reads, { pageSize: 1000, newestFirst: true });
  expect(later.entries.length).toBeGreaterThan(undisturbed.entries.length);
});

test('a statement of an account, or of a time, without entries is empty', async () => {
  const { entries: reads, leading, book } = await fixture(60);
  const [opened] = await leading.open([openRequest({ externalId: 'new' })]);
  const id = opened?.account?.id ?? 0n;
  const nothing = { version: 0n, debits: 0n, credits: 0n, balance: 0n, available: 0n };
  expect(await statement(reads, { accountId: id })).toMatchObject({
    opening: { accountId: id, ...nothing },
    closing: { accountId: id, ...nothing },
    entries: [],
    debits: 0n,
  });
  const before = timestampFrom((book.rows[0]?.atMicros ?? 0) - 5);
  expect(await statement(reads, { to: before })).toMatchObject({ closing: nothing, entries: [] });
  const same = await statement(reads, { from: before, to: before });
  expect(same).toMatchObject({ opening: nothing, closing: nothing, entries: [] });
  const future = await statement(reads, { from: timestampFrom(2e15) });
  expect(future.opening).toEqual(future.closing);
  expect(future.opening?.version).toBeGreaterThan(0n);
  const failure = await errorOf(statement(reads, { accountId: accountId(1, 99) }));
  expect(failure.code).toBe(status.NOT_FOUND);
});

test('an account can be read as of a past time or place', async () => {
  const { accounts, leading } = await fixture(60);
  const end = BigInt(leading.leader.memory.seq);
  const now = await accounts.get(anyAccount());
  expect(now.account).toMatchObject({ freeze: Freeze.NONE, closed: false, scale: 2 });
  const asOf = (value: bigint) => anyAccount({ asOf: { $case: 'asOfSeq', value } });
  expect(await accounts.get(asOf(end))).toEqual(now);
  const future = { $case: 'asOfTime' as const, value: timestampFrom(Date.now() * 1000 + 9e15) };
  expect(await accounts.get(anyAccount({ asOf: future }))).toEqual(now);
  const failure = async (request: GetAccountRequest) => {
    const { code, message } = await errorOf(accounts.get(request));
    return [code, message];
  };
  expect(await failure(asOf(0n))).toEqual([status.NOT_FOUND, `there was no account ${ALICE}`]);
  expect(await failure(asOf(-1n))).toEqual([
    status.INVALID_ARGUMENT,
    'as_of_seq must not be negative',
  ]);
  expect(await failure(asOf(end + 1n))).toEqual([
    status.UNAVAILABLE,
    `eu-west-1 is at ${end} and has not reached ${end + 1n} yet`,
  ]);
  const early = { $case: 'asOfTime' as const, value: timestampFrom(0) };
  expect(await failure(anyAccount({ asOf: early }))).toEqual([
    status.NOT_FOUND,
    `there was no account ${ALICE}`,
  ]);
  const wrong = { $case: 'asOfTime' as const, value: { seconds: 2n ** 60n, nanos: 0 } };
  expect(await failure(anyAccount({ asOf: wrong }))).toEqual([
    status.INVALID_ARGUMENT,
    'as_of_time must be a time in the years 1 to 9999',
  ]);
});

const byId = (value: string) =>
  GetTransferRequest.fromPartial({ by: { $case: 'transferId', value } });

test('accounts and transfers are read many at once, in the order asked', async () => {
  const { accounts, transfers, book } = await fixture(80);
  const unknown = accountId(1, 99);
  const many = await accounts.getMany({ ids: [BOB, unknown, ALICE, BOB], options: undefined });
  expect(many.accounts.map(({ id }) => id)).toEqual([BOB, ALICE, BOB]);
  expect(many.missing).toEqual([unknown]);
  const group = book.rows.find(({ kind, reason }) => kind === 11 && reason === 0)?.id ?? '';
  const leg = book.rows.find(({ details }) => details?.groupId === group)?.id ?? '';
  const request = {
    transfers: [
      byId(leg),
      GetTransferRequest.fromPartial({ by: { $case: 'idempotencyKey', value: 'never' } }),
      byId(group),
      byId(leg),
    ],
    options: undefined,
  };
  const found = await transfers.getMany(request);
  const ids = found.transfers.map(({ transfer }) => transfer?.transferId ?? '');
  expect(ids).toEqual([leg, '', group, leg]);
  expect(found.transfers.map((each) => each.found)).toEqual([true, false, true, true]);
  expect(found.transfers[2]?.transfer?.legs[0]).toEqual(found.transfers[0]?.transfer);
  for (const [index, each] of request.transfers.entries()) {
    const { found: isFound, transfer } = await transfers.get(each);
    expect({ found: isFound, transfer, positions: [] }).toEqual(found.transfers[index]);
  }
  const none = await errorOf(transfers.getMany({ transfers: [], options: undefined }));
  expect(none.message).toBe('transfers must have 1 to 1000 items, not 0');
});

test('transfers posted after the first page are in no page, and a full last page is the last', async () => {
  const { accounts, transfers, entries, leading } = await fixture(60);
  const scope = { $case: 'book' as const, value: BOOK.name };
  const post = (idempotencyKey: string) => leading.transfer([transferRequest({ idempotencyKey })]);
  const listTransfers = async (fields: Partial<ListTransfersRequest>) => {
    const { transfers: items, nextPageToken } = await transfers.list(
      ListTransfersRequest.fromPartial({ scope, ...fields }),
    );
    return { items: items.map(({ transferId }) => transferId), nextPageToken };
  };
  const listEntries = async (fields: Partial<ListEntriesRequest>) => {
    const { entries: items, nextPageToken } = await entries.list(
      ListEntriesRequest.fromPartial({ accountId: ALICE, ...fields }),
    );
    return { items: items.map(({ version }) => String(version)), nextPageToken };
  };
  const listStatement = async (fields: Partial<GetStatementRequest>) => {
    const { entries: items, nextPageToken } = await entries.statement(
      GetStatementRequest.fromPartial({ accountId: ALICE, ...fields }),
    );
    return { items: items.map(({ version }) => String(version)), nextPageToken };
  };
  const listAccounts = async ({ pageSize = 0, pageToken = '' }) => {
    const request = { homeRegion: BOOK.region, pageSize, pageToken };
    const { accounts: items, nextPageToken } = await accounts.list(request);
    return { items: items.map(({ id }) => String(id)), nextPageToken };
  };
  const lists = [listTransfers, listEntries, listStatement, listAccounts];
  const tokens: string[] = [];
  for (const [index, list] of lists.entries()) {
    const whole = await list({ pageSize: 1000 });
    const { length } = whole.items;
    expect(length).toBeGreaterThan(2);
    expect(whole.nextPageToken).toBe('');
    expect(await list({ pageSize: length })).toEqual(whole);
    const first = await list({ pageSize: length - 1 });
    await post(`after the first page ${index}`);
    const second = await list({ pageSize: length, pageToken: first.nextPageToken });
    expect([...first.items, ...second.items]).toEqual(whole.items);
    expect(second.nextPageToken).toBe('');
    tokens.push(first.nextPageToken);
  }
  for (const [index, list] of lists.entries()) {
    for (const pageToken of tokens.toSpliced(index, 1)) {
      expect((await errorOf(list({ pageToken }))).message).toMatch(/^page_token /u);
    }
  }
  const ofBob = errorOf(listEntries({ accountId: BOB, pageToken: tokens[1] ?? '' }));
  expect((await ofBob).message).toBe('page_token is the token of another query');
});

test('transfers are listed in pages that join', async () => {
  const { transfers } = await fixture(150);
  const list = async (fields: Partial<ListTransfersRequest>) => {
    const listed: Transfer[] = [];
    let pageToken = '';
    do {
      const page = await transfers.list(ListTransfersRequest.fromPartial({ ...fields, pageToken }));
      listed.push(...page.transfers);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return listed;
  };
  const scope = { $case: 'book' as const, value: BOOK.name };
  const all = await list({ scope, pageSize: 1000 });
  expect(await list({ scope, pageSize: 7 })).toEqual(all);
  expect(await list({ scope, pageSize: 7, newestFirst: true })).toEqual(all.toReversed());
  const ofBob = { scope: { $case: 'accountId' as const, value: BOB }, pageSize: 3 };
  expect(await list(ofBob)).toEqual(
    all.filter(({ debitAccountId: a, creditAccountId: b }) => a === BOB || b === BOB),
  );
  const unknown = { $case: 'accountId' as const, value: accountId(1, 99) };
  expect((await errorOf(list({ scope: unknown }))).code).toBe(status.NOT_FOUND);
  const filter: Filter = { test: { $case: 'code', value: -1 } };
  expect((await errorOf(list({ scope, filter }))).message).toBe('filter.code must not be negative');
});

const seqOf = async (reads: AccountReads, options: Partial<ReadOptions>) => {
  const request = anyAccount({ options: ReadOptions.fromPartial(options) });
  return (await reads.get(request)).position?.seq;
};

test('a read is answered at the requested level', async () => {
  const { accounts, member, opened, leading } = await fixture(20);
  const end = BigInt(leading.leader.memory.seq);
  for (const level of [0, 1, 2, 3] as const) expect(await seqOf(accounts, { level })).toBe(end);
  const behind = { minPosition: { book: 1, epoch: 1n, seq: end + 1n } };
  const failure = await errorOf(seqOf(accounts, behind));
  expect([failure.code, reasonOf(failure)]).toEqual([status.UNAVAILABLE, 'BEHIND']);
  expect(await seqOf(accounts, { minPosition: { ...behind.minPosition, book: 2 } })).toBe(end);
  const standby = readsOf({ ...member, leader: undefined }).accounts;
  expect(await seqOf(standby, { level: ReadLevel.STALE })).toBe(end);
  expect(reasonOf(await errorOf(seqOf(standby, { level: ReadLevel.LEADER })))).toBe('NOT_LEADER');
  const unknown = ReadOptions.decode(Uint8Array.of(1 << 3, 9));
  expect((await errorOf(seqOf(accounts, unknown))).message).toBe(
    'options.level 9 is not a read level',
  );
  // Another leader takes over: the old one may still answer, but cannot prove anything.
  const other = await Leading.over(opened, { address: '127.0.0.1:2' });
  onTestFinished(() => other.stop());
  const deposed = await errorOf(seqOf(accounts, { level: ReadLevel.LINEARIZABLE }));
  expect(deposed.code).toBe(status.ABORTED);
});

test('a read waits for a leader that does not show yet what a copy has shown', async () => {
  const { accounts, leading } = await fixture(20);
  const waits = async () => {
    const next = BigInt(leading.leader.memory.seq) + 1n;
    const options = ReadOptions.fromPartial({ minPosition: { book: 1, epoch: 1n, seq: next } });
    const reads = [
      accounts.get(anyAccount({ options })),
      accounts.get(anyAccount({ asOf: { $case: 'asOfSeq', value: next } })),
      accounts
        .getMany({ ids: [ALICE], options })
        .then(({ positions: [position] }) => ({ position })),
    ].map((read) => read.then(({ position }) => position?.seq, reasonOf));
    await sleep(60);
    await leading.open([openRequest({ externalId: `one more ${next}` })]);
    return (await Promise.all(reads)).every((seq) => seq === next);
  };
  // On a busy machine the row does not arrive in time at every try.
  await expect.poll(waits).toBe(true);
});
