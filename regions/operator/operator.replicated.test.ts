import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Meridian } from '../commands/test/meridian.ts';
import { whyNotReplicated } from '../test/replicated-profile.ts';
import { sharedInstallation } from '../test/shared-installation.ts';
import { readHistory } from './history.ts';
import { Installation } from './installation.ts';
import { Operator, RefusedError } from './operator.ts';

// One story: each chapter goes on with what the ones before it have left.

const installation = sharedInstallation();
const acting = { by: 'jane', why: 'ticket 4711' };
/** When these tests began, as ISO 8601: others have had things done before. */
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
    const epoch = (await euWest()).leader?.epoch ?? 0;
    const away = await operator.switchover('eu-west-1', 'us-east', acting);
    expect(away).toMatchObject({ kind: 'switchover', notRecorded: [] });
    expect((await euWest()).leader).toMatchObject({ region: 'us-east', epoch: epoch + 1 });
    const home = await operator.failback('eu-west', acting);
    expect(home.result).toMatchObject({ moved: 'eu-west-1' });
    expect((await bookWhen(({ leader }) => leader !== undefined)).leader?.region).toBe('eu-west');
  });

  test('is refused what would not be safe', async () => {
    const failover = operator.failover('eu-west-1', 'us-east', acting);
    await expect(failover).rejects.toBeInstanceOf(RefusedError);
    await expect(operator.switchover('1', 'eu-west', acting)).rejects.toThrow('leads eu-west-1');
    await expect(operator.unfence('1', acting)).rejects.toThrow('it is not fenced');
  });

  test('fences a book, which nobody leads until it is unfenced', async () => {
    await operator.fence('eu-west-1', acting);
    try {
      const fenced = await bookWhen(({ leader }) => leader === undefined);
      expect(fenced.fenced).toBe(true);
      expect(fenced.failovers.every(({ safe }) => !safe)).toBe(true);
    } finally {
      await operator.unfence('eu-west-1', acting);
    }
    await bookWhen(({ leader }) => leader !== undefined);
  });

  test('drains a region and puts it to use again', async () => {
    await operator.drain('ap-south', acting);
    try {
      // It is not known while a busy machine keeps etcd from answering in time.
      const mark = async () => {
        const { regions } = await operator.status();
        return regions.find(({ name }) => name === 'ap-south')?.drained;
      };
      await expect.poll(mark, { timeout: 30_000 }).toMatchObject(acting);
      const { books } = await operator.status();
      expect(books.every(({ leader }) => leader?.region !== 'ap-south')).toBe(true);
      await expect(operator.switchover('3', 'ap-south', acting)).rejects.toThrow('is drained');
    } finally {
      await operator.undrain('ap-south', acting);
    }
  });

  test('finds all of it in the history, each once', async () => {
    const copies = new Installation(installation().state);
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
  test('asks for a reason and for consent, and says what would be done', async () => {
    const change = ['switchover', '1', '--to', 'us-east'];
    expect(await meridian.run(...change)).toMatchObject({ code: 2 });
    expect(await meridian.run(...change, '--why', 'x')).toMatchObject({ code: 2 });
    const plan = await meridian.json(0, ...change, '--dry-run');
    expect(plan).toMatchObject({ subject: 'eu-west-1', objections: [] });
    const refused = await meridian.json(1, 'failover', '1', '--to', 'us-east', '--dry-run');
    expect(refused).toMatchObject({ kind: 'failover' });
    expect(await meridian.run('fence', '9', '--why', 'x', '--yes')).toMatchObject({ code: 2 });
  });

  test('says within two seconds how things are with a region gone', async () => {
    await operator.status();
    await installation().faults.loseRegion('ap-south');
    const { tookMs, regions } = await operator.status();
    expect(tookMs).toBeLessThan(2_500);
    expect(regions.find(({ name }) => name === 'ap-south')?.router).toBe('not serving');
    await installation().faults.restoreRegion('ap-south');
  });
});
