import { once } from 'node:events';
import { connect as dial, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { testDatabases } from '../../testing/database/database.ts';
import { connect, type Sql } from './connect.ts';

/*
 * What patches/postgres+3.4.9.patch fixes in the driver, for a ledger that loses its database in
 * the middle of anything: no error is unhandled, which would end the process;
 * every statement is settled, by its own answer; none is run in another caller's session.
 */

const database = testDatabases();

/** How a connection ends: with a word, or as when a process or a machine dies. */
const ends = ['closed', 'reset'] as const;

interface Relay {
  readonly url: string;
  /** Ends all connections at once. */
  cut(how: (typeof ends)[number]): void;
  /** Whether it ends every connection as soon as it is open. */
  hangUp(always: boolean): void;
  /** How many connections it has accepted so far, and how many of them are open. */
  accepted(): number;
  connections(): number;
}

/** Stands between the driver and its server. */
async function relayTo(url: string): Promise<Relay> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let hangsUp = false;
  const server = createServer((near) => {
    accepted += 1;
    if (hangsUp) {
      near.on('error', () => {});
      near.resume().end();
      return;
    }
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
  onTestFinished(() => {
    server.close();
    // A server that is still sending to it would hold up every DROP DATABASE.
    for (const socket of sockets) socket.destroy();
  });
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
    hangUp: (always) => {
      hangsUp = always;
    },
    accepted: () => accepted,
    connections: () => sockets.size / 2,
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

  test(`a COPY that is read does not end early because its connection is ${how}`, async () => {
    // The second reader goes on only when the connection is closed already.
    for (const pause of [nextTurn, () => sleep(50)]) {
      const { sql, relay } = await cuttable();
      const reserved = await sql.reserve();
      const copy = 'COPY (SELECT n FROM generate_series(1, 1000000) AS n) TO STDOUT';
      const chunks: AsyncIterable<Buffer> = await reserved.unsafe(copy).readable();
      let chunksRead = 0;
      const reading = async () => {
        for await (const chunk of chunks) {
          chunksRead += chunk.length > 0 ? 1 : 0;
          relay.cut(how);
          await pause();
        }
      };
      await expect(reading()).rejects.toThrow(lost);
      expect(chunksRead).toBeGreaterThan(0);
      reserved.release();
      // The error may come before the end of the connection.
      await sql`SELECT 1`.catch(() => {});
      await expectSound(sql);
    }
  });

  test(`a batch whose rows are being copied as its connection is ${how} fails`, async () => {
    const { sql, relay, admin } = await cuttable();
    await admin`CREATE TABLE copied (n int)`;
    await admin`GRANT ALL ON copied TO PUBLIC`;
    const rows = Buffer.from('1\n'.repeat(1_000_000));
    const left: number[] = [];
    for (const wait of [0, 1, 2, 5, 10]) {
      const copy = [{ statement: 'COPY copied FROM STDIN', data: [rows] }];
      const statement = sql.unsafe('SELECT $1::int AS n', [1], { prepare: true, copy });
      const failed = statement.catch((error: unknown) => error);
      await sleep(wait);
      relay.cut(how);
      expect(String(await failed)).toMatch(lost);
      await sql`SELECT 1`.catch(() => {});
      await expectSound(sql);
      const copying = () => admin`
        SELECT 1 FROM pg_locks WHERE relation = 'copied'::regclass AND pid <> pg_backend_pid()`;
      await expect.poll(copying).toEqual([]);
      left.push(...(await admin`SELECT count(*)::int AS n FROM copied`).map(({ n }) => Number(n)));
      await admin`TRUNCATE copied`;
    }
    // The whole of it may have arrived before the connection was cut; a part of it never counts.
    expect(new Set([0, 1_000_000])).toEqual(new Set([1_000_000, ...left]));
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

test('a connection goes on behind a COPY, however far its reader has come', async () => {
  const { sql: pool } = await cuttable();
  const sql = await pool.reserve();
  try {
    const copyOf = async (rows: number): Promise<AsyncIterable<Buffer>> => {
      const query = `SELECT repeat('x', 20000) FROM generate_series(1, ${rows})`;
      return await sql.unsafe(`COPY (${query}) TO STDOUT`).readable();
    };
    // Each is more than a stream holds: it is paused with its only message, and the end is there too.
    for (let round = 0; round < 100; round += 1) {
      let bytes = 0;
      for await (const chunk of await copyOf(1)) bytes += chunk.length;
      expect(bytes).toBe(20_001);
      expect(await sql`SELECT 1 AS one`).toEqual([{ one: 1 }]);
    }
    for await (const chunk of await copyOf(1_000)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    // Refused until the rest has arrived.
    await expect.poll(() => sql`SELECT 1 AS one`.catch(() => [])).toEqual([{ one: 1 }]);
  } finally {
    sql.release();
  }
});

test('a transaction that has lost its connection writes nothing into another one', async () => {
  const { sql, relay, admin } = await cuttable();
  await admin`CREATE TABLE mark (of text)`;
  const { promise: reopened, resolve: proceed } = Promise.withResolvers<void>();
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
  // The pool's only connection is opened again, for another caller's transaction.
  await sql.begin(async (transaction) => {
    await transaction`INSERT INTO mark VALUES ('second')`;
    proceed();
    await transaction`SELECT pg_sleep(0.2)`;
  });
  expect(await admin`SELECT of FROM mark`).toEqual([{ of: 'second' }]);
});

test('the last message of a server that ends a connection is not taken for the next answer', async () => {
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

test('a value that cannot be sent fails its own statement, and none before or after it', async () => {
  const { sql } = await cuttable();
  const dated = (date: Date) => sql`SELECT ${date}::timestamptz AS n`.execute();
  // One that is prepared is put together before it is known what runs ahead of it.
  await dated(new Date());
  const first = sql`SELECT 1 AS n, pg_sleep(0.1)::text AS s`.execute();
  const unsendable = dated(new Date(Number.NaN));
  const third = sql`SELECT 3 AS n`.execute();
  await expect(unsendable).rejects.toThrow(/Invalid time value/u);
  expect(await first).toEqual([{ n: 1, s: '' }]);
  expect(await third).toEqual([{ n: 3 }]);
  await expectSound(sql);
});

test('a statement whose plan has become void fails, and is planned again', async () => {
  const { sql, admin } = await cuttable();
  await admin`CREATE TABLE plan (value int, bytes bytea)`;
  const insert = () =>
    sql`INSERT INTO plan VALUES (1, ${Buffer.from('chain')}) RETURNING value, bytes`;
  await insert();
  await admin`ALTER TABLE plan ALTER COLUMN value TYPE text`;
  // The driver would send it again on its own, with bytes already converted to text.
  await expect(insert()).rejects.toThrow(/cached plan must not change result type/u);
  expect(await insert()).toEqual([{ value: '1', bytes: Buffer.from('chain') }]);
});

test('a statement after the end of its transaction is refused', async () => {
  const { sql } = await cuttable();
  let late: Promise<unknown> | undefined;
  const { promise: next, resolve: proceed } = Promise.withResolvers<void>();
  await sql.begin(async (transaction) => {
    late = next.then(() => transaction`SELECT 'late'`);
    await transaction`SELECT 1`;
  });
  await sql.begin(async (transaction) => {
    await transaction`SELECT 1`;
    proceed();
    await expect(late).rejects.toThrow(/after its end/u);
  });
  const reserved = await sql.reserve();
  reserved.release();
  await expect(reserved`SELECT 1`).rejects.toThrow(/after its release/u);
  await expectSound(sql);
});

test('a transaction requested behind hundreds of statements is a transaction', async () => {
  const { sql } = await cuttable();
  const before = Array.from({ length: 100 }, (_, n) => sql.unsafe(`SELECT ${n} AS n`).execute());
  const isolation = await sql.begin('ISOLATION LEVEL REPEATABLE READ', async (transaction) => {
    const [row] = await transaction`SELECT current_setting('transaction_isolation') AS level`;
    return row;
  });
  expect(isolation).toEqual({ level: 'repeatable read' });
  expect((await Promise.all(before)).map(([row]) => row?.['n'])).toEqual(before.map((_, n) => n));
  expect(await sql`SHOW transaction_isolation`).toEqual([
    { transaction_isolation: 'read committed' },
  ]);
});

test('a connection that has never been open can be reserved', async () => {
  const { adminUrl } = await database();
  const sql = connect(adminUrl, 1);
  onTestFinished(() => sql.end({ timeout: 1 }));
  const reserved = await sql.reserve();
  expect(await reserved`SELECT 1 AS n`).toEqual([{ n: 1 }]);
  reserved.release();
  await expectSound(sql);
});

test('a reservation that waits while the connection is lost is served by the next', async () => {
  const { sql, relay } = await cuttable();
  const running = sql`SELECT pg_sleep(10)`.execute();
  running.catch(() => {});
  await nextTurn();
  const waiting = sql.reserve();
  setTimeout(() => relay.cut('closed'), 50);
  const reserved = await waiting;
  expect(await reserved`SELECT 1 AS n`).toEqual([{ n: 1 }]);
  reserved.release();
  await expectSound(sql);
});

for (const how of ends) {
  test(`a pool whose connection is ${how} can be ended without a time limit`, async () => {
    const { sql, relay } = await cuttable();
    const working = async () => {
      try {
        await sql`SELECT pg_sleep(10)`;
      } finally {
        await sql.end();
      }
    };
    setTimeout(() => relay.cut(how), 50);
    await expect(working()).rejects.toThrow(lost);
  });
}

test('sessions look after seconds whether their client is still there', async () => {
  const { ledger } = await database();
  const settings = await ledger<{ setting: string }[]>`
    SELECT setting FROM pg_settings WHERE name LIKE 'tcp_keepalives_%' ORDER BY name`;
  expect(settings.map(({ setting }) => setting)).toEqual(['2', '5', '2']);
});

test('a pool that was ended does not connect again', async () => {
  const { sql, relay, admin } = await cuttable();
  relay.cut('closed');
  // It is about to be opened again, after the pause that the driver makes.
  await sleep(20);
  sql`SELECT 1`.catch(() => {});
  await sql.end({ timeout: 0 });
  await sleep(300);
  await expect.poll(() => relay.connections()).toBe(0);
  expect(await admin`SELECT 1 AS n`).toEqual([{ n: 1 }]);
});

test('a server that hangs up at once is asked again after a pause, and its caller gets the error', async () => {
  const { sql, relay } = await cuttable();
  relay.hangUp(true);
  relay.cut('closed');
  const before = relay.accepted();
  await expect(sql`SELECT 1`).rejects.toThrow(lost);
  await expect(sql`SELECT 2`).rejects.toThrow(lost);
  expect(relay.accepted() - before).toBeLessThan(5);
  relay.hangUp(false);
  await expectSound(sql);
});

test('a connection lost while the driver fetches array types does not end the process', async () => {
  const { adminUrl } = await database();
  const relay = await relayTo(adminUrl);
  for (let round = 0; round < 40; round += 1) {
    // Unlike our own pools, those that read arrays ask for them.
    const sql = postgres(relay.url, { max: 1 });
    setTimeout(() => relay.cut('reset'), 2 + round / 4);
    await sql`SELECT 1 AS n`.then(
      (rows) => expect(rows).toEqual([{ n: 1 }]),
      (error: unknown) => expect(String(error)).toMatch(lost),
    );
    await sql.end({ timeout: 1 });
  }
});
