import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { accountId } from '../../../ledger/core/account-id.ts';
import { reasonOf, RpcError } from '../../../ledger/rpc/error.ts';
import { connect, type Sql } from '../../../ledger/store/postgres/connect.ts';
import { fenceBook, unfenceBook } from '../../../ledger/store/postgres/fence.ts';
import { transferRequest } from '../../../ledger/testing/books/book-requests.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { runAudit } from '../../../ledger/audit/run-audit.ts';
import {
  configure,
  type PairBook,
  ReplicatedPair,
  setStandbys,
} from '../../testing/replicated-pair.ts';
import { TestMember } from '../../testing/test-member.ts';

/** A book whose commits wait for a second node: what must never be reported as done, or be read. */

const ALICE = accountId(1, 1);
const request = transferRequest({ amount: 9n });

let pair: ReplicatedPair;
let failed = false;
beforeAll(async () => {
  pair = await ReplicatedPair.start();
});
afterAll(() => pair.stop(failed));

let book: PairBook;
let admin: Sql;
const members: TestMember[] = [];
beforeEach(async () => {
  book = await pair.newBook();
  admin = connect(book.first.adminUrl, 1);
});
afterEach(async ({ task }) => {
  failed ||= task.result?.state === 'fail';
  await pair.admin`ALTER ROLE meridian_ledger RESET synchronous_commit`;
  await pair.waitForSecond();
  await Promise.all(members.splice(0).map((member) => member.stop()));
  await admin.end({ timeout: 1 });
});

function start(): TestMember {
  const member = new TestMember(book.first.ledgerUrl);
  members.push(member);
  return member;
}

const leads = (member: TestMember) => expect.poll(() => member.leading).toBe(true);

async function leading(): Promise<TestMember> {
  const member = start();
  await leads(member);
  await member.openTwo();
  return member;
}

/** Returns the code of the failure with which the work fails. */
const codeOf = (failing: Promise<unknown>): Promise<string> =>
  failing.then(
    () => 'none',
    (error: Error & { code?: unknown }) =>
      error instanceof RpcError ? reasonOf(error) : String(error.code),
  );

const stored = async () =>
  (await admin`SELECT 1 FROM journal WHERE kind = 1 AND amount = 9`).length;

/** After a commit in doubt: until a second node has it, no answer reveals it. */
async function expectNotReported(member: TestMember): Promise<void> {
  expect(member.leading).toBe(false);
  // The row can be read, and must not be.
  await expect.poll(stored).toBe(1);
  for (const until = performance.now() + 1_500; performance.now() < until;) {
    expect(member.leading).toBe(false);
    expect(await codeOf(member.transfer(request))).toBe('not_leader');
    expect(await codeOf(member.stale(ALICE))).toBe('NOT_LEADER');
    await sleep(50);
  }
}

/** Once a second node has it, the key has its one outcome. */
async function thenReportedOnce(member: TestMember): Promise<void> {
  await pair.waitForSecond();
  await leads(member);
  const [again] = await member.transfer(request);
  expect(again).toMatchObject({ replayed: true, status: TransferStatus.POSTED });
  expect(await stored()).toBe(1);
  const { account } = await member.accounts.get({ id: ALICE, asOf: undefined, options: undefined });
  expect(account?.debits).toBe(9n);
}

test.each(['pg_cancel_backend', 'pg_terminate_backend'])(
  'a commit whose wait is ended by %s is not reported as done, nor found again too early',
  async (end) => {
    const member = await leading();
    await pair.waitForAbsentStandby();
    const failure = codeOf(member.transfer(request));
    const pid = await pair.oneWaiting(book);
    expect(await stored()).toBe(0);
    await pair.admin`SELECT ${pair.admin.unsafe(end)}(${pid}::int)`;
    expect(await failure).toBe('outcome_unknown');
    await expectNotReported(member);
    await thenReportedOnce(member);
  },
);

test('a server whose take-over is cancelled while it waits does not lead', async () => {
  const member = await leading();
  const { epoch } = member;
  await member.stop();
  members.length = 0;
  await pair.waitForAbsentStandby();
  const next = start();
  for (let times = 1; times <= 3; times += 1) {
    const pid = await pair.oneWaiting(book);
    await pair.admin`SELECT pg_cancel_backend(${pid}::int)`;
    const epochNow = async () => Number((await admin`SELECT epoch FROM head`)[0]?.['epoch']);
    await expect.poll(epochNow).toBe(epoch + times);
    expect(next.leading).toBe(false);
  }
  expect(next.standingBy).toContain('the wait for a second copy of the commit was cut short');
  await pair.waitForSecond();
  await leads(next);
});

