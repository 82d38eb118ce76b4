import { setTimeout as sleep } from 'node:timers/promises';
import { Server, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import {
  BookServiceClient,
  BookServiceService,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { EventKind, SubscribeRequest } from '../../proto/gen/meridian/v1/event.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { testDatabases } from '../testing/database/database.ts';
import { ReceivedEvents, range } from '../testing/database/received-events.ts';
import { BOOKS, Leading, SILENT } from '../testing/database/leading.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import type { EventStream } from './subscription.ts';
import { type FollowedMember, Subscriptions } from './subscriptions.ts';
import { PostgresDatabase } from '../store/postgres/postgres-store.ts';
import { insecureLinks } from '../rpc/tls/credentials.ts';

const database = testDatabases();

const [BOOK] = BOOKS;
const ALICE = accountId(1, 1);
const BOB = accountId(1, 2);
const CAROL = accountId(1, 3);

/** A leader with three accounts, its subscriptions behind a real server, and a client. */
async function fixture() {
  const opened = await database();
  const leading = await Leading.over(opened);
  await leading.open(['alice', 'bob', 'carol'].map((externalId) => openRequest({ externalId })));
  let leader: Leading['leader'] | undefined = leading.leader;
  const listeners = new Set<() => void>();
  const member: FollowedMember = {
    config: { book: BOOK, database: new PostgresDatabase(opened.ledgerUrl, BOOK) },
    get leader() {
      return leader;
    },
    onStatus: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const subscriptions = new Subscriptions(member, SILENT);
  const server = new Server({ 'grpc.enable_channelz': 0, 'grpc.max_concurrent_streams': 1_000 });
  const { subscribe } = BookServiceService;
  server.addService(
    { subscribe },
    { subscribe: (stream: EventStream) => void subscriptions.serve(stream) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', insecureLinks.server(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const client = new BookServiceClient(`127.0.0.1:${port}`, insecureLinks.channelTo('ledger'));
  onTestFinished(async () => {
    client.close();
    server.forceShutdown();
    await subscriptions.close();
    await leading.stop();
  });
  const stepDown = () => {
    leader = undefined;
    for (const listener of listeners) listener();
  };
  const follow = (fields: Partial<SubscribeRequest> = {}) =>
    new ReceivedEvents(
      client.subscribe(
        SubscribeRequest.fromPartial({ of: { $case: 'book', value: BOOK.name }, ...fields }),
      ),
    );
  return { ...opened, leading, follow, stepDown };
}

let keys = 0;
const pay = (fields: Partial<CreateTransferRequest> = {}) => {
  keys += 1;
  return transferRequest({ idempotencyKey: `key ${keys}`, ...fields });
};

test('a book is streamed from any place on, and then live', async () => {
  const { leading, follow } = await fixture();
  await leading.transfer(Array.from({ length: 1_200 }, () => pay()));
  const all = follow();
  const some = follow({ after: 700n });
  await all.until(1_204);
  for (let posted = 0; posted < 20; posted += 1) await leading.transfer([pay()]);
  await all.until(1_224);
  await some.until(524);
  expect(all.seqs).toEqual(range(1, 1_224));
  expect(some.events).toEqual(all.events.slice(700));
  expect(all.events.slice(0, 5).map(({ kind }) => kind)).toEqual([
    EventKind.TAKE_OVER,
    EventKind.ACCOUNT_OPENED,
    EventKind.ACCOUNT_OPENED,
    EventKind.ACCOUNT_OPENED,
    EventKind.TRANSFER,
  ]);
  const last = follow({ after: 1_220n, historyOnly: true });
  expect(await last.ended).toBeUndefined();
  expect(last.seqs).toEqual([1_221, 1_222, 1_223, 1_224]);
  const none = follow({ after: 1_224n, historyOnly: true });
  expect(await none.ended).toBeUndefined();
  expect(none.events).toEqual([]);
});

test('a subscription waits for what a copy may have shown before its leader', async () => {
  const { leading, follow, admin } = await fixture();
  const dave = { $case: 'accountId', value: accountId(1, 4) } as const;
  const streams: ReceivedEvents[] = [];
  let committed: Promise<unknown> | undefined;
  // The commit is held up, as by a second region that does not answer.
  await admin.begin(async (held) => {
    await held`SELECT FROM head FOR UPDATE`;
    committed = leading.open([openRequest({ externalId: 'dave' })]);
    streams.push(follow({ after: 5n }), follow({ of: dave }));
    const gone = follow({ of: dave });
    await sleep(400);
    gone.stream.cancel();
    expect((await gone.ended)?.code).toBe(status.CANCELLED);
  });
  await committed;
  await leading.transfer([pay({ creditAccountId: dave.value })]);
  await Promise.all(streams.map((stream) => stream.until(1)));
  expect(streams.map(({ seqs }) => seqs)).toEqual([[6], [6]]);
});

test('a subscription to an account delivers every version, and nothing else', async () => {
  const { leading, follow } = await fixture();
  await leading.transfer(Array.from({ length: 600 }, () => pay()));
  const of = { $case: 'accountId', value: CAROL } as const;
  const carol = follow({ of });
  const toCarol = { creditAccountId: CAROL };
  const fromCarol = { debitAccountId: CAROL };
  await leading.transfer([pay(), pay(toCarol), pay(fromCarol), pay(), pay(toCarol)]);
  await carol.until(3);
  const states = carol.events.map((event) =>
    event.debitAccountId === CAROL ? event.debitAccount : event.creditAccount,
  );
  expect(states.map((state) => [state?.accountId, state?.version, state?.balance])).toEqual([
    [CAROL, 1n, 1n],
    [CAROL, 2n, 0n],
    [CAROL, 3n, 1n],
  ]);
  const rest = follow({ of, after: 1n, historyOnly: true });
  expect(await rest.ended).toBeUndefined();
  expect(rest.events).toEqual(carol.events.slice(1));
  const bob = follow({ of: { $case: 'accountId', value: BOB }, historyOnly: true });
  expect(await bob.ended).toBeUndefined();
  expect(bob.events).toHaveLength(603);
});

test('a subscriber is woken by commits, not by polling', async () => {
  const { leading, follow } = await fixture();
  const book = follow({ after: 4n });
  const alice = follow({ of: { $case: 'accountId', value: ALICE } });
  const took: number[] = [];
  for (let posted = 1; posted <= 20; posted += 1) {
    const started = performance.now();
    await leading.transfer([pay()]);
    await Promise.all([book.until(posted), alice.until(posted)]);
    took.push(performance.now() - started);
  }
  // Polling would take a second each time; a busy machine takes long some of the time.
  expect(took.filter((ms) => ms < 500).length).toBeGreaterThan(5);
});

test.each([
  [
    'a place that is not there yet',
    { after: 5n },
    'after must be 0 to 4, the newest seq of eu-west-1',
  ],
  ['a place before the first', { after: -1n }, 'after must be 0 to 4, the newest seq of eu-west-1'],
  ['a book that is not here', { of: { $case: 'book', value: 'x' } }, 'book must be eu-west-1 here'],
  ['nothing', { of: undefined }, 'book or account_id must be set'],
  [
    'what is no account',
    { of: { $case: 'accountId', value: 7n } },
    'account_id 7 is not an account id',
  ],
  [
    'a version that is not there yet',
    { of: { $case: 'accountId', value: ALICE }, after: 1n },
    `after must be 0 to 0, the newest version of account ${ALICE}`,
  ],
] as const)('%s is refused', async (_, request, text) => {
  const { follow } = await fixture();
  const error = await follow(request).ended;
  expect([error?.code, error?.details]).toEqual([status.INVALID_ARGUMENT, text]);
});

test('subscribing to an unknown account returns NOT_FOUND', async () => {
  const { follow } = await fixture();
  const error = await follow({ of: { $case: 'accountId', value: accountId(1, 9) } }).ended;
  expect(error?.code).toBe(status.NOT_FOUND);
});

test('a leader that steps down ends its streams after what it has written', async () => {
  const { leading, follow, stepDown } = await fixture();
  const followed = follow();
  await leading.transfer([pay()]);
  await followed.until(5);
  stepDown();
  expect((await followed.ended)?.code).toBe(status.ABORTED);
  expect(followed.seqs).toEqual([1, 2, 3, 4, 5]);
  expect((await follow().ended)?.code).toBe(status.UNAVAILABLE);
});

test('a subscriber that does not read holds up no other, and misses nothing', async () => {
  const { leading, follow } = await fixture();
  const slow = follow();
  await slow.until(4);
  slow.stream.pause();
  const quick = follow();
  for (let batch = 0; batch < 5; batch += 1) {
    await leading.transfer(Array.from({ length: 4_000 }, () => pay()));
  }
  await quick.until(20_004);
  await sleep(200);
  expect(slow.events.length).toBeLessThan(100);
  slow.stream.resume();
  await slow.until(20_004);
  expect(slow.seqs).toEqual(range(1, 20_004));
  expect(quick.seqs).toEqual(range(1, 20_004));
});

test('beyond 256 a subscriber is refused, until another one leaves', async () => {
  const { follow } = await fixture();
  const open = Array.from({ length: 256 }, () => follow());
  await Promise.all(open.map((subscriber) => subscriber.until(4)));
  expect((await follow().ended)?.code).toBe(status.RESOURCE_EXHAUSTED);
  open[0]?.stream.cancel();
  await open[0]?.ended;
  const received = async () => {
    const next = follow({ historyOnly: true });
    await next.ended;
    return next.events.length;
  };
  await expect.poll(received).toBe(4);
});
