import { appendFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { connect, type Sql } from '../../../ledger/store/postgres/connect.ts';
import { leaveFork } from '../../../ledger/store/postgres/leave-fork.ts';
import { transferRequest } from '../../../ledger/testing/books/book-requests.ts';
import {
  follow,
  type PairBook,
  ReplicatedPair,
  setStandbys,
} from '../../testing/replicated-pair.ts';
import { TestMember } from '../../testing/test-member.ts';

/**
 * A deposed leader that is ahead of its successor and follows it without a rewind. Postgres asks
 * for WAL from the start of a segment: where the fork is in the segment of the copy's own position,
 * the new leader serves the old timeline up to the fork, the copy reports its own position, and the
 * new leader takes that for a flush of its own WAL. So a ledger server leaves that segment before
 * its first commit.
 */

let pair: ReplicatedPair;
afterEach(({ task }) => pair.stop(task.result?.state === 'fail'));

const WATCH_MS = 8_000;

/**
 * The second is promoted, where the first has more; the third follows the second. Commits of the
 * second wait for the first alone, which has not been started.
 */
async function forked(laterSegment: boolean): Promise<{ admin: Sql; book: PairBook }> {
  pair = await ReplicatedPair.start();
  const book = await pair.newBook();
  await pair.admin`SELECT pg_switch_wal()`;
  // Waits for the second, which is then in the new segment too.
  await pair.admin`CREATE TABLE before_the_fork ()`;
  await pair.second.process.stop('SIGTERM');
  await setStandbys(pair.first, '');
  await pair.admin`CREATE TABLE beyond_the_fork AS SELECT repeat('x', 100) FROM generate_series(1, 20000)`;
  if (laterSegment) await pair.admin`SELECT pg_switch_wal()`;
  await pair.admin`INSERT INTO beyond_the_fork SELECT 'y' FROM generate_series(1, 1000)`;
  await pair.first.process.stop('SIGQUIT');

  await pair.second.process.start();
  const admin = connect(pair.second.urls('postgres').adminUrl, 3);
  onTestFinished(() => admin.end({ timeout: 1 }));
  await admin`SELECT pg_promote()`;
  await setStandbys(pair.second, 'ANY 1 ("first")');
  return { admin, book };
}

/** Starts the first as a replica of the second, with its data unchanged. */
const followUnrewound = () => startAsCopy('first', 'second');

/** Starts one server as a replica of another one, with its data unchanged. */
async function startAsCopy(copy: 'first' | 'second', leader: 'second' | 'third'): Promise<void> {
  const url = new URL(pair[leader].urls('postgres').adminUrl);
  const login = `host=127.0.0.1 port=${url.port} user=postgres password=${url.password}`;
  appendFileSync(
    pair.fileOf(copy, 'postgresql.auto.conf'),
    `primary_conninfo = '${login} application_name=${copy}'\nwal_retrieve_retry_interval = 100\n` +
      `wal_receiver_status_interval = 1\nsynchronous_standby_names = ''\n`,
  );
  writeFileSync(pair.fileOf(copy, 'standby.signal'), '');
  await pair[copy].process.start();
}

async function within(ms: number, condition: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const until = performance.now() + ms; performance.now() < until;) {
    if (await condition()) return true;
    await sleep(20);
  }
  return false;
}

test.each([
  { where: 'in the same segment, counts', laterSegment: false, left: false, counts: true },
  { where: 'in a later segment, is refused', laterSegment: true, left: false, counts: false },
  { where: 'in a segment that was left', laterSegment: false, left: true, counts: false },
])(
  'Postgres: a copy beyond the fork, $where',
  async ({ laterSegment, left, counts }) => {
    const { admin } = await forked(laterSegment);
    await followUnrewound();
    if (left) await leaveFork(admin);
    let acknowledged = false;
    const writing = admin`CREATE TABLE acknowledged ()`.then(
      () => (acknowledged = true),
      () => undefined,
    );
    expect(await within(WATCH_MS, () => acknowledged)).toBe(counts);
    await admin.end({ timeout: 1 });
    await writing;
  },
  90_000,
);

