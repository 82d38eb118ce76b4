import { randomUUID } from 'node:crypto';
import { describe, expect, inject, test } from 'vitest';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import { runAudit } from '../audit/run-audit.ts';
import { accountId } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import { ledgerTuning } from '../ledger-tuning.ts';
import { loadAccounts } from '../store/postgres/load-accounts.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { idSets, Leading, redisClient } from '../testing/database/leading.ts';

const database = testDatabases();
const withRedis = inject('servers').redisUrl !== '';

const { POSTED, REJECTED } = TransferStatus;
const ACCOUNTS = 6;
const idOf = (number: number) => accountId(1, number);
const ALL = Array.from({ length: ACCOUNTS }, (_, index) => idOf(index + 1));
/** A batch has room for two works of this many. */
const WORK = 8;
const SMALL = { ...ledgerTuning, batchItems: WORK * 2 };

/** Accounts without limits, but for the last, which must not fall below zero. */
async function leadingSix(opened: TestDatabase, redis = false, tuning = SMALL): Promise<Leading> {
  const leading = await Leading.over(opened, { withRedis: redis && withRedis, tuning });
  const free = { $case: 'noMinBalance', value: true } as const;
  await leading.open(
    ALL.map((_, index) =>
      openRequest({
        externalId: `account ${index}`,
        min: index < ACCOUNTS - 1 ? free : { $case: 'minBalance', value: 0n },
      }),
    ),
  );
  return leading;
}

const plain = (fields: Partial<CreateTransferRequest> = {}) =>
  transferRequest({
    idempotencyKey: randomUUID(),
    debitAccountId: idOf(1),
    creditAccountId: idOf(2),
    amount: 10n,
    ...fields,
  });

const work = (length = WORK) => Array.from({ length }, () => plain());

/** Pays the account that has nothing, by the general lane. */
const pays = () => plain({ creditAccountId: idOf(6), amount: 5n, reference: 'general' });
/** Spends that. */
const spends = () => plain({ debitAccountId: idOf(6), amount: 5n });

/** What the leader has in memory is what the journal has, and the journal is right. */
async function checkBook(opened: TestDatabase, leading: Leading): Promise<void> {
  const { memory } = leading.leader;
  const stored = await loadAccounts(opened.ledger, ALL);
  const needs = { book: 1, accounts: [...ALL], originals: new Set<string>() };
  const nothing = { loadAccounts: () => Promise.resolve([]) };
  const state = await memory.stateFor(Object.assign(Object.create(null), nothing), needs);
  const remembered = stored.filter(({ id }) => state.account(id) !== undefined);
  expect(remembered.length).toBeGreaterThanOrEqual(2);
  for (const account of remembered) expect(state.account(account.id)).toEqual(account);
  const [head] = await opened.ledger`SELECT seq, chain FROM head`;
  expect(Number(head?.['seq'])).toBe(memory.seq);
  const { violations } = await runAudit({ urls: [opened.auditorUrl], onProgress: () => undefined });
  expect(violations).toEqual([]);
}

/** The fields that must not depend on the lane. */
const shape = ({ transferId, status, reason, differingField, replayed, position }: Answer) => ({
  transferId,
  status,
  reason,
  differingField,
  replayed,
  seq: position?.seq,
});

type Answer = CreateTransferResponse;

test('the plain lane answers as the general lane does, and its retries as well', async () => {
  const first = work();
  const poor = plain({ debitAccountId: idOf(6), amount: 1n });
  const rounds: readonly (readonly CreateTransferRequest[])[] = [
    first,
    // Known, and one of them with another amount.
    first.map((each, index) => (index === 3 ? { ...each, amount: 11n } : each)),
    // Refused, and unknown.
    [...work(), poor, plain({ creditAccountId: idOf(99) })],
    [...work(), poor],
    // The same key twice.
    [...work(4), plain({ idempotencyKey: must(first[0], 'it is there').idempotencyKey })],
    // Not plain.
    [...work(4), plain({ reference: 'x' }), plain({ idempotencyKey: 'order-1' })],
  ];
  const answers: ReturnType<typeof shape>[][] = [];
  const posted: number[] = [];
  for (const lane of ['send', 'transfer'] as const) {
    const opened = await database();
    const leading = await leadingSix(opened);
    const given: Answer[] = [];
    for (const round of rounds) given.push(...(await leading[lane](round)));
    answers.push(given.map(shape));
    posted.push(leading.plainPosted);
    await checkBook(opened, leading);
    await leading.stop();
  }
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]?.some(({ status }) => status === REJECTED)).toBe(true);
  // All but those that were known, refused or not plain.
  expect(posted).toEqual([WORK * 3 + 4 + 4, 0]);
});

