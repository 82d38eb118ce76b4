import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import {
  CreateTransferRequest,
  TransferStatus,
  Wait,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { EmbeddedTestBooks, OWN_ASSET } from '../../testing/test-books.ts';
import { type PaymentFiles, paymentFiles } from '../../testing/payment-files.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

/**
 * Faults in the middle of a replay of real payments: though parts are killed, cut or flushed, the
 * books must end exactly where they would have ended without it.
 */

const folder = temporaryFolder();
/** Shared by the tests, each of which replays its own payments. */
let books: EmbeddedTestBooks;
beforeAll(async () => {
  books = await EmbeddedTestBooks.start(folder());
});
afterAll(() => books?.stop());

/** Enough for a fault in the middle of them. */
const SOME = 20_000;

const undisturbed = paymentFiles('undisturbed/');

describe(`replay of ${undisturbed.source} payments`, () => {
  test('ends in the expected balances, and running it again changes nothing', async () => {
    const files = undisturbed;
    const first = await books.replay(files, () => undefined);
    expect(first).toMatchObject({
      payments: files.paymentCount,
      posted: files.paymentCount,
      replayed: 0,
      inTransit: 0,
    });
    const before = await books.expectExactly(files);
    const again = await books.replay(files, () => undefined);
    expect(again).toMatchObject({
      posted: files.paymentCount,
      replayed: files.paymentCount,
      accountsOpened: 0,
    });
    const after = await books.expectExactly(files);
    expect(after.books.map(({ seq }) => seq)).toEqual(before.books.map(({ seq }) => seq));
  });

  const cutFiles = paymentFiles('cut/', SOME);
  test('a cut link holds up only transfers that must cross it, and drains automatically', async () => {
    const { links } = books.cluster;
    const both = ['eu-west>us-east-1', 'us-east>eu-west-1'].map((name) =>
      must(links.get(name), `there is a link ${name}`),
    );
    let during: Promise<void> | undefined;
    const cut = () => {
      for (const link of both) link.cut('blackhole');
      during ??= cutOff();
    };
    const cutOff = async () => {
      try {
        await whileCut();
      } finally {
        for (const link of both) link.heal();
      }
    };
    await replayWith(cutFiles, [[0.3, cut]]);
    await during;
    await drained(cutFiles);
    expect(both.map(({ state }) => state)).toEqual(['open', 'open']);
  });

  const kills = ['eu-west/ledger', 'us-east/router', 'eu-west/postgres', 'eu-west/redis'].map(
    (name) => ({ name, files: paymentFiles(`kill-${name}/`, SOME) }),
  );
  test.each(kills)('survives kill -9 of $name, twice', async ({ name, files }) => {
    const { processes } = books.cluster;
    const starts = processes.starts(name);
    const kill = () => processes.kill(name, 'SIGKILL');
    await replayWith(files, [
      [0.25, kill],
      [0.6, kill],
    ]);
    expect(processes.starts(name)).toBeGreaterThanOrEqual(starts + 2);
  });

  const flushed = paymentFiles('flushed/', SOME);
  test('survives the loss of the data of every Redis', async () => {
    const urls = books.cluster.regions.map(({ redisUrl }) => must(redisUrl, 'Redis runs'));
    const flush = async () => {
      for (const url of urls) {
        const redis = new Redis(url);
        await redis.flushall();
        redis.disconnect();
      }
    };
    await replayWith(flushed, [
      [0.3, flush],
      [0.7, flush],
    ]);
    await flush();
    // The journal alone must now recognise every key.
    const again = await books.replay(flushed, () => undefined);
    expect(again.replayed).toBe(flushed.paymentCount);
    await books.expectBalances(flushed);
  });

  test('after all faults no journal violates an invariant', async () => {
    const report = await books.expectExactly(undisturbed);
    // The first leader of eu-west, and one after each kill of its ledger server.
    const epochs = new Map(report.books.map(({ name, epoch }) => [name, epoch]));
    expect(epochs.get('eu-west-1')).toBeGreaterThanOrEqual(3);
  });
});

/**
 * Replays with faults at certain points, replays again, and expects exact balances. Journals
 * are audited only at the end: they are append-only, so a violation stays in them.
 */
async function replayWith(
  files: PaymentFiles,
  faults: readonly (readonly [number, () => void | Promise<void>])[],
): Promise<void> {
  const pending = [...faults];
  const done: Promise<void>[] = [];
  await books.replay(files, (share) => {
    while (pending[0] !== undefined && share >= pending[0][0]) {
      done.push(Promise.resolve(pending.shift()?.[1]()));
    }
  });
  await Promise.all(done);
  expect(pending).toEqual([]);
  const again = await books.replay(files, () => undefined);
  expect(again).toMatchObject({
    posted: files.paymentCount,
    replayed: files.paymentCount,
    inTransit: 0,
  });
  await books.expectBalances(files);
}

function transfer(key: string, debit: bigint, credit: bigint, wait: Wait = Wait.SETTLED) {
  return CreateTransferRequest.fromPartial({
    idempotencyKey: key,
    debitAccountId: debit,
    creditAccountId: credit,
    amount: 10n,
    wait,
  });
}

/** With eu-west and us-east cut from each other: what works, what waits, and the sums. */
async function whileCut(): Promise<void> {
  const regions = ['eu-west', 'us-east', 'ap-south'];
  const accounts = new Map<string, bigint[]>();
  for (const region of regions) {
    const opened = await books.client(region).openAccounts(
      ['a', 'b'].map((name) => ({
        externalId: `cut-${region}-${name}`,
        homeRegion: region,
        asset: OWN_ASSET,
        min: { $case: 'noMinBalance', value: true },
        max: undefined,
        metadata: {},
        dryRun: false,
      })),
    );
    accounts.set(
      region,
      opened.map(({ account }) => must(account, 'an account is opened').id),
    );
  }
  const account = (region: string, at: number) =>
    must(accounts.get(region)?.[at], 'the account is open');
  for (const region of regions) {
    const startedAt = performance.now();
    const inside = await books
      .client(region)
      .createTransfer(transfer(`in-${region}`, account(region, 0), account(region, 1)));
    expect(inside.status).toBe(TransferStatus.POSTED);
    // What the cut holds up ends only with the attempt, after ten seconds.
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  }
  const across = transfer('across', account('eu-west', 0), account('us-east', 1), Wait.POSTED);
  const sent = await books.client('eu-west').createTransfer(across);
  expect(sent.status).toBe(TransferStatus.IN_TRANSIT);
  // Both are still reached through the third region.
  const around = transfer('around', account('us-east', 0), account('ap-south', 1));
  expect((await books.client('us-east').createTransfer(around)).status).toBe(TransferStatus.POSTED);
  const report = await books.audit();
  expect(report.violations).toEqual([]);
  const waiting = report.inFlight.find(
    ({ from, to, asset }) => from === 'eu-west-1' && to === 'us-east-1' && asset === OWN_ASSET,
  );
  expect(waiting).toMatchObject({ transfers: 1, amountMinor: 10n });
}

/** Waits until nothing is in transit, then expects exact books. */
async function drained(files: PaymentFiles): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const report = await books.audit();
    if (report.inFlight.every(({ amountMinor }) => amountMinor === 0n)) break;
    expect(attempt).toBeLessThan(100);
    await sleep(100);
  }
  await books.expectExactly(files);
}
