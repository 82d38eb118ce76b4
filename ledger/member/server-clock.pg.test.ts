import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  type CreateTransferResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../core/assert.ts';
import { microsUpTo } from '../core/timestamp.ts';
import type { Logger } from '../logger.ts';
import { readHead } from '../store/postgres/head.ts';
import { readTransfers } from '../store/postgres/read-transfers.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { BOOKS, SILENT } from '../testing/database/leading.ts';
import {
  leadingMember,
  type LeadingMember,
  MEMBER_ADDRESS,
  openAliceAndBob,
} from '../testing/database/leading-member.ts';
import { takeOver } from '../leader/take-over.ts';
import { PostgresStore } from '../store/postgres/postgres-store.ts';

const database = testDatabases();
const [BOOK] = BOOKS;
const HOUR_MS = 3_600_000;
/** What the tests wait for takes a fraction of it, on a machine with nothing else to do. */
const LATE_MS = 20_000;
const WAIT = { timeout: 20_000, interval: 20 };

const realNow = Date.now.bind(Date);

/** The wall clock jumps by `byMs`, from now until the test ends or it jumps again. */
function shiftWallClock(byMs: number): void {
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + byMs);
  onTestFinished(() => void vi.restoreAllMocks());
}

/** A member that leads the book with accounts alice and bob, and what it has warned of. */
async function warnedMember(opened: TestDatabase) {
  const warnings: unknown[] = [];
  const log: Logger = { ...SILENT, warn: (_, fields) => void warnings.push(fields?.['why']) };
  const leading = await leadingMember(opened, log);
  await openAliceAndBob(leading);
  return { ...leading, warnings };
}

type Post = LeadingMember['post'];

/** Makes a hold of a second; resolves with how many milliseconds it took until it had expired. */
async function expiryMs(opened: TestDatabase, post: Post): Promise<number> {
  const made = performance.now();
  const action = { $case: 'hold', value: { timeoutSeconds: 1 } } as const;
  const { transferId } = await post({ idempotencyKey: 'hold', action });
  const status = async () => {
    const stored = await readTransfers(opened.ledger, BOOK.number, [transferId], {
      legsMax: 0,
      wants: () => false,
    });
    return stored.get(transferId)?.transfer.status;
  };
  await expect.poll(status, WAIT).toBe(TransferStatus.EXPIRED);
  return performance.now() - made;
}

const decidedMicros = ({ decidedAt }: CreateTransferResponse) =>
  Number(microsUpTo(must(decidedAt, 'it is decided')));

test.each([HOUR_MS, -HOUR_MS])(
  'a wall clock that jumps by %i ms reaches neither rows nor expiries, and raises an alarm',
  async (byMs) => {
    const opened = await database();
    const { member, post, warnings } = await warnedMember(opened);
    expect(member.status.clockAlarm).toBe('');
    shiftWallClock(byMs);
    const during = decidedMicros(await post({ idempotencyKey: 'during' }));
    expect(Math.abs(during / 1_000 - realNow())).toBeLessThan(LATE_MS);
    const tookMs = await expiryMs(opened, post);
    expect(tookMs).toBeGreaterThan(999);
    expect(tookMs).toBeLessThan(LATE_MS);
    const alarm = expect.stringMatching(byMs > 0 ? /about 60 min ahead/u : /about 60 min behind/u);
    await expect.poll(() => member.status.clockAlarm, WAIT).toEqual(alarm);
    expect(warnings).toEqual([alarm]);
    shiftWallClock(0);
    await expect.poll(() => member.status.clockAlarm, WAIT).toBe('');
    const after = decidedMicros(await post({ idempotencyKey: 'after' }));
    expect(after).toBeGreaterThan(during);
    expect(Math.abs(after / 1_000 - realNow())).toBeLessThan(LATE_MS);
  },
);

test('a book that an earlier leader stamped an hour ahead goes on, with an alarm', async () => {
  const opened = await database();
  const aheadMicros = (realNow() + HOUR_MS) * 1_000;
  await takeOver(
    new PostgresStore(opened.ledger, BOOK),
    await readHead(opened.ledger, BOOK),
    MEMBER_ADDRESS,
    aheadMicros,
  );
  const { member, post, warnings } = await warnedMember(opened);
  const alarm = expect.stringMatching(/time of the book is about 60 min ahead of the clock/u);
  expect(member.status.clockAlarm).toEqual(alarm);
  expect(warnings).toEqual([alarm]);
  const tookMs = await expiryMs(opened, post);
  expect(tookMs).toBeGreaterThan(999);
  expect(tookMs).toBeLessThan(LATE_MS);
  // Time is not frozen meanwhile.
  const one = decidedMicros(await post({ idempotencyKey: 'one' }));
  await sleep(100);
  const other = decidedMicros(await post({ idempotencyKey: 'other' }));
  expect(one).toBeGreaterThan(aheadMicros);
  expect(other - one).toBeGreaterThan(99_000);
});

test('times are to the microsecond', async () => {
  const { post } = await leadingMember(await database());
  const micros: number[] = [];
  for (let number = 0; number < 10; number += 1) {
    micros.push(decidedMicros(await post({ idempotencyKey: `${number}` })));
  }
  expect(new Set(micros.map((each) => each % 1_000)).size).toBeGreaterThan(5);
});
