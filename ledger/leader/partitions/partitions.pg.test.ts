import { expect, test } from 'vitest';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { type TestDatabase, testDatabases } from '../../testing/database/database.ts';
import { Leading } from '../../testing/database/leading.ts';
import { unsparedPartitions } from '../../testing/database/spared-partitions.ts';
import { ADDED_MAX } from './partition-keeper.ts';

const database = testDatabases();
const BOB = accountId(1, 2);

/** A book whose journal is in partitions of 100 rows, from its first row on. */
async function leadingOver(opened: TestDatabase): Promise<Leading> {
  const leading = await Leading.over(opened, { partitionRows: 100 });
  await leading.open([openRequest(), openRequest({ externalId: 'bob', min: undefined })]);
  return leading;
}

/** A database whose journal has one partition without rows, of 100. */
async function smallPartitions(): Promise<TestDatabase> {
  const opened = await database();
  await opened.ledger`SELECT journal_start(100)`;
  return opened;
}

const request = (index: number) => transferRequest({ idempotencyKey: `key ${index}`, amount: 1n });

/** Sends transfers in calls of 40. Returns their answers. */
async function send(leading: Leading, from: number, count: number) {
  const answers = [];
  for (let sent = 0; sent < count; sent += 40) {
    const length = Math.min(40, count - sent);
    const requests = Array.from({ length }, (_, index) => request(from + sent + index));
    answers.push(...(await leading.transfer(requests)));
  }
  return answers;
}

const shape = (answers: Awaited<ReturnType<typeof send>>) =>
  answers.map(({ transferId, status, position, replayed }) => ({
    transferId,
    status,
    seq: position?.seq,
    replayed,
  }));

async function balanceOf({ ledger }: TestDatabase): Promise<bigint | undefined> {
  const [row] = await ledger<{ credits: bigint }[]>`
    SELECT credits FROM balance WHERE account = ${BOB}`;
  return row?.credits;
}

/** Until every full partition has its filter in the database. */
const allFiltered = async ({ admin }: TestDatabase) => {
  const count = async () => {
    const [row] = await admin<{ missing: bigint }[]>`
      SELECT count(*) AS missing FROM journal_partition p, head
       WHERE p.end_seq <= head.seq + 1
         AND NOT EXISTS (SELECT 1 FROM journal_filter f WHERE f.first_seq = p.first_seq)`;
    return row?.missing;
  };
  await expect.poll(count).toBe(0n);
};

test('the database refuses none of the partitions that are added at once, however large', async () => {
  const { ledger } = await database();
  // The most that can be set.
  const rows = 100_000_000;
  await ledger`SELECT journal_start(${rows})`;
  await ledger`SELECT journal_add_partition(${rows}, true) FROM generate_series(1, ${ADDED_MAX})`;
  const [row] = await ledger<{ partitions: bigint }[]>`
    SELECT count(*) AS partitions FROM journal_partition`;
  expect(row?.partitions).toBe(BigInt(ADDED_MAX + 1));
});

test('a key of any partition has one outcome, whatever became of the filters', async () => {
  const opened = await smallPartitions();
  let leading = await leadingOver(opened);
  const first = await send(leading, 0, 1_000);
  expect(first.every(({ status }) => status === TransferStatus.POSTED)).toBe(true);
  const expected = shape(first).map((answer) => ({ ...answer, replayed: true }));
  expect(shape(await send(leading, 0, 1_000))).toEqual(expected);
  await allFiltered(opened);
  for (const spoil of [
    'SELECT 1',
    'DELETE FROM journal_filter',
    `UPDATE journal_filter SET bits = decode(repeat('00', length(bits)), 'hex')`,
    `UPDATE journal_filter SET bits = ''`,
    'UPDATE journal_filter SET recipe = 0',
  ]) {
    await leading.stop();
    await opened.admin.unsafe(spoil);
    leading = await Leading.over(opened, { partitionRows: 100 });
    // At once, before any filter is there.
    expect(shape(await send(leading, 300, 40))).toEqual(expected.slice(300, 340));
    await allFiltered(opened);
    expect(shape(await send(leading, 0, 1_000))).toEqual(expected);
  }
  expect(await balanceOf(opened)).toBe(1_000n);
  await leading.stop();
});

test('a row of a known id is refused in every partition, and nothing of its batch is written', async () => {
  const opened = await smallPartitions();
  const leading = await leadingOver(opened);
  await send(leading, 0, 250);
  await leading.stop();
  const next = await Leading.over(opened, { partitionRows: 100 });
  // New keys, of which one is known to neither memory nor Redis.
  const requests = [request(10_000), request(7), request(10_001)];
  const answers = await next.transfer(requests);
  expect(answers.map(({ replayed }) => replayed)).toEqual([false, true, false]);
  const [row] = await opened.admin<{ twice: bigint; rows: bigint }[]>`
    SELECT count(*) - count(DISTINCT id) AS twice, count(*) FILTER (WHERE kind = 1) AS rows
      FROM journal`;
  expect(row).toEqual({ twice: 0n, rows: 252n });
  await next.stop();
});

