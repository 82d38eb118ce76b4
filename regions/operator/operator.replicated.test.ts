import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Meridian } from '../testing/meridian.ts';
import { whyNotReplicated } from '../testing/replicated-profile.ts';
import { sharedInstallation } from '../testing/shared-installation.ts';
import type { Change } from './changes/all.ts';
import { readHistory } from './history.ts';
import { OperatedInstallation } from './operated-installation.ts';
import { RefusedError } from './change-plan.ts';
import { Operator } from './operator.ts';

// One story: each part continues with the state that the previous ones left.

const installation = sharedInstallation();
const acting = { by: 'jane', why: 'ticket 4711' };
/** Start of these tests, as ISO 8601: other tests have recorded operations before. */
let began: string;
let operator: Operator;
let meridian: Meridian;

const skipped = whyNotReplicated() !== '';

beforeAll(() => {
  if (skipped) return;
  const { dataDir, state } = installation();
  operator = new Operator(state);
  meridian = new Meridian(dataDir);
  began = new Date().toISOString();
});
afterAll(() => operator?.close());

const make = (change: Change) => operator.make(change, acting);

/** The codes of what is objected to a change, as far as is known now. */
const objectionsTo = async (change: Change) =>
  (await operator.plan(change)).objections.map(({ code }) => code);

/** The code of what is objected to a change. */
const refusalOf = (change: Change) =>
  make(change).catch((error: unknown) =>
    error instanceof RefusedError ? error.plan.objections.map(({ code }) => code) : error,
  );

/** The book eu-west-1 once `test` holds for it; throws after half a minute. */
async function bookWhen(holds: (book: Awaited<ReturnType<typeof euWest>>) => boolean) {
  const end = performance.now() + 30_000;
  for (;;) {
    const book = await euWest();
    if (holds(book)) return book;
    if (performance.now() > end) throw new Error(`it stays ${JSON.stringify(book, bigints)}`);
  }
}

async function euWest() {
  const { books } = await operator.status();
  const found = books.find(({ name }) => name === 'eu-west-1');
  if (found === undefined) throw new Error('eu-west-1 is missing');
  return found;
}

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

