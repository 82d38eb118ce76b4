import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import {
  type CreateTransferResponse,
  TransferStatus,
  Wait,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { runAudit } from '../../ledger/audit/run-audit.ts';
import { askTopology } from '../../regions/operator/ask-ledger.ts';
import { endFolder, makeFolder } from '../../regions/testing/folder.ts';
import { Channels } from '../../regions/operator/channel-repairs.ts';
import { Api } from '../../regions/testing/api-client.ts';
import { CallFaults } from '../drive/client/call-faults.ts';
import type { Copy } from '../drive/installation/installation.ts';
import { type OwnInstallation, startOwn } from '../drive/installation/own.ts';
import { Random } from '../../ledger/core/random.ts';
import { memberOf } from '../../ledger/keys/ids-command.ts';
import { EpochWatch } from '../run/epoch-watch.ts';
import { cancelledBackends } from '../drive/nemeses/cancelled-waits.ts';
import { channelReplay, settlementKill } from '../drive/nemeses/channel-replay.ts';
import { clockAhead, clockDrift, clockJump, clockStrobe } from '../drive/nemeses/clock.ts';
import { diskFull } from '../drive/nemeses/disk-full.ts';
import { fsyncError, slowDisk } from '../drive/nemeses/failing-disk.ts';
import {
  checkpointStorm,
  connectionsExhausted,
  idleInTransaction,
  lockedHead,
} from '../drive/nemeses/gray-database.ts';
import type { Nemesis } from '../drive/nemeses/nemesis.ts';
import { askRedis, idSets, redisOf } from '../drive/nemeses/redis.ts';
import { redisLies, redisPast } from '../drive/nemeses/redis-lies.ts';
import { redisLost } from '../drive/nemeses/redis-lost.ts';
import { restoredBook } from '../drive/nemeses/restored-book.ts';
import { once } from '../drive/nemeses/session.ts';

/**
 * Each of these nemeses that supports the embedded profile strikes one such installation, has a
 * visible effect, and leaves nothing behind. The seeds choose what the names of the tests state.
 */

/** Long, because the machine may be busy with more than this test. */
const ANSWERS_MS = 60_000;
const WAIT = { timeout: ANSWERS_MS, interval: 50 };

const folder = makeFolder();
let own: OwnInstallation;
let leaders: EpochWatch;
let apis: Map<string, Api>;
/** Payer and payee of each book, by its number. */
const accounts = new Map<number, readonly [bigint, bigint]>();
const notes: string[] = [];
let failed = true;

beforeAll(async () => {
  own = await startOwn({ profile: 'embedded', folder: path.join(folder, 'own') });
  leaders = new EpochWatch(own.copies, () => undefined);
  const { regions } = own.state();
  apis = new Map(regions.map(({ name, routerAddress }) => [name, new Api(routerAddress)]));
  for (const { book, home } of own.copies) {
    const open = (name: string) => api(home).account(`${name}-${book}`, { homeRegion: home });
    accounts.set(book, [await open('payer'), await open('payee')]);
  }
  await allAnswer();
});

afterAll(async () => {
  leaders.close();
  for (const each of apis.values()) each.close();
  await own.stop();
  endFolder(folder, failed);
});

const api = (region: string): Api => must(apis.get(region), 'every region has a router');
const copyOf = (book: number): Copy =>
  must(
    own.copies.find((copy) => copy.book === book),
    'every book has a copy',
  );
const next = (book: number): number => (book % own.copies.length) + 1;

interface Payment {
  readonly to?: number;
  readonly key?: string;
  readonly deadlineMs?: number;
}

/** Pays within a book or to another one, and waits until the payment is settled there. */
function pay(from: number, payment: Payment = {}): Promise<CreateTransferResponse> {
  const { to = from, key = randomUUID(), deadlineMs = 10_000 } = payment;
  const debitAccountId = must(accounts.get(from), 'an opened account')[0];
  const creditAccountId = must(accounts.get(to), 'an opened account')[1];
  const fields = { idempotencyKey: key, amount: 1n, wait: Wait.SETTLED };
  const router = api(copyOf(from).home);
  return router.transfer({ ...fields, debitAccountId, creditAccountId }, deadlineMs);
}

/** Pays from every book to the next, until that succeeds or the time is up. */
async function allAnswer(): Promise<void> {
  const until = performance.now() + ANSWERS_MS;
  const answers = async (book: number): Promise<unknown> => {
    try {
      return await pay(book, { to: next(book) });
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(100);
      return answers(book);
    }
  };
  await Promise.all(own.copies.map(({ book }) => answers(book)));
}

/** Begins, lets `meanwhile` check the effect, ends; then every book answers. */
async function strikes(
  nemesis: Nemesis,
  seed: number,
  meanwhile: (targets: readonly string[]) => Promise<void>,
): Promise<void> {
  expect(await nemesis.whyNot(own)).toBe('');
  notes.length = 0;
  const strike = await nemesis.aim({
    installation: own,
    random: new Random(seed),
    calls: new CallFaults(),
    leader: (book) => leaders.leader(book),
    overload: () => undefined,
    signal: new AbortController().signal,
    report: (text) => notes.push(text),
  });
  try {
    await strike.begin();
    await meanwhile(strike.targets);
  } finally {
    await strike.end();
  }
  await allAnswer();
}

const processNamed = (name: string) =>
  must(
    own.state().processes.find((process) => process.name === name),
    name,
  );
const logOf = (name: string): string => readFileSync(processNamed(name).logFile, 'utf8');

/** How far the time of the book is from ours, in milliseconds. */
async function skewOf(book: number): Promise<number> {
  const { decidedAt } = await pay(book);
  const { seconds, nanos } = must(decidedAt, 'a transfer is decided at some time');
  return Number(seconds) * 1_000 + nanos / 1e6 - Date.now();
}

/** Pays continuously until it is aborted; failures are ignored. */
async function keepPaying(book: number, to: number, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    await pay(book, { to, deadlineMs: 1_000 }).catch(() => undefined);
  }
}