test('works that come together are posted ahead of the commit, and add up', async () => {
  const opened = await database();
  const leading = await leadingSix(opened);
  const works = Array.from({ length: 40 }, () => work());
  const answers = await Promise.all(works.map((each) => leading.send(each)));
  expect(answers.flat().every(({ status }) => status === POSTED)).toBe(true);
  expect(new Set(answers.flat().map(({ position }) => position?.seq)).size).toBe(40 * WORK);
  expect(leading.plainPosted).toBe(40 * WORK);
  await checkBook(opened, leading);
  const again = await Promise.all(works.map((each) => leading.send(each)));
  expect(again.map((each) => each.map(shape))).toEqual(
    answers.map((each) => each.map((one) => ({ ...shape(one), replayed: true }))),
  );
  expect(leading.plainPosted).toBe(40 * WORK);
  await leading.stop();
});

test('both lanes in one batch see each other, and one key has one outcome', async () => {
  const opened = await database();
  const leading = await leadingSix(opened);
  // The first batch is on its way while the second forms.
  const before = leading.send(work());
  const shared = plain();
  const reversed = must(work(1)[0], 'it is there');
  const [a, b, c, d] = await Promise.all([
    leading.send([...work(4), shared]),
    leading.transfer([{ ...shared, reference: 'another' }, plain({ code: 5 })]),
    leading.send([reversed, ...work(6)]),
    leading.transfer([
      plain({
        debitAccountId: idOf(2),
        creditAccountId: idOf(1),
        action: { $case: 'reversal', value: { transferId: reversed.idempotencyKey } },
        amount: 4n,
      }),
    ]),
  ]);
  await before;
  const [, , , , one] = a;
  const [other] = b;
  expect([one?.status, other?.status].toSorted((x = 0, y = 0) => x - y)).toEqual([
    POSTED,
    REJECTED,
  ]);
  expect(c.every(({ status }) => status === POSTED)).toBe(true);
  expect(d.map(({ status }) => status)).toEqual([POSTED]);
  await checkBook(opened, leading);
  await leading.stop();
});

test('a transfer is reversed while its batch is on its way, or is the same', async () => {
  const opened = await database();
  const leading = await leadingSix(opened);
  for (const batches of [1, 2, 3]) {
    const reversed = work();
    const answers = [leading.send(reversed)];
    for (let n = 1; n < batches; n += 1) answers.push(leading.send(work()));
    const back = reversed.map(({ idempotencyKey }) =>
      plain({
        debitAccountId: idOf(2),
        creditAccountId: idOf(1),
        action: { $case: 'reversal', value: { transferId: idempotencyKey } },
      }),
    );
    answers.push(leading.transfer(back));
    const given = (await Promise.all(answers)).flat();
    expect(given.every(({ status }) => status === POSTED)).toBe(true);
    const [twice] = await leading.transfer([{ ...must(back[0], ''), idempotencyKey: 'twice' }]);
    expect(twice?.status).toBe(REJECTED);
  }
  await checkBook(opened, leading);
  await leading.stop();
});

