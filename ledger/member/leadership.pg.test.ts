import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { InvariantError, must } from '../core/assert.ts';
import { Leaders } from '../rpc/leaders.ts';
import { connect } from '../store/postgres/connect.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import type { Logger } from '../logger.ts';
import { BOOKS, SILENT } from '../testing/database/leading.ts';
import { transferRequest } from '../testing/books/book-requests.ts';
import { BookMember } from './book-member.ts';
import type { LedgerError } from '../leader/ledger-error.ts';
import { ServerClock } from '../leader/server-clock.ts';
import { Leadership } from './leadership.ts';
import type { Hints } from '../leader/known-outcomes.ts';
import type { BookLeader } from '../leader/book-leader.ts';
import { PostgresDatabase, PostgresStore } from '../store/postgres/postgres-store.ts';
import { insecureLinks } from '../rpc/tls/credentials.ts';

const database = testDatabases();
const nothing = () => undefined;

const configOf = ({ ledgerUrl }: TestDatabase) => ({
  book: BOOKS[0],
  // Alone, so that posting need not wait for other books to be compared with.
  books: [BOOKS[0]],
  address: 'a:1',
  database: new PostgresDatabase(ledgerUrl, BOOKS[0]),
  redisUrl: undefined,
  serverRegion: 'eu-west',
  replicated: false,
});

/** A leadership that has begun, the bugs that it reports, and why it ended. */
async function leading(
  opened: TestDatabase,
  reads = connect(opened.ledgerUrl, 2),
  log: Logger = SILENT,
) {
  const bugs: unknown[] = [];
  const leaders = new Leaders([], insecureLinks);
  const leadership = new Leadership({
    config: configOf(opened),
    reads: new PostgresStore(reads, BOOKS[0]),
    leaders,
    log,
    clock: new ServerClock(leaders, SILENT, nothing),
    onChange: nothing,
    onBug: (error) => bugs.push(error),
  });
  const ended = leadership.run();
  ended.catch(nothing);
  await expect.poll(() => leadership.leader).toBeDefined();
  onTestFinished(async () => {
    leadership.end('the test is over');
    await ended.catch(nothing);
    await reads.end({ timeout: 1 });
  });
  return { leadership, ended, bugs };
}

/** Submits a transfer; the leader comes upon a broken invariant when `hints` rejects. */
function submit(leader: BookLeader | undefined, hints: Promise<Hints>): Promise<LedgerError> {
  return new Promise((resolve, reject) => {
    must(leader, 'it leads').submit({
      kind: 'transfers',
      requests: [transferRequest()],
      startBefore: [Infinity],
      hints,
      onOutcome: () => reject(new Error('it was answered')),
      onLate: nothing,
      onFailure: resolve,
    });
  });
}

const broken = () => new InvariantError('broken by the test');

test('a broken invariant ends the leadership with its own error, and answers every caller that waits', async () => {
  const { leadership, ended, bugs } = await leading(await database());
  const { leader } = leadership;
  const hints = Promise.reject(broken());
  const failure = await submit(leader, hints);
  expect(failure.code).toBe('outcome_unknown');
  await expect(ended).rejects.toThrow(InvariantError);
  expect(bugs).toHaveLength(1);
  expect((await submit(leader, Promise.resolve(undefined))).code).toBe('not_leader');
});

test('a broken invariant that shows after the leadership was ended is not lost', async () => {
  const { leadership, ended, bugs } = await leading(await database());
  let fail: (error: unknown) => void = nothing;
  const hints = new Promise<Hints>((_, reject) => {
    fail = reject;
  });
  const failed = submit(leadership.leader, hints);
  // Until the leader has taken the work, which has no answer before `fail`.
  await sleep(1_000);
  leadership.end('the test ends it');
  expect((await failed).code).toBe('outcome_unknown');
  expect(await ended).toBe('the test ends it');
  fail(broken());
  await expect.poll(() => bugs).toEqual([broken()]);
});

test('a bug in a helper of the leader is not retried', async () => {
  const opened = await database();
  const reads = connect(opened.ledgerUrl, 1);
  onTestFinished(() => reads.end({ timeout: 1 }));
  const faulty = new Proxy(reads, {
    apply: () => {
      throw new TypeError('a bug of the test');
    },
  });
  const { bugs } = await leading(opened, faulty);
  await expect.poll(() => bugs).toEqual([new TypeError('a bug of the test')]);
});

test('a leadership that ends on its own reports why', async () => {
  const opened = await database();
  const { ended } = await leading(opened);
  const other = await leading(opened);
  expect(other.leadership.leader?.memory.epoch).toBe(2);
  expect(await ended).toBe('a:1 has taken the book over in epoch 2');
});

test('a broken invariant ends the member, which leads no more', async () => {
  const opened = await database();
  const member = new BookMember(configOf(opened), new Leaders([], insecureLinks), SILENT);
  const running = member.run();
  running.catch(nothing);
  onTestFinished(() => member.store.close(1));
  await expect.poll(() => member.leader).toBeDefined();
  await submit(member.leader, Promise.reject(broken()));
  await expect(running).rejects.toThrow(broken());
  expect(member.leader).toBeUndefined();
  await sleep(300);
  expect(await opened.ledger`SELECT epoch FROM head`).toMatchObject([{ epoch: 1n }]);
});

test('a book whose leaders fail one after the other is not taken over continuously', async () => {
  const opened = await database();
  const member = new BookMember(configOf(opened), new Leaders([], insecureLinks), SILENT);
  const running = member.run();
  const times = async () => {
    const [taken] = await opened.admin<{ times: number }[]>`
      SELECT count(*)::int AS times FROM journal WHERE kind = 5`;
    return taken?.times ?? 0;
  };
  const until = performance.now() + 2_000;
  while (performance.now() < until || (await times()) < 3) {
    const { leader } = member;
    if (leader !== undefined) {
      await opened.admin`UPDATE head SET epoch = epoch + 1`;
      await submit(leader, Promise.resolve(undefined));
    }
    await sleep(20);
  }
  member.stop();
  await running;
  expect(await times()).toBeLessThan(9);
});

test('a server that is asked to stop logs no warning, and one that is deposed does', async () => {
  const opened = await database();
  const warned: string[] = [];
  const log = { ...SILENT, warn: (text: string) => void warned.push(text) };
  const stopped = await leading(opened, connect(opened.ledgerUrl, 2), log);
  stopped.leadership.stop();
  expect(await stopped.ended).toBe('stopped');
  expect(warned).toEqual([]);
  const deposed = await leading(opened, connect(opened.ledgerUrl, 2), log);
  deposed.leadership.end('the test ends it');
  await deposed.ended;
  expect(warned).toContain('stepped down');
});