test('partitions are opened ahead, and one for a batch that waits is as large as it', async () => {
  const opened = await smallPartitions();
  const leading = await leadingOver(opened);
  const requests = Array.from({ length: 750 }, (_, index) => request(index));
  const answers = await leading.transfer(requests);
  expect(answers.every(({ status }) => status === TransferStatus.POSTED)).toBe(true);
  const partitions = () => opened.admin<{ first_seq: bigint; end_seq: bigint; whole: boolean }[]>`
    SELECT first_seq, end_seq, has_id AND has_debit_version AND has_credit_version AS whole
      FROM journal_partition ORDER BY first_seq`;
  await expect.poll(async () => Number((await partitions()).at(-1)?.end_seq)).toBeGreaterThan(850);
  let next = 1n;
  for (const { first_seq, end_seq, whole } of await partitions()) {
    expect({ first_seq, whole }).toEqual({ first_seq: next, whole: true });
    expect(Number(end_seq - first_seq)).toBeGreaterThanOrEqual(100);
    next = end_seq;
  }
  const sizes = (await partitions()).map(({ first_seq, end_seq }) => Number(end_seq - first_seq));
  expect(Math.max(...sizes)).toBeGreaterThan(300);
  expect(await unsparedPartitions(opened.admin)).toEqual([]);
  await leading.stop();
});

test('without a partition for its rows a batch is not applied, by name, until there is one', async () => {
  const opened = await smallPartitions();
  await opened.admin`REVOKE EXECUTE ON FUNCTION journal_add_partition(int8, bool) FROM meridian_ledger`;
  const errors: string[] = [];
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_: string, fields?: object) => errors.push(JSON.stringify(fields)),
  };
  const leading = await Leading.over(opened, { partitionRows: 100, reachMs: 2_000, log });
  await leading.open([openRequest(), openRequest({ externalId: 'bob', min: undefined })]);
  await send(leading, 0, 80);
  const beyond = Array.from({ length: 40 }, (_, index) => request(80 + index));
  await expect(leading.transfer(beyond)).rejects.toThrow(/^NO_PARTITION/u);
  expect(errors.join()).toContain('PARTITION_NOT_ADDED');
  const alarm = expect.stringMatching(/^PARTITION_NOT_ADDED: .* permission denied/u);
  expect(leading.partitionAlarms).toEqual([alarm]);
  expect(await balanceOf(opened)).toBe(80n);
  // What fits is posted.
  expect(await send(leading, 80, 5)).toHaveLength(5);
  await opened.admin`GRANT EXECUTE ON FUNCTION journal_add_partition(int8, bool) TO meridian_ledger`;
  await expect.poll(() => send(leading, 80, 40)).toHaveLength(40);
  expect(await balanceOf(opened)).toBe(120n);
  await expect.poll(() => leading.partitionAlarms).toEqual([]);
  await leading.stop();
});

test(
  'leaders are ended again and again while partitions open and close',
  { timeout: 60_000 },
  async () => {
    const opened = await smallPartitions();
    let leading = await leadingOver(opened);
    let sent = 0;
    for (let round = 0; round < 6; round += 1) {
      const under = Array.from({ length: 12 }, (_, index) =>
        leading
          .transfer(Array.from({ length: 30 }, (__, place) => request(sent + index * 30 + place)))
          .catch(() => undefined),
      );
      await new Promise((resolve) => {
        setTimeout(resolve, (round * 67) % 160);
      });
      // Everything that it was doing is cut off: the next one takes over from its open statements.
      leading.leader.depose('killed');
      const [victim] = await opened.admin<{ ended: bigint }[]>`
      SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
       WHERE datname = current_database() AND usename = 'meridian_ledger'`;
      expect(victim).toBeDefined();
      await Promise.all(under);
      await leading.stop();
      leading = await Leading.over(opened, { partitionRows: 100 });
      // Asked again, each key has one outcome.
      for (const [index, { status }] of (await send(leading, sent, 360)).entries()) {
        expect({ index, status }).toEqual({ index, status: TransferStatus.POSTED });
      }
      sent += 360;
    }
    expect(await balanceOf(opened)).toBe(BigInt(sent));
    const [row] = await opened.admin<{ twice: bigint; gapless: boolean }[]>`
    SELECT count(*) - count(DISTINCT id) AS twice, max(seq) = count(*) AS gapless FROM journal`;
    expect(row).toEqual({ twice: 0n, gapless: true });
    await leading.stop();
  },
);