async function whilePaying(book: number, to: number, work: () => Promise<void>): Promise<void> {
  const over = new AbortController();
  const paying = Promise.all([1, 2, 3, 4].map(() => keepPaying(book, to, over.signal)));
  try {
    await work();
  } finally {
    over.abort();
    await paying;
  }
}

/** How far the wall clock of the server that leads a book is from ours, in milliseconds. */
async function wallSkewOf(book: number): Promise<number> {
  const status = await askTopology(copyOf(book).ledgerAddress);
  return Number(status.wallMicros) / 1_000 - Date.now();
}

test('clock-drift: the clock of a book runs away slowly', () =>
  strikes(clockDrift, 14, async () => {
    await sleep(1_000);
    expect(await wallSkewOf(1)).toBeLessThan(100);
    await expect.poll(() => wallSkewOf(1), WAIT).toBeGreaterThan(150);
    expect(Math.abs(await skewOf(1))).toBeLessThan(150);
  }));

test('clock-strobe: the clock of a book is ahead now and then', () =>
  strikes(clockStrobe, 19, async () => {
    await expect.poll(() => wallSkewOf(2), WAIT).toBeGreaterThan(200);
    expect(Math.abs(await skewOf(2))).toBeLessThan(1_000);
  }));

test('clock-jump: the clock of a book is an hour ahead; its monotonic clock is not', () =>
  strikes(clockJump, 73, async () => {
    await sleep(100);
    expect(await wallSkewOf(3)).toBeGreaterThan(3_590_000);
    expect(await pay(3, { to: 1 })).toMatchObject({ replayed: false });
    for (const book of [2, 3]) expect(Math.abs(await skewOf(book))).toBeLessThan(60_000);
  }));

const alarmOf = async (book: number) => (await askTopology(copyOf(book).ledgerAddress)).clockAlarm;

test('clock-ahead: a book keeps its time, and its server reports that its clock is wrong', async () => {
  await strikes(clockAhead, 3, async (targets) => {
    expect(targets).toEqual([copyOf(2).processes.ledger]);
    await expect.poll(() => alarmOf(2), WAIT).toMatch(/wall clock is about 60 min ahead/u);
    expect(Math.abs(await skewOf(2))).toBeLessThan(1_000);
  });
  await expect.poll(() => alarmOf(2), WAIT).toBe('');
  expect(Math.abs(await skewOf(2))).toBeLessThan(1_000);
});

test('clock-jump: a router whose clock jumps back answers', () =>
  strikes(clockJump, 33, async (targets) => {
    expect(targets).toEqual(['ap-south/router']);
    await sleep(100);
    await pay(3, { to: 1 });
  }));

