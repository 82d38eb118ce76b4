import { expect, test } from 'vitest';
import { Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { AccountFlag } from '../../core/account.ts';
import { accountId } from '../../core/account-id.ts';
import { INT64_MAX } from '../../core/limits.ts';
import type { JournalRow } from '../../core/journal-row.ts';
import { storedChange } from '../../core/validate/options.ts';
import { type TestDatabase, testDatabases } from '../../testing/database/database.ts';
import { BOOKS } from '../../testing/database/leading.ts';
import { RANDOM_ACCOUNTS, RandomBooks, storeBook } from '../../testing/database/random-books.ts';
import { readAccountAt } from './read-account-at.ts';
import { readAccounts } from './read-accounts.ts';
import { readSeqs } from './read-seqs.ts';
import { readStates } from './read-states.ts';

const database = testDatabases();
const [BOOK] = BOOKS;

/** The state of an account after a row, computed from the rows up to it. */
interface Folded {
  version: number;
  debits: bigint;
  credits: bigint;
  heldDebits: bigint;
  heldCredits: bigint;
  flags: number;
  minBalance: bigint | null;
  maxBalance: bigint | null;
  metadata: Readonly<Record<string, string>>;
}

const OPENED: Folded = {
  version: 0,
  debits: 0n,
  credits: 0n,
  heldDebits: 0n,
  heldCredits: 0n,
  flags: 0,
  minBalance: null,
  maxBalance: null,
  metadata: { born: 'here' },
};

function fold(account: bigint, before: Folded, row: JournalRow): Folded {
  const { entries, details } = row;
  const held = entries?.held;
  let after = before;
  if (row.debitAccount === account && entries !== null && entries.debitVersion !== null) {
    after = {
      ...after,
      version: entries.debitVersion,
      debits: entries.debitDebits ?? 0n,
      credits: entries.debitCredits ?? 0n,
      heldDebits: held?.debitHeldDebits ?? 0n,
      heldCredits: held?.debitHeldCredits ?? 0n,
    };
  } else if (row.creditAccount === account && entries !== null && entries.creditVersion !== null) {
    after = {
      ...after,
      version: entries.creditVersion,
      debits: entries.creditDebits ?? 0n,
      credits: entries.creditCredits ?? 0n,
      heldDebits: held?.creditHeldDebits ?? 0n,
      heldCredits: held?.creditHeldCredits ?? 0n,
    };
    const settings = details?.settings ?? null;
    if (settings !== null) {
      const { change } = storedChange(details?.options ?? '', row.metadata);
      after = {
        ...after,
        ...settings,
        ...(change?.$case === 'metadata' ? { metadata: change.value.metadata } : {}),
      };
    }
  }
  return after;
}

const FREEZES = [
  [Freeze.NONE, 0],
  [Freeze.IN, AccountFlag.frozenIn],
  [Freeze.OUT, AccountFlag.frozenOut],
  [Freeze.BOTH, AccountFlag.frozenIn + AccountFlag.frozenOut],
] as const;

/** The folded account in terms of the API. */
function expected({ flags, version, ...folded }: Folded) {
  const balance = folded.credits - folded.debits;
  const frozen = flags & (AccountFlag.frozenIn | AccountFlag.frozenOut);
  return {
    ...folded,
    minBalance: folded.minBalance ?? undefined,
    maxBalance: folded.maxBalance ?? undefined,
    version: BigInt(version),
    balance,
    available: balance - folded.heldDebits,
    freeze: FREEZES.find(([, flag]) => flag === frozen)?.[0],
    closed: (flags & AccountFlag.closed) !== 0,
    scale: 2,
  };
}

/** First seqs of the partitions that are bare: none, the last one, or most of them. */
const BARE = [{ bare: [] }, { bare: [41] }, { bare: [11, 21, 41] }];

async function strip({ admin }: TestDatabase, firsts: readonly number[]): Promise<void> {
  for (const first of firsts)
    await admin`SELECT journal_strip_partition(${first}, (SELECT epoch FROM head))`;
  expect(await admin`SELECT first_seq::int FROM journal_bare ORDER BY 1`).toEqual(
    firsts.map((first) => ({ first_seq: first })),
  );
}

test.each(BARE)(
  'an account as of every place and time is a fold, bare: $bare',
  async ({ bare }) => {
    const opened = await database();
    const { ledger } = opened;
    const [book] = new RandomBooks(20, 350).books;
    if (book === undefined) throw new Error('there is a book');
    await storeBook(opened, book, BOOK);
    await strip(opened, bare);
    const folds = new Map<bigint, Folded>();
    for (const row of book.rows) {
      for (let number = 1; number <= RANDOM_ACCOUNTS; number += 1) {
        const id = accountId(1, number);
        const before = folds.get(id);
        if (before !== undefined) folds.set(id, fold(id, before, row));
        else if (row.creditAccount === id) folds.set(id, OPENED);
        const now = folds.get(id);
        const account = await readAccountAt(ledger, BOOK, id, 'seq', BigInt(row.seq), INT64_MAX);
        expect([account]).toMatchObject([now === undefined ? undefined : { id, ...expected(now) }]);
        // Rows of one batch have one time, at which all of them had happened.
        if (book.rows[row.seq]?.atMicros === row.atMicros) continue;
        const micros = BigInt(row.atMicros);
        expect(await readAccountAt(ledger, BOOK, id, 'micros', micros, INT64_MAX)).toEqual(account);
      }
    }
    expect(book.rows.length).toBeGreaterThan(150);
    const { found: current } = await readAccounts(ledger, BOOK, [...folds.keys()]);
    const balances = await ledger`SELECT account, version::int, debits, credits FROM balance`;
    for (const [id, now] of folds) {
      const { version, debits, credits } = now;
      expect(balances).toContainEqual({ account: id, version, debits, credits });
      expect(current.get(id)).toMatchObject({ id, ...expected(now) });
      const late = await readAccountAt(ledger, BOOK, id, 'micros', 2n ** 62n, INT64_MAX);
      expect(late).toEqual(current.get(id));
    }
  },
);

test.each(BARE)('places are found by time, versions by number, bare: $bare', async ({ bare }) => {
  const opened = await database();
  const { ledger } = opened;
  expect(await readSeqs(ledger, [5n])).toEqual(new Map([[5n, 0n]]));
  const [book] = new RandomBooks(7, 100).books;
  if (book === undefined) throw new Error('there is a book');
  await storeBook(opened, book, BOOK);
  await strip(opened, bare);
  const times = book.rows.flatMap(({ atMicros }) => [BigInt(atMicros) - 1n, BigInt(atMicros)]);
  const seqs = await readSeqs(ledger, [0n, ...times]);
  for (const time of [0n, ...times]) {
    const last = book.rows.findLast(({ atMicros }) => BigInt(atMicros) <= time);
    expect(seqs.get(time)).toBe(BigInt(last?.seq ?? 0));
  }
  const id = accountId(1, 1);
  const newest = (await readAccounts(ledger, BOOK, [id])).found.get(id)?.version ?? 0n;
  const states = await readStates(ledger, id, 'version', [3n, 0n, newest + 5n, 1n]);
  expect(states.map(({ state }) => state.version)).toEqual([3n, 0n, newest, 1n]);
  expect(await readStates(ledger, accountId(1, 99), 'seq', [4n])).toMatchObject([
    { seq: 0n, state: { version: 0n, balance: 0n } },
  ]);
});