test('what one stream has sent is posted in its order, whatever the lane', async () => {
  const opened = await database();
  const leading = await leadingSix(opened);
  const stream = {};
  const busy = leading.send([...work(WORK), ...work(WORK)]);
  // The payer has nothing before the first, and nothing after the second.
  const [, second, third, fourth] = await Promise.all([
    leading.send([pays()], stream),
    leading.send([spends(), ...work(3)], stream),
    leading.send([spends(), ...work(3)], stream),
    leading.send(work(4), {}),
  ]);
  await busy;
  expect(second.map(({ status }) => status)).toEqual([POSTED, POSTED, POSTED, POSTED]);
  expect(third.map(({ status }) => status)).toEqual([REJECTED, POSTED, POSTED, POSTED]);
  expect(fourth.every(({ status }) => status === POSTED)).toBe(true);
  const seqs = [second, third].map((each) => each.map(({ position }) => position?.seq ?? 0n));
  expect(must(seqs[0]?.at(-1), '') < must(seqs[1]?.[0], '')).toBe(true);
  await checkBook(opened, leading);
  await leading.stop();
});

const between = (debit: number, credit: number, fields: Partial<CreateTransferRequest> = {}) =>
  plain({ debitAccountId: idOf(debit), creditAccountId: idOf(credit), ...fields });

test('plain transfers are plain behind general ones of their stream that share no account', async () => {
  const opened = await database();
  const leading = await leadingSix(opened, false, ledgerTuning);
  const stream = {};
  const busy = leading.send(work());
  const others = (length: number) => Array.from({ length }, () => between(3, 4));
  // One batch, for the first is on its way: the payer has what the general work brings, and no more.
  const answers = await Promise.all([
    leading.send([pays()], stream),
    leading.send([...others(9), spends(), ...others(20)], stream),
    // Behind what the work before has kept back, and behind that again.
    leading.send([between(2, 5), between(5, 3), ...others(10)], stream),
    leading.send([...others(30), between(5, 1)], {}),
  ]);
  await busy;
  expect(answers.flat().every(({ status }) => status === POSTED)).toBe(true);
  const seqs = answers.map((each) => each.map(({ position }) => Number(position?.seq)));
  const [[paid] = [], second = [], third = [], fourth = []] = seqs;
  const kept = [paid, second[9], ...third];
  expect(kept).toEqual(kept.toSorted((x = 0, y = 0) => x - y));
  expect(Math.max(...fourth)).toBeLessThan(paid ?? 0);
  expect(leading.plainPosted).toBe(WORK + 9 + 20 + 31);
  await checkBook(opened, leading);
  await leading.stop();
});

/** Calls of every kind of transfer, with plain ones before, between and behind them. */
function mixedCalls(): CreateTransferRequest[][] {
  const [hold, other] = [between(1, 2), between(2, 5)];
  const [reversed, twice] = [between(3, 4), between(3, 4)];
  const leg = (debit: number, credit: number) =>
    Leg.fromPartial({ debitAccountId: idOf(debit), creditAccountId: idOf(credit), amount: 3n });
  const group = { $case: 'group' as const, value: { legs: [leg(1, 2), leg(2, 5)] } };
  const none = { debitAccountId: 0n, creditAccountId: 0n, amount: 0n };
  const end = { debitAccountId: idOf(1), creditAccountId: 0n };
  const holdId = hold.idempotencyKey;
  const transferId = reversed.idempotencyKey;
  return [
    [
      between(3, 4),
      { ...hold, action: { $case: 'hold', value: { timeoutSeconds: 60 } } },
      reversed,
      plain({ ...none, action: group }),
      // It shares an account with the hold and the group.
      between(1, 5),
      twice,
      plain({ debitAccountId: idOf(2), creditAccountId: accountId(2, 1) }),
      between(4, 3),
      { ...other, action: { $case: 'hold', value: { timeoutSeconds: 0 } } },
    ],
    [
      between(3, 4),
      plain({ ...end, amount: 4n, action: { $case: 'capture', value: { holdId, final: false } } }),
      between(4, 3, { amount: 2n }),
      between(4, 3, { action: { $case: 'reversal', value: { transferId } }, amount: 4n }),
      between(4, 3),
      plain({ ...end, amount: 0n, action: { $case: 'release', value: { holdId } } }),
      twice,
      { ...twice, amount: 11n },
      between(6, 3),
      between(3, 6, { conditions: { allOf: [] }, amount: 7n }),
      between(6, 3, { amount: 7n }),
    ],
  ];
}