describe.skipIf(skipped)('an operator', () => {
  test('sees who leads and that every other region may take over', async () => {
    const book = await bookWhen(({ failovers }) => failovers.every(({ safe }) => safe));
    expect(book).toMatchObject({
      leader: { region: 'eu-west' },
      fenced: false,
      exposure: { safe: true, bytes: 0 },
    });
    expect(book.failovers.map(({ to }) => to)).toEqual(['us-east', 'ap-south']);
  });

  test('moves a book as planned, and brings it home', async () => {
    const epoch = (await bookWhen(({ leader }) => leader !== undefined)).leader?.epoch ?? 0;
    const away = await make({ kind: 'switchover', book: 'eu-west-1', to: 'us-east' });
    expect(away).toMatchObject({ kind: 'switchover', notRecorded: [] });
    const moved = await bookWhen(({ leader }) => leader?.region === 'us-east');
    expect(moved.leader?.epoch).toBe(epoch + 1);
    const failback = { kind: 'failback', region: 'eu-west' } as const;
    // The leader before has to come back as a copy first.
    await expect.poll(() => objectionsTo(failback), { timeout: 60_000 }).toEqual([]);
    const home = await make(failback);
    expect(home.result).toMatchObject({ moved: 'eu-west-1' });
    expect((await bookWhen(({ leader }) => leader !== undefined)).leader?.region).toBe('eu-west');
  });

  test('is refused what would not be safe', async () => {
    const failover = { kind: 'failover', book: 'eu-west-1', to: 'us-east' } as const;
    const unsafe = { ...failover, acceptLoss: false };
    // It would be made while a busy machine keeps the leader from answering in time.
    await expect.poll(() => objectionsTo(unsafe)).toContain('LEADER_ANSWERS');
    expect(await refusalOf(unsafe)).toContain('LEADER_ANSWERS');
    expect(await refusalOf({ kind: 'switchover', book: '1', to: 'eu-west' })).toEqual([
      'LED_THERE_ALREADY',
    ]);
    expect(await refusalOf({ kind: 'unfence', book: '1' })).toEqual(['NOT_FENCED']);
  });

  test('fences a book, which has no leader until it is unfenced', async () => {
    await make({ kind: 'fence', book: 'eu-west-1' });
    try {
      const fenced = await bookWhen(({ leader }) => leader === undefined);
      expect(fenced.fenced).toBe(true);
      expect(fenced.failovers.every(({ safe }) => !safe)).toBe(true);
    } finally {
      await make({ kind: 'unfence', book: 'eu-west-1' });
    }
    await bookWhen(({ leader }) => leader !== undefined);
  });

  test('drains a region and puts it to use again', async () => {
    await make({ kind: 'drain', region: 'ap-south' });
    try {
      // It is not known while a busy machine keeps etcd from answering in time.
      const mark = async () => {
        const { regions } = await operator.status();
        return regions.find(({ name }) => name === 'ap-south')?.drained;
      };
      await expect.poll(mark, { timeout: 30_000 }).toMatchObject(acting);
      const { books } = await operator.status();
      expect(books.every(({ leader }) => leader?.region !== 'ap-south')).toBe(true);
      const back = { kind: 'switchover', book: '3', to: 'ap-south' } as const;
      await expect.poll(() => objectionsTo(back)).toContain('REGION_DRAINED');
      expect(await refusalOf(back)).toContain('REGION_DRAINED');
    } finally {
      await make({ kind: 'undrain', region: 'ap-south' });
    }
  });

  test('finds all of it in the history, each once', async () => {
    const copies = new OperatedInstallation(installation().state);
    const { entries, silent } = await readHistory(copies, 50);
    await copies.close();
    expect(silent).toEqual([]);
    const done = entries.filter(({ kind, at }) => kind !== 'take-over' && at >= began);
    const kinds = ['switchover', 'switchover', 'failback', 'fence', 'unfence', 'drain'];
    expect(done.map(({ kind }) => kind).toSorted()).toEqual(
      [...kinds, 'switchover', 'undrain'].toSorted(),
    );
    expect(done.every(({ who, why }) => who === 'jane' && why === 'ticket 4711')).toBe(true);
  });
});

describe.skipIf(skipped)('the command', () => {
  test('asks for a reason and for consent, and prints what would be done', async () => {
    const change = ['switchover', '1', '--to', 'us-east'];
    expect(await meridian.run(...change)).toMatchObject({ code: 2 });
    expect(await meridian.run(...change, '--why', 'x')).toMatchObject({ code: 2 });
    await expect
      .poll(() => meridian.json(0, ...change, '--dry-run'), { timeout: 60_000 })
      .toMatchObject({ subject: 'eu-west-1', objections: [] });
    const refused = () => meridian.json(1, 'failover', '1', '--to', 'us-east', '--dry-run');
    const objections = [{ code: 'LEADER_ANSWERS', text: expect.any(String) }];
    await expect.poll(refused, { timeout: 60_000 }).toMatchObject({ kind: 'failover', objections });
    const stopped = await meridian.json(1, 'unfence', '1', '--why', 'x', '--yes');
    expect(Object(stopped).error.details).toEqual({
      objections: [{ code: 'NOT_FENCED', text: 'it is not fenced' }],
    });
    expect(await meridian.run('fence', '9', '--why', 'x', '--yes')).toMatchObject({ code: 2 });
  });

  test('prints the status within two seconds while a region is gone', async () => {
    await operator.status();
    await installation().faults.loseRegion('ap-south');
    try {
      const tookMs = async () => (await operator.status()).tookMs;
      await expect.poll(tookMs, { timeout: 60_000 }).toBeLessThan(2_500);
      const router = async () => {
        const { regions } = await operator.status();
        return regions.find(({ name }) => name === 'ap-south')?.router;
      };
      await expect.poll(router).toBe('not serving');
    } finally {
      await installation().faults.restoreRegion('ap-south');
    }
  });
});