test('channel-replay: legs are sent again and applied once', async () => {
  for (let n = 0; n < 5; n += 1) await pay(1, { to: 2 });
  await strikes(channelReplay, 5, async () => {
    expect(notes.join()).toMatch(/^[1-9]\d* legs of book 1 are sent again$/u);
    await allAnswer();
  });
  const [sent] = await once(
    copyOf(1).adminUrl,
    (session) => session`SELECT sent, settled FROM channel WHERE peer_book = 2`,
  );
  const [arrived] = await once(
    copyOf(2).adminUrl,
    (session) => session`
      SELECT applied, (SELECT count(*) FROM journal WHERE kind = 2 AND peer_book = 1) AS rows
        FROM channel WHERE peer_book = 1`,
  );
  expect(sent).toEqual({ sent: sent?.['sent'], settled: sent?.['sent'] });
  expect(arrived).toEqual({ applied: sent?.['sent'], rows: sent?.['sent'] });
});

test('settlement-kill: a ledger server dies while legs are under way', () =>
  strikes(settlementKill, 5, async ([ledger = '']) => {
    const { starts } = processNamed(ledger);
    await whilePaying(1, 2, () =>
      whilePaying(3, 1, async () => {
        await expect.poll(() => processNamed(ledger).starts, WAIT).toBeGreaterThan(starts);
      }),
    );
  }));

test('restored-book: what no other book has is lost, and nothing else', async () => {
  const paid: { from: number; to: number; key: string }[] = [];
  const over = new AbortController();
  const paying = own.copies.flatMap(({ book }) =>
    own.copies.map(async ({ book: to }) => {
      while (!over.signal.aborted) {
        const key = randomUUID();
        const answer = await pay(book, { to, key, deadlineMs: 2_000 }).catch(() => undefined);
        if (answer?.status === TransferStatus.POSTED) paid.push({ from: book, to, key });
      }
    }),
  );
  let lost = '';
  try {
    await strikes(restoredBook(), 7, async ([book = '']) => {
      lost = book;
      const named = async () => {
        const { diverged } = await new Channels(own.state()).states();
        return diverged.map((one) => [one.book, one.lost]);
      };
      await expect.poll(named, WAIT).toContainEqual([book, book]);
      // It posts nothing meanwhile, not even a payment within the book.
      const { book: number } = must(
        own.copies.find(({ bookName }) => bookName === book),
        book,
      );
      await expect(pay(number)).rejects.toThrow(/has lost rows/u);
    });
  } finally {
    over.abort();
    await Promise.all(paying);
  }
  expect(notes.join('\n')).toMatch(/has again what .* has: [1-9]/u);
  // Asked again, every payment that another book knows is answered as before, and moves nothing.
  const restored = own.copies.find(({ bookName }) => bookName === lost)?.book;
  const forgotten: typeof paid = [];
  for (const payment of paid) {
    const { replayed, status } = await pay(payment.from, payment);
    expect(status).toBe(TransferStatus.POSTED);
    if (!replayed) forgotten.push(payment);
  }
  expect(forgotten.length).toBeGreaterThan(0);
  const isWithin = ({ from, to }: (typeof paid)[number]) => from === restored && to === restored;
  expect(forgotten.filter((payment) => !isWithin(payment))).toEqual([]);
  const urls = own.copies.map(({ auditorUrl }) => auditorUrl);
  const report = await runAudit({ urls, onProgress: () => undefined });
  expect([report.violations, report.notes]).toEqual([[], []]);
});

test('disk-full: a write does not succeed, and does once there is room', () =>
  strikes(diskFull, 1, async () => {
    expect(notes).toEqual(['us-east/postgres has no room']);
    await expect(pay(2, { deadlineMs: 2_000 })).rejects.toThrow(/outcome is unknown|no leader/u);
    await pay(1);
  }));

test('fsync-error: Postgres stops and recovers', () => {
  const from = logOf('ap-south/postgres').length;
  return strikes(fsyncError, 17, () =>
    whilePaying(3, 3, () =>
      expect
        .poll(() => logOf('ap-south/postgres').slice(from), WAIT)
        .toMatch(/PANIC: .*Input\/output error/u),
    ),
  );
});

test('slow-disk: a payment takes as long as the disk', () =>
  strikes(slowDisk, 7, async () => {
    const from = performance.now();
    await pay(1, { deadlineMs: 20_000 });
    expect(performance.now() - from).toBeGreaterThan(300);
  }));

const REDIS = 'eu-west/redis';

const sets = () => askRedis(redisOf(own, 'eu-west').url, idSets);

/** True if Redis has a key of book 1, in a set as it should. */
function isKnown(key: string): Promise<boolean> {
  return askRedis(redisOf(own, 'eu-west').url, async (redis) => {
    for (const name of await idSets(redis)) {
      if ((await redis.type(name)) === 'set' && (await redis.sismember(name, memberOf(key))) === 1)
        return true;
    }
    return false;
  });
}

/**
 * Pays until Redis has the key of a payment: a ledger server that has just failed to reach Redis
 * does not try again for a while.
 */