const replayShape = (answer: Answer) => ({ ...shape(answer), replayed: undefined });
const valueOf = <T>(result: PromiseSettledResult<T[]>) =>
  result.status === 'fulfilled' ? result.value : [];
const withoutSeq = (answer: Answer) => ({ ...shape(answer), seq: undefined });

test('a mixed call is answered in its order, and so are its retries by another leader', async () => {
  const calls = mixedCalls();
  const answers: unknown[] = [];
  for (const lane of ['transfer', 'send'] as const) {
    const opened = await database();
    const leading = await leadingSix(opened);
    const given: Answer[][] = [];
    for (const call of calls) given.push(await leading[lane](call));
    answers.push(given.map((each) => each.map(withoutSeq)));
    await checkBook(opened, leading);
    expect(leading.plainPosted > 0).toBe(lane === 'send');
    // Another one leads while calls are on their way: some fail, none is lost or done twice.
    const more = Array.from({ length: 6 }, () => mixedCalls()).flat();
    const sent = Promise.allSettled(more.map((call) => leading[lane](call)));
    const usurper = await Leading.over(opened, { tuning: SMALL });
    const first = await sent;
    await leading.stop();
    const again: Answer[][] = [];
    for (const call of [...calls, ...more]) again.push(await usurper[lane](call));
    const acknowledged = [...given, ...first.map(valueOf)];
    for (const [index, each] of acknowledged.entries()) {
      const replays = (again[index] ?? []).slice(0, each.length);
      expect(replays.map(replayShape)).toEqual(each.map(replayShape));
    }
    // It needs no account in memory for what the other one has posted, which may be all of it.
    for (const call of mixedCalls()) await usurper[lane](call);
    await checkBook(opened, usurper);
    await usurper.stop();
  }
  expect(answers[1]).toEqual(answers[0]);
});

test('a key of a plain and of another transfer of one call has the outcome of the first', async () => {
  const opened = await database();
  const answers: unknown[] = [];
  for (const lane of ['transfer', 'send'] as const) {
    const leading = await leadingSix(lane === 'send' ? await database() : opened);
    const [a, b, c] = [between(1, 2), between(3, 4), between(3, 4)];
    const given = await leading[lane]([
      a,
      { ...a, reference: 'x' },
      { ...b, code: 7 },
      b,
      between(3, 4),
      c,
      c,
      // It is applied ahead of the others, to which it makes no difference.
      between(5, 2),
    ]);
    answers.push(given.map(withoutSeq).map((each) => ({ ...each, transferId: '' })));
    expect(given.map(({ status }) => status === POSTED)).toEqual([
      true,
      false,
      true,
      false,
      true,
      true,
      true,
      true,
    ]);
    await leading.stop();
  }
  expect(answers[1]).toEqual(answers[0]);
});

test('a key of a plain transfer and of one that may not leave has the outcome of the first', async () => {
  const answers: unknown[] = [];
  for (const lane of ['transfer', 'send'] as const) {
    const leading = await leadingSix(await database());
    const divergence = { book: 2, number: 1, why: 'a test' };
    await leading.leader.execute({ kind: 'diverge', peerBook: 2, divergence });
    const [a, b] = [between(1, 2), between(1, 2)];
    const away = accountId(2, 1);
    const given = await leading[lane]([
      a,
      { ...a, creditAccountId: away },
      { ...b, creditAccountId: away },
      b,
      between(3, 4),
      between(4, 3),
    ]);
    answers.push(given.map(withoutSeq).map((each) => ({ ...each, transferId: '' })));
    expect(given.map(({ status }) => status)).toEqual([POSTED, REJECTED, 0, 0, POSTED, POSTED]);
    await leading.stop();
  }
  expect(answers[1]).toEqual(answers[0]);
});

