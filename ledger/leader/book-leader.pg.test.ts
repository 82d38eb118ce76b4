import { randomUUID } from 'node:crypto';
import type { ChainableCommander } from 'ioredis';
import { beforeEach, describe, expect, inject, test } from 'vitest';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { transferIdOf } from '../core/transfer-id.ts';
import { memberOf } from '../keys/ids-command.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { idSets, Leading, redisClient } from '../testing/database/leading.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';

const database = testDatabases();
const withRedis = inject('servers').redisUrl !== '';

const ALICE = accountId(1, 1);
const BOB = accountId(1, 2);
const AWAY = accountId(2, 1);

async function leadingTwo(opened: TestDatabase, redis: boolean): Promise<Leading> {
  const leading = await Leading.over(opened, { withRedis: redis });
  await leading.open([openRequest(), openRequest({ externalId: 'bob', min: undefined })]);
  return leading;
}

const key = (idempotencyKey: string, fields: Partial<CreateTransferRequest> = {}) =>
  transferRequest({ idempotencyKey, ...fields });

/** The fields that must not depend on Redis: everything but times and epochs. */
function shape({ transferId, status, reason, differingField, replayed, position }: Answer) {
  return { transferId, status, reason, differingField, replayed, seq: position?.seq };
}

type Answer = CreateTransferResponse;

/** The rounds of one story: new keys, repeats, altered repeats, refusals, another book. */
const ROUNDS: readonly (readonly CreateTransferRequest[])[] = [
  [
    key('posted', { amount: 100n }),
    key('refused', { debitAccountId: BOB, creditAccountId: ALICE, amount: 101n }),
    key('away', { creditAccountId: AWAY, reference: '"quoted" {NULL}', metadata: { a: '1' } }),
    key('unknown', { creditAccountId: accountId(1, 99) }),
    key('posted', { amount: 100n }),
    key('posted', { amount: 7n }),
  ],
  [
    key('posted', { amount: 100n, wait: 2 }),
    key('refused', { debitAccountId: BOB, creditAccountId: ALICE, amount: 101n }),
    key('away', { creditAccountId: AWAY, reference: '"quoted" {NULL}', metadata: { a: '1' } }),
    key('away', { creditAccountId: AWAY, reference: '"quoted" {NULL}', metadata: { a: '2' } }),
    key('unknown', { creditAccountId: accountId(1, 98) }),
    key('posted', { amount: 100n, namespace: 'other' }),
  ],
  [
    key('new next to old', { code: 5 }),
    key('posted', { amount: 100n, code: 1 }),
    key('refused', { debitAccountId: BOB, creditAccountId: ALICE, amount: 101n }),
    key('new next to old', { code: 5 }),
  ],
];

const IDS = ROUNDS.flat().map(({ namespace, idempotencyKey }) =>
  transferIdOf(namespace, idempotencyKey),
);

/** Sends all rounds, and lets something happen before each. Returns the answers. */
async function answersTo(leading: Leading, before: (round: number) => Promise<void>) {
  const answers: ReturnType<typeof shape>[][] = [];
  for (const [round, requests] of ROUNDS.entries()) {
    await before(round);
    answers.push((await leading.transfer(requests)).map(shape));
  }
  return answers;
}

const quiet = () => Promise.resolve();