test('a leader ignores confirmations of a replica beyond the fork, and accepts those of a true replica at once', async () => {
  const { admin, book } = await forked(false);
  await followUnrewound();
  const connected = async () => {
    const rows = await admin`
      SELECT FROM pg_stat_replication WHERE application_name = 'first' AND state = 'streaming'`;
    return rows.length > 0;
  };
  expect(await within(WATCH_MS, connected)).toBe(true);
  const member = new TestMember(book.second.ledgerUrl, 'second:1');
  onTestFinished(() => member.stop());
  // Only its take-over, which waits.
  expect(await within(WATCH_MS, () => member.leading)).toBe(false);
  expect(await within(WATCH_MS, connected)).toBe(true);

  await setStandbys(pair.second, 'ANY 1 ("first", "third")');
  await expect.poll(() => member.leading, { timeout: 10_000 }).toBe(true);
  await member.openTwo();
  const [posted] = await member.transfer(transferRequest({}));
  expect(posted?.replayed).toBe(false);
}, 90_000);

/**
 * The second is promoted and lost before another server has seen its timeline; then the third is
 * promoted, and the second comes back as its copy. `taken`: the third has the file that
 * patroni_guarded.py writes where the number is taken.
 */
test.each([
  { numbers: 'the same number', taken: false, counts: true },
  { numbers: 'numbers of their own', taken: true, counts: false },
])(
  'Postgres: two promotions from one timeline, with $numbers',
  async ({ taken, counts }) => {
    pair = await ReplicatedPair.start();
    const third = connect(pair.third.urls('postgres').adminUrl, 3);
    onTestFinished(() => third.end({ timeout: 1 }));
    await pair.admin`CREATE TABLE before_the_fork ()`;
    const replayed = async () => {
      const [row] = await third`SELECT to_regclass('before_the_fork') IS NOT NULL AS found`;
      return row?.['found'] === true;
    };
    await expect.poll(replayed).toBe(true);
    await pair.first.process.stop('SIGINT');
    await follow(pair.third, 'third', undefined);
    // It must not receive the timeline of the second.
    const receivers = async () => third`SELECT FROM pg_stat_wal_receiver`;
    await expect.poll(receivers).toHaveLength(0);
    const second = connect(pair.second.urls('postgres').adminUrl, 1);
    onTestFinished(() => second.end({ timeout: 1 }));
    await second`SELECT pg_promote()`;
    await second`SET synchronous_commit = local`;
    await leaveFork(second);
    await second`CREATE TABLE of_the_second AS SELECT repeat('x', 100) FROM generate_series(1, 5000)`;
    await second.end({ timeout: 1 });
    await pair.second.process.stop('SIGQUIT');

    if (taken) writeFileSync(pair.fileOf('third', 'pg_wal/00000002.history'), '# taken\n');
    await third`SELECT pg_promote()`;
    expect(await replayed()).toBe(true);
    const [row] = await third<{ timeline: string }[]>`
      SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline`;
    expect(row?.timeline).toBe(taken ? '00000003' : '00000002');
    await leaveFork(third);
    await setStandbys(pair.third, 'ANY 1 ("second")');
    await startAsCopy('second', 'third');
    let acknowledged = false;
    const writing = third`CREATE TABLE acknowledged ()`.then(() => (acknowledged = true));
    writing.catch(() => undefined);
    expect(await within(WATCH_MS, () => acknowledged)).toBe(counts);
    if (!taken) return;

    // A copy that has seen neither of them steps over the number.
    await setStandbys(pair.third, 'ANY 1 ("second", "first")');
    await startAsCopy('first', 'third');
    expect(await within(WATCH_MS, () => acknowledged)).toBe(true);
  },
  90_000,
);
