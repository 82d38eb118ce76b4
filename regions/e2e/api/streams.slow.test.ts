import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { ReceivedEvents, range } from '../../../ledger/testing/database/received-events.ts';
import { GetAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import {
  type AccountState,
  Event,
  SubscribeRequest,
} from '../../../proto/gen/meridian/v1/event.ts';
import type { ListEntriesResponse } from '../../../proto/gen/meridian/v1/query.ts';
import { CreateTransferRequest, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { parseConfig } from '../../config/load-config.ts';
import { processSettings } from '../../config/process-settings.ts';
import { type Cluster, startCluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { Api } from '../../testing/api-client.ts';
import { ReceivedAnswers } from './received-answers.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

/** The two streams of the API, through real routers and ledger servers that are killed. */

const CONFIG = `settings:
  ledger: { subscriptions: 68 }
  router: { subscriptionsPerConnection: 99 }
  supervisor: { postgresBuffersMib: 48 }`;
const ENVIRONMENT = { MERIDIAN_ROUTER_SUBSCRIPTIONS_PER_CONNECTION: '64' };

const folder = temporaryFolder();
let cluster: Cluster;
let eu: Api;
let us: Api;
let sql: postgres.Sql;
let alice = 0n;
let bob = 0n;
let away = 0n;

const BOOK = { $case: 'book', value: 'eu-west-1' } as const;

beforeAll(async () => {
  const dataDir = path.join(folder(), 'data');
  const { settings } = parseConfig(CONFIG, undefined, ENVIRONMENT);
  const basePort = await findFreeBase();
  cluster = await startCluster({ dataDir, basePort, settings: processSettings(settings) });
  const [first, second] = cluster.regions;
  eu = new Api(must(first, 'there is eu-west').routerAddress);
  us = new Api(must(second, 'there is us-east').routerAddress);
  sql = postgres(must(first, 'there is eu-west').auditorUrl, { max: 1 });
  alice = await eu.account('alice');
  bob = await eu.account('bob');
  away = await eu.account('away', { homeRegion: 'us-east' });
});

afterAll(async () => {
  eu?.close();
  us?.close();
  await sql?.end();
  await cluster?.stop();
});

const follow = (api: Api, fields: Partial<SubscribeRequest>) =>
  new ReceivedEvents(api.stub.subscribe(SubscribeRequest.fromPartial(fields)));

/** Code and text with which a subscription is refused. */
async function refused(fields: Partial<SubscribeRequest>) {
  const error = await follow(us, fields).ended;
  return [error?.code, error?.details];
}

/** Opens subscriptions until one is refused. Returns how many there are, and why. */
async function openUntilRefused(api: Api): Promise<{ opened: ReceivedEvents[]; why: unknown }> {
  const opened: ReceivedEvents[] = [];
  for (;;) {
    const received = follow(api, { of: BOOK });
    const why = await Promise.race([
      received.until(1, 20_000),
      received.ended.then((error) => error?.details),
    ]);
    if (typeof why === 'string') return { opened, why };
    opened.push(received);
  }
}

test('settings of the file and of the environment reach the servers', async () => {
  await eu.transfers(pays(1));
  const here = await openUntilRefused(eu);
  const there = await openUntilRefused(us);
  expect([here.opened.length, here.why]).toEqual([
    64,
    '64 subscriptions of this connection are open',
  ]);
  expect([there.opened.length, there.why]).toEqual([4, '68 subscriptions are open here']);
  for (const received of [...here.opened, ...there.opened]) received.stream.cancel();
  const [buffers] = await sql`SHOW shared_buffers`;
  expect(buffers).toEqual({ shared_buffers: '48MB' });
});

let keys = 0;
function pay(fields: Partial<CreateTransferRequest> = {}): CreateTransferRequest {
  keys += 1;
  return CreateTransferRequest.fromPartial({
    idempotencyKey: `pay ${keys}`,
    debitAccountId: alice,
    creditAccountId: bob,
    amount: 1n,
    ...fields,
  });
}

const pays = (count: number) => Array.from({ length: count }, () => pay());

async function newestSeq(): Promise<number> {
  const [head] = await sql<{ seq: string }[]>`SELECT seq FROM head`;
  return Number(head?.seq);
}

/** Waits until a subscription has reached the position at which the book stays. */
async function untilNewest(received: ReceivedEvents): Promise<void> {
  let newest = -1;
  for (let now = await newestSeq(); now > newest; now = await newestSeq()) {
    newest = now;
    await received.until(newest - (received.seqs[0] ?? 1) + 1, 60_000);
    await sleep(300);
  }
}

/** Sends transfers of all sorts until stopped, regardless of faults. */
function startLoad() {
  const stopping = new AbortController();
  const worker = async () => {
    while (!stopping.signal.aborted) {
      const hold = pay({ amount: 5n, action: { $case: 'hold', value: { timeoutSeconds: 60 } } });
      const calls = [
        eu.transfers(pays(40)),
        eu.transfer(pay({ debitAccountId: bob, creditAccountId: alice })),
        us.transfer(pay({ creditAccountId: away })),
        eu.transfer(pay({ debitAccountId: away, creditAccountId: bob })),
        eu.transfer(hold).then(({ transferId: holdId }) =>
          eu.transfer(
            pay({
              creditAccountId: 0n,
              amount: 2n,
              action: { $case: 'capture', value: { holdId, final: true } },
            }),
          ),
        ),
      ];
      await Promise.allSettled(calls);
    }
  };
  const workers = [worker(), worker()];
  return async () => {
    stopping.abort();
    await Promise.all(workers);
  };
}

/** Compares every account state of the events with the view that auditors read. */
async function expectEntries(events: readonly Event[]): Promise<void> {
  const rows = await sql<Record<string, string>[]>`
    SELECT account, version, debits_after, credits_after, balance_after, held_debits_after,
           held_credits_after, available_after, seq
      FROM entry ORDER BY seq, side DESC`;
  const stored = rows.map((row) => Object.values(row).map(BigInt));
  const streamed = events.flatMap(({ position, debitAccount, creditAccount }) =>
    [debitAccount, creditAccount].flatMap((state) =>
      state === undefined ? [] : [[...numbersOf(state), position?.seq]],
    ),
  );
  expect(streamed).toEqual(stored);
}

const numbersOf = (state: AccountState) => [
  state.accountId,
  state.version,
  state.debits,
  state.credits,
  state.balance,
  state.heldDebits,
  state.heldCredits,
  state.available,
];

describe('a subscription', () => {
  test('to a book returns its history and goes on live, with balances as auditors see them', async () => {
    const stopLoad = startLoad();
    await sleep(500);
    const whole = follow(eu, { of: BOOK });
    const fromAfar = follow(us, { of: BOOK });
    await sleep(2_000);
    await whole.until(501, 60_000);
    await stopLoad();
    await untilNewest(whole);
    await untilNewest(fromAfar);
    expect(whole.events.length).toBeGreaterThan(500);
    expect(whole.seqs).toEqual(range(1, whole.events.length));
    expect(fromAfar.events).toEqual(whole.events);
    const rows = await sql<{ id: string; kind: number; reason: number }[]>`
      SELECT COALESCE(origin_id, id) AS id, kind, reason FROM journal WHERE kind NOT IN (4, 5)
       ORDER BY seq`;
    const requests = whole.events.filter(({ kind }) => kind !== 4 && kind !== 5);
    expect(requests.map(({ transferId: id, kind, reason }) => ({ id, kind, reason }))).toEqual([
      ...rows,
    ]);
    await expectEntries(whole.events);
    whole.stream.cancel();
    fromAfar.stream.cancel();
  });

  test('to an account returns every version of it', async () => {
    const of = { $case: 'accountId', value: bob } as const;
    const received = follow(us, { of });
    await eu.transfers(pays(20));
    const request = { accountId: bob, pageSize: 1, pageToken: '', newestFirst: true };
    const { entries } = await eu.call<ListEntriesResponse>((stub, ...rest) =>
      stub.listEntries({ ...request, options: undefined }, ...rest),
    );
    const newest = Number(entries[0]?.version);
    await received.until(newest);
    const states = received.events.map(({ debitAccount, creditAccount }) =>
      debitAccount?.accountId === bob ? debitAccount : creditAccount,
    );
    expect(states.map((state) => Number(state?.version))).toEqual(range(1, newest));
    expect(states.at(-1)?.balance).toBe(entries[0]?.balanceAfter);
    const rest = follow(eu, { of, after: BigInt(newest - 7), historyOnly: true });
    expect(await rest.ended).toBeUndefined();
    expect(rest.events).toEqual(received.events.slice(-7));
    received.stream.cancel();
  });

  test('resumes from any position', async () => {
    const whole = follow(eu, { of: BOOK, historyOnly: true });
    expect(await whole.ended).toBeUndefined();
    const parts: Event[] = [];
    for (let round = 0; parts.length < whole.events.length; round += 1) {
      const after = BigInt(parts.length);
      const part = follow(round % 2 === 0 ? eu : us, { of: BOOK, after });
      await part.until(Math.min(1 + round * 97, whole.events.length - parts.length));
      part.stream.cancel();
      parts.push(...part.events);
    }
    expect(parts).toEqual(whole.events);
  });

  test('to an unknown book, position or account is refused with the known ones', async () => {
    expect(await refused({ of: { $case: 'book', value: 'mars-1' } })).toEqual([
      status.INVALID_ARGUMENT,
      'book must be one of eu-west-1, us-east-1, ap-south-1',
    ]);
    expect(await refused({ of: BOOK, after: 1n << 40n })).toEqual([
      status.INVALID_ARGUMENT,
      `after must be 0 to ${await newestSeq()}, the newest seq of eu-west-1`,
    ]);
    expect(await refused({ of: { $case: 'accountId', value: bob + 1_000n } })).toEqual([
      status.NOT_FOUND,
      `there is no account ${bob + 1_000n}`,
    ]);
  });

  test('ends with the deadline of its caller', async () => {
    const options = { deadline: Date.now() + 500 };
    const request = SubscribeRequest.fromPartial({ of: BOOK });
    const received = new ReceivedEvents(eu.stub.subscribe(request, options));
    expect((await received.ended)?.code).toBe(status.DEADLINE_EXCEEDED);
  });

  test('continues without a gap when the leader is killed, twice', async () => {
    const received = follow(us, { of: BOOK });
    const account = follow(eu, { of: { $case: 'accountId', value: alice } });
    const stopLoad = startLoad();
    for (let kill = 0; kill < 2; kill += 1) {
      await sleep(1_000);
      const before = received.events.length;
      cluster.processes.kill('eu-west/ledger', 'SIGKILL');
      await cluster.processes.waitReady('eu-west/ledger', 30_000);
      await received.until(before + 200, 30_000);
    }
    await stopLoad();
    await untilNewest(received);
    expect(received.seqs).toEqual(range(1, received.events.length));
    const takeOvers = received.events.filter(({ kind }) => kind === 5);
    expect(takeOvers.length).toBeGreaterThanOrEqual(3);
    await expectEntries(received.events);
    const ofAlice = received.events.filter(({ debitAccount, creditAccount }) =>
      [debitAccount, creditAccount].some((state) => state?.accountId === alice),
    );
    await account.until(ofAlice.length);
    expect(account.events).toEqual(ofAlice);
    received.stream.cancel();
    account.stream.cancel();
  });

  test('that is not read costs little memory and holds up no other client', async () => {
    for (let batch = 0; batch < 5; batch += 1) await eu.transfers(pays(4_000));
    const processes = ['eu-west/ledger', 'eu-west/router'].map((name) =>
      must(cluster.processes.pid(name), `${name} runs`),
    );
    const before = processes.map(residentMegabytes);
    const slow = Array.from({ length: 60 }, () => follow(eu, { of: BOOK }));
    for (const { stream } of slow) stream.pause();
    await sleep(3_000);
    const posted = performance.now();
    await eu.transfer(pay());
    // A call that is held up ends only with its deadline.
    expect(performance.now() - posted).toBeLessThan(10_000);
    // A client with its own connection is not held up by them, whatever it asks.
    const asked = performance.now();
    const other = new Api(must(cluster.regions[0], 'there is eu-west').routerAddress);
    const opened = await other.account('next to the slow ones');
    const get = GetAccountRequest.fromPartial({ id: opened });
    await other.call((stub, ...rest) => stub.getAccount(get, ...rest));
    other.close();
    expect(performance.now() - asked).toBeLessThan(10_000);
    const quick = follow(eu, { of: BOOK });
    await untilNewest(quick);
    expect(quick.seqs).toEqual(range(1, quick.events.length));
    // Sixty copies of the journal would take more than a gigabyte. A router takes about 300, most of it
    // what the streams may have on their way.
    for (const [index, pid] of processes.entries()) {
      expect(residentMegabytes(pid) - (before[index] ?? 0)).toBeLessThan(450);
    }
    const [one] = slow;
    expect(one?.events.length).toBeLessThan(1_000);
    one?.stream.resume();
    await one?.until(quick.events.length);
    expect(one?.seqs).toEqual(quick.seqs);
    for (const { stream } of [...slow, quick]) stream.cancel();
  });
});

function residentMegabytes(pid: number): number {
  const [, kilobytes = '0'] =
    /VmRSS:\s+(\d+)/u.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

/** How many of the plain transfers of these keys are in the journal, posted. */
async function postedOf(requests: readonly CreateTransferRequest[]): Promise<number> {
  const [row] = await sql<{ count: string }[]>`
    SELECT count(*) FROM journal
     WHERE kind = 1 AND reason = 0
       AND key = ANY(${requests.map(({ idempotencyKey }) => idempotencyKey)})`;
  return Number(row?.count);
}

describe('a stream of transfers', () => {
  test('answers 10,000 in their order', async () => {
    const requests = pays(10_000);
    const received = new ReceivedAnswers(eu.stub.streamTransfers());
    received.send(requests);
    received.stream.end();
    expect(await received.ended).toBeUndefined();
    expect(received.sequences).toEqual(range(1, 10_000));
    expect(received.statuses).toEqual([TransferStatus.POSTED]);
    expect(await postedOf(requests)).toBe(10_000);
    const seqs = received.results.map(({ position }) => Number(position?.seq));
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });

  test('accepts transfers of every region, and answers some with faults', async () => {
    const received = new ReceivedAnswers(us.stub.streamTransfers());
    received.send([
      pay(),
      pay({ creditAccountId: away }),
      pay({ debitAccountId: away, creditAccountId: bob }),
      pay({ amount: -1n }),
      pay({ dryRun: true }),
      pay({ creditAccountId: bob + 1_000n }),
    ]);
    received.stream.end();
    expect(await received.ended).toBeUndefined();
    const { POSTED, REJECTED } = TransferStatus;
    const { INVALID_ARGUMENT } = status;
    expect(
      received.answers.map(({ answer }) =>
        answer?.$case === 'fault' ? answer.value.code : answer?.value.status,
      ),
    ).toEqual([POSTED, POSTED, POSTED, INVALID_ARGUMENT, INVALID_ARGUMENT, REJECTED]);
  });

  test('is read only as fast as its caller reads answers', async () => {
    const requests = pays(25_000);
    const received = new ReceivedAnswers(eu.stub.streamTransfers());
    received.stream.pause();
    received.send(requests);
    received.stream.end();
    let posted = -1;
    for (let now = 0; now !== posted || now < 4_000;) {
      posted = now;
      await sleep(1_000);
      now = await postedOf(requests);
    }
    expect(posted).toBeGreaterThanOrEqual(4_000);
    expect(posted).toBeLessThan(15_000);
    received.stream.resume();
    expect(await received.ended).toBeUndefined();
    expect(received.sequences).toEqual(range(1, 25_000));
    expect(await postedOf(requests)).toBe(25_000);
  });

  test.each([
    ['eu-west/router', true],
    ['eu-west/ledger', false],
  ])(
    'continues on another stream with the same keys when %s is killed, and posts nothing twice',
    async (name, breaks) => {
      const requests = pays(20_000);
      let open: CreateTransferRequest[] = requests;
      const ends: unknown[] = [];
      for (const api of [eu, us, eu, us, eu, us]) {
        const received = new ReceivedAnswers(api.stub.streamTransfers());
        received.send(open);
        received.stream.end();
        if (ends.length === 0) {
          await received.until(3_000);
          cluster.processes.kill(name, 'SIGKILL');
        }
        ends.push(await received.ended);
        expect(received.sequences).toEqual(range(1, received.answers.length));
        expect(received.statuses).toEqual([TransferStatus.POSTED]);
        const answered = received.answers.map(({ answer }) => answer?.$case === 'result');
        open = open.filter((_, index) => answered[index] !== true);
        if (open.length === 0) break;
      }
      expect(open).toEqual([]);
      expect(ends[0] !== undefined).toBe(breaks);
      expect(await postedOf(requests)).toBe(20_000);
      await cluster.processes.waitReady(name, 30_000);
    },
  );
});