describe.skipIf(!withRedis)('whatever happens to Redis, the answers are the same', () => {
  let expected: ReturnType<typeof shape>[][] = [];

  // Sent once without Redis: the answers of every other run are compared with these.
  beforeEach(async () => {
    if (expected.length > 0) return;
    const leading = await leadingTwo(await database(), false);
    expected = await answersTo(leading, quiet);
    await leading.stop();
  });

  test('without Redis they are as expected', () => {
    const { POSTED, IN_TRANSIT, REJECTED } = TransferStatus;
    expect(expected.map((round) => round.map(({ status }) => status))).toEqual([
      [POSTED, REJECTED, IN_TRANSIT, REJECTED, POSTED, REJECTED],
      [POSTED, REJECTED, IN_TRANSIT, REJECTED, REJECTED, POSTED],
      [POSTED, REJECTED, REJECTED, POSTED],
    ]);
    expect(expected.map((round) => round.map(({ replayed }) => replayed))).toEqual([
      [false, false, false, false, true, false],
      [true, true, true, false, false, false],
      [false, false, true, true],
    ]);
    expect(
      expected.map((round) => round.map(({ reason, differingField }) => differingField || reason)),
    ).toEqual([
      [0, Reason.INSUFFICIENT_FUNDS, 0, Reason.CREDIT_ACCOUNT_NOT_FOUND, 0, 'amount'],
      [0, Reason.INSUFFICIENT_FUNDS, 0, 'metadata', 'credit_account_id', 0],
      [0, 'code', Reason.INSUFFICIENT_FUNDS, 0],
    ]);
  });

  test('with Redis there', async () => {
    const leading = await leadingTwo(await database(), true);
    expect(await answersTo(leading, quiet)).toEqual(expected);
    await leading.stop();
  });

  test('with Redis flushed between the rounds', async () => {
    const redis = redisClient();
    const leading = await leadingTwo(await database(), true);
    // Its own ids only: other tests use the same Redis.
    const forget = async () => void (await redis.unlink(...idSets(leading)));
    expect(await answersTo(leading, forget)).toEqual(expected);
    await leading.stop();
    redis.disconnect();
  });

  test('with Redis hanging', async () => {
    const redis = redisClient();
    const leading = await leadingTwo(await database(), true);
    const pause = async () => void (await redis.client('PAUSE', 300, 'ALL'));
    expect(await answersTo(leading, pause)).toEqual(expected);
    await leading.stop();
    redis.disconnect();
  });

  test('with every key invented in Redis before it is used', async () => {
    const redis = redisClient();
    const leading = await leadingTwo(await database(), true);
    const invent = async () => {
      for (const name of idSets(leading)) await redis.sadd(name, ...IDS.map(memberOf));
    };
    await invent();
    expect(await answersTo(leading, invent)).toEqual(expected);
    await leading.stop();
    redis.disconnect();
  });

  test.each<[string, (redis: ChainableCommander, name: string) => ChainableCommander]>([
    ['a text', (redis, name) => redis.set(name, 'POSTED')],
    ['a hash', (redis, name) => redis.hset(name, IDS[0] ?? '', '0 1 2 3 0 x')],
    ['a list', (redis, name) => redis.lpush(name, ...IDS)],
  ])('with %s in Redis in place of the ids, and the cache comes back', async (_, put) => {
    const redis = redisClient();
    const leading = await leadingTwo(await database(), true);
    const spoil = async () => {
      for (const name of idSets(leading)) {
        // At once, for the leader may be adding ids.
        await put(redis.multi().unlink(name), name).exec();
      }
    };
    expect(await answersTo(leading, spoil)).toEqual(expected);
    const used = async () => {
      await leading.transfer([key(`after ${randomUUID()}`)]);
      const sizes = idSets(leading).map(async (name) =>
        (await redis.type(name)) === 'set' ? redis.scard(name) : 0,
      );
      return (await Promise.all(sizes)).some((size) => size > 0);
    };
    await expect.poll(used).toBe(true);
    await leading.stop();
    redis.disconnect();
  });

  test('with a take-over between the rounds, after which memory is empty', async () => {
    const opened = await database();
    let leading = await leadingTwo(opened, true);
    const answers: ReturnType<typeof shape>[][] = [];
    for (const requests of ROUNDS) {
      answers.push((await leading.transfer(requests)).map(shape));
      await leading.stop();
      leading = await Leading.over(opened, { withRedis: true });
    }
    // Each take-over has a row of its own.
    const moved = expected.map((round) => round.map((each) => ({ ...each, seq: undefined })));
    expect(answers.map((round) => round.map((each) => ({ ...each, seq: undefined })))).toEqual(
      moved,
    );
    await leading.stop();
  });

  // The data stored for one key is put under all names and types that a key may have had, for
  // another key with the same body: an answer made of it would be POSTED.
  test('data that Redis has of one key, stored under another, does not become an outcome', async () => {
    const redis = redisClient();
    const opened = await database();
    const leading = await leadingTwo(opened, true);
    await leading.transfer([key('decided', { amount: 3n })]);
    const copied = async () => {
      // What was to be added while Redis did not answer is not in it.
      await leading.transfer([key(`filler ${randomUUID()}`, { amount: 3n })]);
      for (const name of await redis.keys(`*${leading.head.instance}*`)) {
        const forged = memberOf(transferIdOf('', 'never sent'));
        if ((await redis.type(name)) === 'set') return redis.sadd(name, forged);
        const [value] = Object.values(await redis.hgetall(name));
        if (value !== undefined) return redis.hset(name, forged, value);
      }
      return 0;
    };
    await expect.poll(copied).toBe(1);
    const [answer] = await leading.transfer([key('never sent', { amount: 3n })]);
    expect(answer).toMatchObject({ status: TransferStatus.POSTED, replayed: false });
    expect(answer?.position?.seq).toBeGreaterThan(3n);
    await leading.stop();
    redis.disconnect();
  });
});