test('a server that is killed while commits wait shows them to no client before the barrier', async () => {
  const member = await leading();
  await pair.waitForAbsentStandby();
  const failure = codeOf(member.transfer(request));
  await pair.oneWaiting(book);
  const starts = pair.first.process.starts;
  pair.signal('first', 'SIGKILL');
  expect(await failure).toBe('outcome_unknown');
  // More than once if what is left of the old one is still ending.
  await expect.poll(() => pair.first.process.starts).toBeGreaterThan(starts);
  await pair.first.process.waitReady(30_000);
  await expectNotReported(member);
  await thenReportedOnce(member);
});

test.each([
  ['synchronous_commit is off', 'ALTER ROLE meridian_ledger SET synchronous_commit = off'],
  ['synchronous_commit is local', 'ALTER ROLE meridian_ledger SET synchronous_commit = local'],
])('it does not lead where %s', async (why, statement) => {
  await pair.admin.unsafe(statement);
  const member = start();
  await expect.poll(() => member.standingBy.join()).toContain(why);
  await sleep(1_000);
  expect(member.leading).toBe(false);
  expect(member.standingBy).toHaveLength(1);
  await pair.admin`ALTER ROLE meridian_ledger RESET synchronous_commit`;
  await pair.admin`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${book.name}
       AND usename = 'meridian_ledger'`;
  await leads(member);
});

test('it neither starts nor continues to lead where commits wait for no standby', async () => {
  const member = await leading();
  await setStandbys(pair.first, '');
  await expect.poll(() => member.leading).toBe(false);
  await sleep(1_000);
  expect(member.leading).toBe(false);
  expect(member.standingBy.join()).toContain('synchronous_standby_names is empty');
  await pair.waitForSecond();
  await leads(member);
});

test('a leader whose commit is held up reports so, and continues when it is done', async () => {
  const member = await leading();
  await pair.waitForAbsentStandby();
  const before = member.warnings.length;
  const posting = member.transfer(request);
  await expect.poll(() => member.member.status.heldUp).toBe(true);
  expect(member.member.status.leading).toBe(true);
  expect(member.warnings.slice(before)).toEqual(['a commit is waiting for a second region']);
  await pair.waitForSecond();
  expect((await posting)[0]).toMatchObject({ replayed: false, status: TransferStatus.POSTED });
  expect(member.member.status).toMatchObject({ leading: true, heldUp: false });
});

test('a fenced book has no leader until it is unfenced, and its journal stays whole', async () => {
  const member = await leading();
  await member.transfer(request);
  const { epoch } = member;
  const fenced = await fenceBook(admin, 'jane', Date.now() * 1000);
  expect(fenced).toMatchObject({ epoch: epoch + 1, leader: 'fenced by jane', fenced: true });
  await expect.poll(() => member.leading).toBe(false);
  expect(await fenceBook(admin, 'joe', Date.now() * 1000)).toEqual(fenced);
  await sleep(1_500);
  expect(member.leading).toBe(false);
  expect(member.standingBy).toEqual(['the book is fenced by jane']);
  expect(await unfenceBook(admin)).toBe(true);
  expect(await unfenceBook(admin)).toBe(false);
  await leads(member);
  expect(member.epoch).toBe(epoch + 2);
  expect((await member.transfer(request))[0]).toMatchObject({ replayed: true });
  const report = await runAudit({ urls: [book.first.auditorUrl], onProgress: () => {} });
  expect(report.violations).toEqual([]);
});

test('a busy leader is fenced at its next batch', async () => {
  const member = await leading();
  let posted = 0;
  const load = (async () => {
    for (;;) {
      await member.transfer(transferRequest({ idempotencyKey: `busy ${posted}` }));
      posted += 1;
    }
  })();
  load.catch(() => undefined);
  await expect.poll(() => posted).toBeGreaterThan(20);
  const { seq } = await fenceBook(admin, 'jane', Date.now() * 1000);
  expect(await codeOf(load)).toBe('not_leader');
  const [head] = await admin`SELECT seq FROM head`;
  expect(head).toEqual({ seq: BigInt(seq) });
  await unfenceBook(admin);
});

test('it stops in time although a commit hangs', async () => {
  const member = await leading();
  await pair.waitForAbsentStandby();
  const failure = codeOf(member.transfer(request));
  await pair.oneWaiting(book);
  const before = performance.now();
  await member.stop();
  members.length = 0;
  expect(performance.now() - before).toBeLessThan(20_000);
  expect(await failure).toBe('outcome_unknown');
});

test('a leader whose database no longer accepts writes steps down and applies nothing', async () => {
  const member = await leading();
  await configure(pair.first, { default_transaction_read_only: 'on' });
  try {
    expect(await codeOf(member.transfer(request))).toBe('not_leader');
    await expect.poll(() => member.leading).toBe(false);
  } finally {
    await configure(pair.first, { default_transaction_read_only: 'off' });
  }
  await leads(member);
  expect((await member.transfer(request))[0]?.replayed).toBe(false);
});
