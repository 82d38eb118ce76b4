import { once } from 'node:events';
import { connect as dial, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { testDatabases } from '../test/database.ts';
import { connect, type Sql } from './connect.ts';

/*
 * What patches/postgres+3.4.9.patch mends of the driver, for a ledger that loses its database in
 * the middle of anything: nothing is thrown outside of every promise, which would end the process;
 * every statement is settled; a connection that is opened again begins anew.
 */

const database = testDatabases();

/** How a connection ends: with a word, or as when a process or a machine dies. */
const ends = ['closed', 'reset'] as const;

interface Relay {
  readonly url: string;
  /** Ends all connections at once. */
  cut(how: (typeof ends)[number]): void;
}

/** Stands between the driver and its server. */
async function relayTo(url: string): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = dial({ host: new URL(url).hostname, port: Number(new URL(url).port) });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const relayed = new URL(url);
  relayed.hostname = '127.0.0.1';
  const listening = server.address();
  if (listening === null || typeof listening === 'string') throw new Error('no port');
  relayed.port = String(listening.port);
  return {
    url: relayed.href,
    cut: (how) => {
      for (const socket of sockets) {
        if (how === 'reset') socket.resetAndDestroy();
        else socket.destroy();
      }
    },
  };
}

/** One connection that can be cut; so whatever it is left with, the next statement meets it. */
async function cuttable(): Promise<{ sql: Sql; relay: Relay; admin: Sql }> {
  const { adminUrl, admin } = await database();
  const relay = await relayTo(adminUrl);
  const sql = connect(relay.url, 1);
  onTestFinished(() => sql.end({ timeout: 1 }));
  await sql`SELECT 1`;
  return { sql, relay, admin };
}

/** Each statement gets its own answer, which it would not if one were left over from before. */
async function expectSound(sql: Sql): Promise<void> {
  for (const n of [1, 2, 3]) {
    expect(await sql`SELECT ${n}::int AS n`).toEqual([{ n }]);
  }
}

const lost = /CONNECTION_CLOSED|ECONNRESET|EPIPE/u;

for (const how of ends) {
  test(`a transaction whose connection is ${how} amid a statement fails, the next is sound`, async () => {
    const { sql, relay } = await cuttable();
    const failing = sql.begin(async (transaction) => {
      await transaction`SELECT 1`;
      setTimeout(() => relay.cut(how), 50);
      await transaction`SELECT pg_sleep(10)`;
    });
    await expect(failing).rejects.toThrow(lost);
    await expectSound(sql);
  });

  test(`statements sent one after the other into a connection that is ${how} all fail`, async () => {
    const { sql, relay } = await cuttable();
    const sent = sql.begin((transaction) => [
      transaction`SELECT pg_sleep(10)`,
      ...[1, 2, 3].map((n) => transaction`SELECT ${n}::int`),
    ]);
    setTimeout(() => relay.cut(how), 50);
    await expect(sent).rejects.toThrow(lost);
    await expectSound(sql);
  });

  test(`a reserved connection that was ${how} refuses all later statements`, async () => {
    const { sql, relay } = await cuttable();
    const reserved = await sql.reserve();
    const running = reserved`SELECT pg_sleep(10)`.execute();
    running.catch(() => {});
    await nextTurn();
    relay.cut(how);
    await expect(running).rejects.toThrow(lost);
    await expect(reserved`SELECT 1`).rejects.toThrow(lost);
    await expect(reserved`SELECT 2`).rejects.toThrow(lost);
    reserved.release();
    await expectSound(sql);
  });

  test(`rows that are read page by page do not end early because their connection is ${how}`, async () => {
    const { sql, relay } = await cuttable();
    const reserved = await sql.reserve();
    const pages = reserved`SELECT n FROM generate_series(1, 100) AS n`.cursor(10);
    let seen = 0;
    const reading = async () => {
      for await (const page of pages) {
        seen += page.length;
        relay.cut(how);
        await sql`SELECT 1`.catch(() => {});
      }
    };
    await expect(reading()).rejects.toThrow(lost);
    expect(seen).toBe(10);
    reserved.release();
    await expectSound(sql);
  });

  test(`a statement that is written while its connection is ${how} is settled`, async () => {
    const { sql, relay } = await cuttable();
    for (let round = 0; round < 20; round += 1) {
      relay.cut(how);
      for (let turn = 0; turn < round % 5; turn += 1) await nextTurn();
      await sql`SELECT ${round}::int AS n`.then(
        (rows) => expect(rows).toEqual([{ n: round }]),
        (error: unknown) => expect(String(error)).toMatch(lost),
      );
    }
    await expectSound(sql);
  });
}

test('a transaction that has lost its connection writes nothing into another one', async () => {
  const { sql, relay, admin } = await cuttable();
  await admin`CREATE TABLE mark (of text)`;
  const { promise: reopened, resolve: goOn } = Promise.withResolvers<void>();
  const first = sql.begin(async (transaction) => {
    await transaction`INSERT INTO mark VALUES ('first, before')`;
    await reopened;
    await transaction`INSERT INTO mark VALUES ('first, after')`;
  });
  first.catch(() => {});
  await expect
    .poll(() => admin`SELECT 1 FROM pg_locks WHERE relation = 'mark'::regclass`)
    .toHaveLength(1);
  relay.cut('closed');
  await expect(first).rejects.toThrow(lost);
  // The pool's only connection is opened again, for a transaction of somebody else's.
  await sql.begin(async (transaction) => {
    await transaction`INSERT INTO mark VALUES ('second')`;
    goOn();
    await transaction`SELECT pg_sleep(0.2)`;
  });
  expect(await admin`SELECT of FROM mark`).toEqual([{ of: 'second' }]);
});

test('the last word of a server that ends a connection is not taken for the next answer', async () => {
  const { sql, admin } = await cuttable();
  const running = sql`SELECT pg_sleep(10)`.execute();
  running.catch(() => {});
  await expect
    .poll(
      () => admin`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query LIKE '%pg_sleep(10)%' AND pid <> pg_backend_pid()
      AND datname = current_database()`,
    )
    .toHaveLength(1);
  await expect(running).rejects.toThrow(/terminating connection|CONNECTION_CLOSED|ECONNRESET/u);
  await expectSound(sql);
});