async function payRemembered() {
  let key = '';
  let first: Awaited<ReturnType<typeof pay>> | undefined;
  const payAndLook = async () => {
    key = randomUUID();
    first = await pay(1, { key });
    await sleep(200);
    return isKnown(key);
  };
  await expect.poll(payAndLook, WAIT).toBe(true);
  return { key, first };
}

async function isSilent(): Promise<boolean> {
  const answer = askRedis(redisOf(own, 'eu-west').url, (redis) => redis.ping());
  const reply = await Promise.race([answer.catch(() => 'an error'), sleep(700, 'nothing')]);
  return reply === 'nothing';
}

test.each([
  ['kill', 30, (starts: number) => Promise.resolve(processNamed(REDIS).starts > starts)],
  ['down', 11, () => Promise.resolve(processNamed(REDIS).state === 'stopped')],
  ['flush', 19, async () => (await sets()).length === 0],
  ['freeze', 5, isSilent],
  ['pause', 16, isSilent],
])('redis-lost: %s, and payments go on', async (how, seed, hasHit) => {
  await payRemembered();
  const { starts } = processNamed(REDIS);
  await strikes(redisLost, seed, async () => {
    expect(notes).toEqual([`${REDIS}: ${how}`]);
    await expect.poll(() => hasHit(starts), WAIT).toBe(true);
    await pay(1);
  });
});

test('redis-past: a Redis has what it had before it died', async () => {
  await payRemembered();
  const { starts } = processNamed(REDIS);
  await strikes(redisPast, 5, async () => {
    await expect
      .poll(() => processNamed(REDIS), WAIT)
      .toMatchObject({ starts: starts + 1, state: 'ready' });
    expect(await sets()).not.toEqual([]);
  });
});

test.each([
  ['forgotten', 11],
  ['exchanged', 19],
  ['invented', 5],
  ['kinds', 20],
])('redis-lies: %s, and the journal is believed', async (how, seed) => {
  const { key, first } = await payRemembered();
  await strikes(redisLies, seed, async () => {
    expect(notes).toEqual([`eu-west/redis: ${how}`]);
    expect(how === 'kinds' && (await isKnown(key))).toBe(false);
    await allAnswer();
    const again = await pay(1, { key });
    expect(again).toEqual({ ...first, replayed: true });
  });
});

test('cancelled-backends: statements are cancelled, connections ended', () => {
  const from = logOf('eu-west/postgres').length;
  return strikes(cancelledBackends, 5, () =>
    whilePaying(1, 1, async () => {
      await expect
        .poll(() => logOf('eu-west/postgres').slice(from), WAIT)
        .toMatch(/terminating connection due to administrator/u);
    }),
  );
});

test('locked-head: nothing is written meanwhile', () =>
  strikes(lockedHead, 5, async () => {
    await expect(pay(1, { deadlineMs: 1_000 })).rejects.toThrow(/outcome is unknown/u);
    await pay(2);
  }));

test('idle-in-transaction: a transaction stays open, and payments go on', () =>
  strikes(idleInTransaction, 5, async () => {
    const open = await once(
      copyOf(1).adminUrl,
      (session) => session`
        SELECT 1 FROM pg_stat_activity
         WHERE state = 'idle in transaction' AND application_name = 'chaos'`,
    );
    expect(open).toHaveLength(1);
    await pay(1);
  }));

test('connections-exhausted: the ledger gets no connection more', () =>
  strikes(connectionsExhausted, 5, async () => {
    const more = once(copyOf(1).ledgerUrl, (session) => session`SELECT 1`);
    await expect(more).rejects.toMatchObject({ code: '53300' });
  }));

test('checkpoint-storm: checkpoints follow one another', () => {
  const from = logOf('eu-west/postgres').length;
  const three = /(?:checkpoint starting: (?:immediate|fast)[^]*){3}/u;
  return strikes(checkpointStorm, 5, () =>
    whilePaying(1, 1, () =>
      expect.poll(() => logOf('eu-west/postgres').slice(from), WAIT).toMatch(three),
    ),
  );
});

test('nothing is left behind', async () => {
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(folder);
  const { processes } = own.state();
  expect(processes.filter(({ state }) => state !== 'ready')).toEqual([]);
  for (const { adminUrl } of own.copies) {
    const open = await once(
      adminUrl,
      (session) => session`
        SELECT 1 FROM pg_stat_activity
         WHERE application_name = 'chaos' AND pid <> pg_backend_pid()`,
    );
    expect(open).toEqual([]);
  }
  failed = false;
});