test.each([true, false])(
  'one key in many works at once has one outcome (Redis: %s)',
  async (redis) => {
    const opened = await database();
    const leading = await leadingTwo(opened, redis && withRedis);
    const works = Array.from({ length: 30 }, (_, index) =>
      leading.transfer(
        Array.from({ length: 20 }, (__, place) =>
          key(`key ${(index * 7 + place) % 25}`, {
            amount: BigInt(((index * 7 + place) % 25) + 1),
          }),
        ),
      ),
    );
    const answers = (await Promise.all(works)).flat();
    const fresh = answers.filter(({ replayed }) => !replayed);
    expect(fresh).toHaveLength(25);
    const outcomes = new Set(
      answers.map(({ transferId, position }) => `${transferId} ${position?.seq}`),
    );
    expect(outcomes.size).toBe(25);
    const [row] =
      await opened.ledger`SELECT credits, version FROM balance WHERE external_id = 'bob'`;
    expect(row).toEqual({ credits: BigInt((25 * 26) / 2), version: 25n });
    await leading.stop();
  },
);

test('accounts are opened once, however they are asked for', async () => {
  const opened = await database();
  const leading = await Leading.over(opened);
  const carol = openRequest({ externalId: 'carol', metadata: { '"': '{}' } });
  const [first, second] = await Promise.all([
    leading.open([carol, carol, { ...carol, asset: 'USD' }]),
    leading.open([carol]),
  ]);
  expect(first.map(({ replayed }) => replayed)).toEqual([false, true, false]);
  expect(first[2]).toMatchObject({ account: undefined, differingField: 'asset' });
  expect(second[0]).toEqual({ ...first[0], replayed: true });
  const again = await leading.open([carol, openRequest({ externalId: 'dave' })]);
  expect(again[0]).toEqual({ ...first[0], replayed: true });
  expect(again[1]?.account?.id).toBe(accountId(1, 2));
  await leading.stop();
  const next = await Leading.over(opened);
  expect((await next.open([carol]))[0]).toEqual({ ...first[0], replayed: true });
  expect((await next.open([openRequest()]))[0]?.account?.id).toBe(accountId(1, 3));
  await next.stop();
});

test('a request that is too late is not begun, and may be retried', async () => {
  const opened = await database();
  const leading = await leadingTwo(opened, false);
  const [late] = await leading.transfer([key('late')], performance.now() - 1);
  expect(late?.status).toBe(TransferStatus.UNSPECIFIED);
  const [again] = await leading.transfer([key('late')]);
  expect(again).toMatchObject({ status: TransferStatus.POSTED, replayed: false });
  await leading.stop();
});

// The journal refuses a row whose two accounts are one, and with it the batch.
test('a leg to its own transit account is refused, and the channel goes on', async () => {
  const opened = await database();
  const leading = await leadingTwo(opened, false);
  const settle = (firstNumber: number, creditAccountId: bigint) => {
    const leg = { ...transferRequest(), debitAccountId: AWAY, creditAccountId, asset: 'EUR' };
    const legs = [{ ...leg, transferId: transferIdOf('', `leg ${firstNumber}`), reversalOf: '' }];
    return leading.leader.execute({ kind: 'settle', originBook: 2, firstNumber, legs });
  };
  expect(await settle(1, BOB)).toMatchObject({ inOrder: true, refusals: [] });
  const transit = accountId(1, 3);
  expect(await settle(2, transit)).toMatchObject({ refusals: [{ number: 2 }] });
  expect(await settle(3, BOB)).toMatchObject({ inOrder: true, refusals: [] });
  await leading.stop();
});
