import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { Leading } from '../testing/database/leading.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { LedgerError } from './ledger-error.ts';

const database = testDatabases();

async function leadingTwo(opened: TestDatabase, address = 'a:1'): Promise<Leading> {
  const leading = await Leading.over(opened, { address });
  await leading.open([openRequest(), openRequest({ externalId: 'bob' })]);
  return leading;
}

/** Requests that were made, and what is known of each. */
class Load {
  readonly requests: CreateTransferRequest[] = [];
  readonly acknowledged = new Map<string, CreateTransferResponse>();
  readonly failures: LedgerError[] = [];
  #stopped = false;

  /** Three works at a time, one after the other, until `stop` or the first failure of each. */
  async run(leading: Leading): Promise<void> {
    const one = async (lane: number) => {
      while (!this.#stopped && this.failures.length === 0) {
        const requests = Array.from({ length: 50 }, (_, place) =>
          transferRequest({ idempotencyKey: `${lane} ${this.requests.length} ${place}` }),
        );
        this.requests.push(...requests);
        try {
          for (const answer of await leading.transfer(requests)) {
            this.acknowledged.set(answer.transferId, answer);
          }
        } catch (error) {
          if (!(error instanceof LedgerError)) throw error;
          this.failures.push(error);
        }
      }
    };
    await Promise.all([0, 1, 2].map(one));
  }

  stop(): void {
    this.#stopped = true;
  }
}

const text = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

/** Asks everything again: each key must have one outcome, the one that was acknowledged. */
async function checkAgain(load: Load, leading: Leading, { ledger }: TestDatabase): Promise<void> {
  const answers: CreateTransferResponse[] = [];
  for (let at = 0; at < load.requests.length; at += 4000) {
    answers.push(...(await leading.transfer(load.requests.slice(at, at + 4000))));
  }
  const bySeq = new Set(answers.map(({ position }) => position?.seq));
  expect(bySeq.size).toBe(load.requests.length);
  for (const answer of answers) {
    const before = load.acknowledged.get(answer.transferId);
    const expected = before === undefined ? answer : { ...before, replayed: true };
    // Comparing texts is a hundred times faster, and there are thousands of them.
    expect(JSON.stringify(answer, text)).toBe(JSON.stringify(expected, text));
  }
  const count = BigInt(load.requests.length);
  expect(await ledger`SELECT count(*) FROM journal WHERE kind = 1`).toEqual([{ count }]);
  expect(
    await ledger`
    SELECT external_id, debits, credits, version FROM balance ORDER BY account`,
  ).toEqual([
    { external_id: 'alice', debits: count, credits: 0n, version: count },
    { external_id: 'bob', debits: 0n, credits: count, version: count },
  ]);
  const [seqs] = await ledger`SELECT max(seq) = count(*) AS gapless FROM journal`;
  expect(seqs).toEqual({ gapless: true });
}

/** Ends those connections of the ledger's role that wait for a lock; returns how many. */
async function terminateWaiting({ admin, name }: TestDatabase): Promise<number> {
  const rows = await admin`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE usename = 'meridian_ledger' AND datname = ${name} AND wait_event_type = 'Lock'`;
  return rows.length;
}

/** Ends all connections of the ledger's role, whatever they are doing. */
async function terminateAll({ admin, name }: TestDatabase): Promise<void> {
  await admin`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE usename = 'meridian_ledger' AND datname = ${name}`;
}

test('a commit whose connection is cut while it waits has an unknown outcome', async () => {
  const opened = await database();
  const leading = await leadingTwo(opened);
  const request = transferRequest({ amount: 9n });
  // Another session locks the head, so the append waits, and its connection can be cut meanwhile.
  const failing = opened.admin.begin(async (tx) => {
    await tx`SELECT * FROM head FOR UPDATE`;
    const transfer = leading.transfer([request]);
    transfer.catch(() => undefined);
    await expect.poll(() => terminateWaiting(opened)).toBe(1);
    await expect(transfer).rejects.toMatchObject({ code: 'outcome_unknown' });
  });
  await failing;
  expect(await leading.ended).toMatch(/commit was lost/u);
  await expect(leading.transfer([request])).rejects.toMatchObject({ code: 'not_leader' });
  await leading.stop();
  const next = await Leading.over(opened);
  expect((await next.transfer([request]))[0]).toMatchObject({ replayed: false });
  expect((await next.transfer([request]))[0]).toMatchObject({ replayed: true });
  await next.stop();
});

test('connections cut under load: after the next take-over each key has one outcome', async () => {
  for (const afterMs of [120, 230, 350]) {
    const opened = await database();
    const leading = await leadingTwo(opened);
    const load = new Load();
    const running = load.run(leading);
    await expect.poll(() => load.acknowledged.size, { interval: 5 }).toBeGreaterThan(0);
    // A connection that is idle when it is cut is opened again, and no caller notices.
    for (let tries = 0; load.failures.length === 0 && tries < 100; tries += 1) {
      await sleep(tries === 0 ? afterMs : 7);
      await terminateAll(opened);
    }
    load.stop();
    await running;
    expect(load.failures.length).toBeGreaterThan(0);
    for (const { code } of load.failures) expect(code).toMatch(/^(outcome_unknown|not_leader)$/u);
    expect(load.acknowledged.size).toBeGreaterThan(0);
    await leading.ended;
    await leading.stop();
    const next = await Leading.over(opened);
    await checkAgain(load, next, opened);
    await next.stop();
  }
});

test('of two leaders of one book the first steps down, and nothing is posted twice', async () => {
  const opened = await database();
  const first = await leadingTwo(opened, 'a:1');
  const load = new Load();
  const running = load.run(first);
  await sleep(150);
  const second = await Leading.over(opened, { address: 'b:1' });
  // Both are asked the same from now on.
  const during = load.requests.slice(-200);
  const [answers] = await Promise.all([second.transfer(during), running]);
  expect(new Set(answers.map(({ transferId }) => transferId)).size).toBe(during.length);
  expect(await first.ended).toMatch(/taken the book over/u);
  expect(load.failures.map(({ code }) => code)).not.toContain('not_applied');
  await checkAgain(load, second, opened);
  await first.stop();
  await second.stop();
});

test('an idle leader notices soon that it was taken over', async () => {
  const opened = await database();
  const first = await leadingTwo(opened, 'a:1');
  const second = await Leading.over(opened, { address: 'b:1' });
  const before = performance.now();
  expect(await first.ended).toBe('b:1 has taken the book over in epoch 2');
  expect(performance.now() - before).toBeLessThan(10_000);
  await expect(first.transfer([transferRequest()])).rejects.toMatchObject({ code: 'not_leader' });
  expect(accountId(1, 1)).toBe((await second.open([openRequest()]))[0]?.account?.id);
  await first.stop();
  await second.stop();
});