test('a dry run sees what is committed, though the next batch is prepared', async () => {
  const opened = await database();
  const leading = await leadingSix(opened);
  const works = Array.from({ length: 30 }, () => leading.send(work()));
  const version = () =>
    new Promise<bigint>((resolve, reject) => {
      const [request] = [plain({ idempotencyKey: 'dry', conditions: { allOf: [] } })];
      const { seq } = leading.leader.memory;
      leading.leader.submitDry({
        kind: 'dryTransfers',
        requests: [must(request, '')],
        onOutcome: ([result]) => resolve((result?.position?.seq ?? 0n) - BigInt(seq)),
        onFailure: reject,
      });
    });
  const gaps: bigint[] = [];
  for (let n = 0; n < 5; n += 1) gaps.push(await version());
  await Promise.all(works);
  // It would have been the next row of what was committed by then.
  expect(gaps.every((gap) => gap > 0n)).toBe(true);
  const total = works.length * WORK;
  expect(leading.plainPosted).toBe(total);
  const answer = await new Promise<CreateTransferResponse | undefined>((resolve, reject) => {
    leading.leader.submitDry({
      kind: 'dryTransfers',
      requests: [
        plain({
          conditions: {
            allOf: [{ accountId: idOf(1), test: { $case: 'version', value: BigInt(total) } }],
          },
        }),
      ],
      onOutcome: ([result]) => resolve(result),
      onFailure: reject,
    });
  });
  expect(answer?.status).toBe(POSTED);
  await checkBook(opened, leading);
  await leading.stop();
});

test('what a leader that was deposed has not committed is not posted', async () => {
  const opened = await database();
  const leading = await leadingSix(opened);
  await leading.send(work());
  const usurper = await Leading.over(opened, { tuning: SMALL });
  await expect(leading.send(work())).rejects.toMatchObject({ code: 'not_leader' });
  await leading.ended;
  const answers = await usurper.send(work());
  expect(answers.every(({ status }) => status === POSTED)).toBe(true);
  await checkBook(opened, usurper);
  await usurper.stop();
});

test('a rolled back batch leaves nothing in memory, and the next one is right', async () => {
  const opened = await database();
  const leading = await leadingSix(opened);
  await leading.send(work());
  await opened.admin.unsafe(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON journal EXECUTE FUNCTION refuse()`);
  const failed = await Promise.allSettled(Array.from({ length: 4 }, () => leading.send(work())));
  expect(failed.every(({ status }) => status === 'rejected')).toBe(true);
  await opened.admin.unsafe('DROP TRIGGER refuse ON journal');
  const answers = await leading.send(work());
  expect(answers.every(({ status }) => status === POSTED)).toBe(true);
  await checkBook(opened, leading);
  await leading.stop();
});

describe.skipIf(!withRedis)('a key that neither memory nor Redis has', () => {
  test('is refused by the journal, and the batches on their way are posted again', async () => {
    const redis = redisClient();
    const opened = await database();
    let leading = await leadingSix(opened, true);
    const old = work();
    const first = await leading.send(old);
    await leading.stop();
    leading = await Leading.over(opened, { withRedis: true, tuning: SMALL });
    await redis.unlink(...idSets(leading));
    const works = Array.from({ length: 8 }, (_, n) => [...work(4), must(old[n], 'it is there')]);
    const answers = await Promise.all(works.map((each) => leading.send(each)));
    for (const [n, answer] of answers.entries()) {
      expect(answer.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => POSTED));
      expect(answer[4]).toEqual({ ...must(first[n], 'it is there'), replayed: true });
    }
    await checkBook(opened, leading);
    await leading.stop();
    redis.disconnect();
  });

  test('is found in Redis, and does not cost a batch', async () => {
    const redis = redisClient();
    const opened = await database();
    // However busy Redis is.
    const tuning = { ...SMALL, redisTimeoutMs: 20_000 };
    let leading = await leadingSix(opened, true, tuning);
    const old = work();
    const first = await leading.send(old);
    const [current] = idSets(leading);
    await expect.poll(() => redis.scard(current)).toBe(old.length);
    await leading.stop();
    leading = await Leading.over(opened, { withRedis: true, tuning });
    const again = await leading.send(old);
    expect(again).toEqual(first.map((each) => ({ ...each, replayed: true })));
    expect(leading.plainPosted).toBe(0);
    await leading.stop();
    redis.disconnect();
  });
});
