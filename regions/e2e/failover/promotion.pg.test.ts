import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { accountId } from '../../../ledger/core/account-id.ts';
import { behindAt, reasonOf, type RpcError } from '../../../ledger/rpc/error.ts';
import { EntryReads } from '../../../ledger/service/entry-reads.ts';
import { LongReads } from '../../../ledger/service/long-reads.ts';
import { TransferReads } from '../../../ledger/service/transfer-reads.ts';
import { connect } from '../../../ledger/store/postgres/connect.ts';
import { transferRequest } from '../../../ledger/testing/books/book-requests.ts';
import { ReadLevel } from '../../../proto/gen/meridian/v1/position.ts';
import {
  GetStatementRequest,
  ListEntriesRequest,
  ListTransfersRequest,
} from '../../../proto/gen/meridian/v1/query.ts';
import { GetTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { ReplicatedPair, setStandbys } from '../../testing/replicated-pair.ts';
import { TestMember } from '../../testing/test-member.ts';

/** A member next to a standby: what it answers, and what it does when its Postgres is promoted. */

const ALICE = accountId(1, 1);
const stale = { level: ReadLevel.STALE, minPosition: undefined };

let pair: ReplicatedPair;
let failed = false;
beforeAll(async () => {
  pair = await ReplicatedPair.start();
});
afterAll(() => pair.stop(failed));

const cleanUp: (() => unknown)[] = [];
afterEach(async ({ task }) => {
  failed ||= task.result?.state === 'fail';
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

function start(url: string, address: string, answerMs?: number): TestMember {
  const member = new TestMember(url, address, answerMs);
  cleanUp.push(() => member.stop());
  return member;
}

/** A leader next to the first server and a member next to the second. */
async function twoMembers(answerMs?: number) {
  const book = await pair.newBook();
  const first = start(book.first.ledgerUrl, 'first:1', answerMs);
  await expect.poll(() => first.leading).toBe(true);
  await first.openTwo();
  const [posted] = await first.transfer(transferRequest({ amount: 9n }));
  const second = start(book.second.ledgerUrl, 'second:1', answerMs);
  const seq = posted?.position?.seq ?? 0n;
  await expect.poll(() => second.stale(ALICE, seq)).toBeDefined();
  return { book, first, second, seq };
}

/** The same, but the second's replica has all rows and shows no new ones until `resume`. */
async function twoMembersApart() {
  const { book, first, second, seq } = await twoMembers();
  const admin = connect(book.second.adminUrl, 1);
  cleanUp.push(() => admin.end({ timeout: 1 }));
  const pause = () => admin`SELECT pg_wal_replay_pause()`;
  await pause();
  const resume = () => admin`SELECT pg_wal_replay_resume()`;
  cleanUp.push(resume);
  return { first, second, seq, pause, resume };
}

const errorOf = (failing: Promise<unknown>): Promise<RpcError> =>
  failing.then(
    () => {
      throw new Error('it does not fail');
    },
    (error: RpcError) => error,
  );

test('next to a standby every read is answered at the level STALE and at no other', async () => {
  const { second, seq } = await twoMembers();
  const { account, position } = await second.stale(ALICE, seq);
  expect(account).toMatchObject({ debits: 9n });
  expect(position).toEqual({ book: 1, epoch: 1n, seq });
  const { LEADER, LINEARIZABLE, UNSPECIFIED } = ReadLevel;
  for (const level of [LEADER, LINEARIZABLE, UNSPECIFIED]) {
    const options = { level, minPosition: undefined };
    const read = second.accounts.get({ id: ALICE, asOf: undefined, options });
    expect(reasonOf(await errorOf(read))).toBe('NOT_LEADER');
  }
  const { accounts, member } = second;
  const longReads = new LongReads(member.store);
  const transfers = new TransferReads(member, longReads);
  const entries = new EntryReads(member, longReads);
  const many = await accounts.getMany({ ids: [ALICE, accountId(1, 9)], options: stale });
  expect(many.accounts.map(({ id }) => id)).toEqual([ALICE]);
  const asOf = { $case: 'asOfSeq' as const, value: seq - 1n };
  const before = await accounts.get({ id: ALICE, asOf, options: stale });
  expect(before.account?.debits).toBe(0n);
  const by = { $case: 'idempotencyKey' as const, value: 'key-1' };
  const asked = GetTransferRequest.fromPartial({ by, options: stale });
  expect(await transfers.get(asked)).toMatchObject({ found: true });
  const both = await transfers.getMany({ transfers: [asked], options: stale });
  expect(both.transfers).toMatchObject([{ found: true }]);
  const scope = { $case: 'accountId' as const, value: ALICE };
  const listed = await transfers.list(ListTransfersRequest.fromPartial({ scope, options: stale }));
  expect(listed.transfers).toHaveLength(1);
  const ofAlice = { accountId: ALICE, options: stale };
  expect((await entries.list(ListEntriesRequest.fromPartial(ofAlice))).entries).toHaveLength(1);
  const statement = await entries.statement(GetStatementRequest.fromPartial(ofAlice));
  expect(statement).toMatchObject({ debits: 9n, position: { seq } });
});

test('a read waits a while for a replica that is behind, which reports its position', async () => {
  const { first, second, seq, pause, resume } = await twoMembersApart();
  await first.transfer(transferRequest({ idempotencyKey: 'next' }));
  const started = performance.now();
  expect(behindAt(await errorOf(second.stale(ALICE, seq + 1n)))).toBe(seq);
  expect(performance.now() - started).toBeGreaterThan(240);
  expect(performance.now() - started).toBeLessThan(15_000);
  // It arrives in time for a read that has waited a little; on a busy machine not at every try.
  let at = seq + 1n;
  const arrivesInTime = async () => {
    const read = second.stale(ALICE, at).then(({ account }) => account?.debits, reasonOf);
    await sleep(60);
    await resume();
    if ((await read) === 9n + at - seq) return true;
    await expect.poll(() => second.stale(ALICE, at)).toBeDefined();
    await pause();
    at += 1n;
    await first.transfer(transferRequest({ idempotencyKey: `next ${at}` }));
    return false;
  };
  await expect.poll(arrivesInTime).toBe(true);
});

/** The lists that a member returns in pages, each by the token of a page. */
function listsOf({ member }: TestMember) {
  const longReads = new LongReads(member.store);
  const entries = new EntryReads(member, longReads);
  const transfers = new TransferReads(member, longReads);
  const of = { pageSize: 2, newestFirst: true, options: stale };
  const ofAlice = { accountId: ALICE, ...of };
  const scope = { $case: 'accountId' as const, value: ALICE };
  return [
    (pageToken: string) => entries.list(ListEntriesRequest.fromPartial({ ...ofAlice, pageToken })),
    (pageToken: string) =>
      entries.statement(GetStatementRequest.fromPartial({ ...ofAlice, pageToken })),
    (pageToken: string) =>
      transfers.list(ListTransfersRequest.fromPartial({ scope, ...of, pageToken })),
  ];
}

test('no replica returns a page before it has reached the position of the previous page', async () => {
  const { first, second, seq, resume } = await twoMembersApart();
  const more = ['b', 'c', 'd', 'e'].map((idempotencyKey) => transferRequest({ idempotencyKey }));
  await first.transfer(...more);
  const ofCopy = listsOf(second);
  const tokens = await Promise.all(
    listsOf(first).map(async (list) => (await list('')).nextPageToken),
  );
  const next = () => Promise.all(ofCopy.map((list, index) => list(tokens[index] ?? '')));
  expect(behindAt(await errorOf(next()))).toBe(seq);
  await resume();
  await expect.poll(() => second.stale(ALICE, seq + 4n)).toBeDefined();
  const pages = await next();
  expect(pages.map((page) => [page.position?.seq, page.nextPageToken === ''])).toEqual([
    [seq + 4n, false],
    [seq + 4n, false],
    [seq + 4n, false],
  ]);
});

test('the member next to a promoted server takes over; the frozen leader, thawed, never posts', async () => {
  const { book, first, second } = await twoMembers(2_000);
  const frozen = transferRequest({ idempotencyKey: 'under way when it froze' });
  pair.signal('first', 'SIGSTOP');
  cleanUp.push(() => pair.signal('first', 'SIGCONT'));
  const underWay = first.transfer(frozen).then(
    () => 'done',
    ({ code }) => code,
  );
  // A Postgres that does not answer holds up no call indefinitely.
  await expect.poll(() => first.leading).toBe(false);
  expect(await underWay).toBe('outcome_unknown');
  expect(second.leading).toBe(false);

  const admin = connect(book.second.adminUrl, 1);
  cleanUp.push(() => admin.end({ timeout: 1 }));
  await admin`SELECT pg_promote()`;
  await expect.poll(() => second.standingBy.join()).toContain('synchronous_standby_names is empty');
  expect(second.leading).toBe(false);
  await setStandbys(pair.second, 'third');
  await expect.poll(() => second.leading).toBe(true);
  expect(second.epoch).toBe(2);
  const [after] = await second.transfer(transferRequest({ idempotencyKey: 'after' }));
  expect(after?.replayed).toBe(false);

  pair.signal('first', 'SIGCONT');
  for (const until = performance.now() + 4_000; performance.now() < until;) {
    expect(first.leading).toBe(false);
    expect(reasonOf(await errorOf(first.stale(ALICE)))).toBe('NOT_LEADER');
    await sleep(50);
  }
  // Its Postgres is a standby now, though without a primary. It still contains what the others
  // never had.
  await pair.first.process.stop('SIGQUIT');
  writeFileSync(pair.fileOf('first', 'standby.signal'), '');
  await pair.first.process.start();
  await expect.poll(() => first.standingBy.at(-1)).toBe('the database follows another');
  expect(reasonOf(await errorOf(first.stale(ALICE)))).toBe('NOT_LEADER');

  expect((await second.transfer(frozen))[0]?.replayed).toBe(false);
  expect((await second.transfer(frozen))[0]?.replayed).toBe(true);
  const read = await second.accounts.get({ id: ALICE, asOf: undefined, options: undefined });
  expect(read.account?.debits).toBe(11n);
});
