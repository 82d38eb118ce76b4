import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../../core/assert.ts';
import { INT64_MAX } from '../../core/limits.ts';
import { ALL_LEGS } from '../../testing/database/all-legs.ts';
import { type TestDatabase, testDatabases } from '../../testing/database/database.ts';
import {
  COLD,
  fillPartitions,
  idOfRow,
  payerOf,
  UNUSED,
} from '../../testing/database/partitioned-book.ts';
import type { TransferSearch } from '../asked-pages.ts';
import { LOCKS_PER_PARTITION } from '../lock-room.ts';
import { connect, type Queries } from './connect.ts';
import { readAccounts } from './read-accounts.ts';
import { readEntries } from './read-entries.ts';
import { readEvents } from './read-events.ts';
import { readExistingIds } from './read-existing.ts';
import { readStates } from './read-states.ts';
import { readTransfers } from './read-transfers.ts';
import { searchTransfers } from './search-transfers.ts';

const PARTITIONS = 20;
const ROWS = 2_000;
const LAST = PARTITIONS * ROWS;
const BOOK = { number: 1, name: 'eu-west-1', region: 'eu-west' };

const database = testDatabases();

async function filled(): Promise<TestDatabase> {
  const opened = await database();
  await fillPartitions(opened.admin, { partitions: PARTITIONS, rows: ROWS });
  return opened;
}

/** Index steps that a read takes, in all partitions together, but for those of their tiny indexes. */
function stepsOf({ ledger }: TestDatabase, read: (sql: Queries) => Promise<unknown>) {
  return ledger.begin(async (transaction): Promise<number> => {
    const count = async () => {
      const [row] = await transaction<{ steps: bigint }[]>`
        SELECT sum(pg_stat_get_xact_numscans(indexrelid))::int8 AS steps
          FROM pg_stat_user_indexes
         WHERE relname LIKE 'journal\\_from\\_%'
           AND indexrelname ~ 'pkey|id_key|version_key|code_seq_idx'`;
      return Number(row?.steps);
    };
    const before = await count();
    await read(transaction);
    return (await count()) - before;
  });
}

const everything: TransferSearch = {
  account: null,
  filter: undefined,
  books: [1],
  within: { after: 0n, through: INT64_MAX },
  newestFirst: true,
  limit: 5,
};
const page = { after: 0n, through: INT64_MAX, movingOnly: false, newestFirst: true, limit: 4 };

test('what was used lately is found in few of the partitions, and the rest once in each', async () => {
  const opened = await filled();
  const recent = LAST - 10;
  const account = payerOf(recent);
  const steps: Record<string, number> = {};
  const reads: Record<string, (sql: Queries) => Promise<unknown>> = {
    id: (sql) => readExistingIds(sql, [idOfRow(recent)]),
    'unknown id': (sql) => readExistingIds(sql, [randomUUID()]),
    account: (sql) => readAccounts(sql, BOOK, [account]),
    'cold account': (sql) => readAccounts(sql, BOOK, [COLD]),
    entries: (sql) => readEntries(sql, 1, { ...page, account }),
    'first entries': (sql) => readEntries(sql, 1, { ...page, account, newestFirst: false }),
    'later entries': (sql) =>
      readEntries(sql, 1, { ...page, account, after: 78n, newestFirst: false }),
    'events of an account': (sql) =>
      readEvents(sql, 1, { account, after: 78, through: LAST, limit: 20 }),
    events: (sql) => readEvents(sql, 1, { account: null, after: 9_990, through: LAST, limit: 20 }),
    'transfers of an account': (sql) => searchTransfers(sql, 1, { ...everything, account }),
    'all transfers': (sql) => searchTransfers(sql, 1, everything),
    'transfers with a code': (sql) =>
      searchTransfers(sql, 1, { ...everything, filter: { test: { $case: 'code', value: 17 } } }),
  };
  for (const [name, read] of Object.entries(reads)) {
    steps[name] = await stepsOf(opened, read);
  }
  expect(steps).toEqual({
    id: 1,
    'unknown id': 24,
    account: 2,
    'cold account': 48,
    // These are planned each time, and the planner looks at the ends of indexes, too.
    entries: 4,
    'first entries': 22,
    'later entries': 12,
    'events of an account': 12,
    events: 2,
    'transfers of an account': 22,
    'all transfers': 7,
    'transfers with a code': 14,
  });
});

test.each([0, 1, 3])(
  'what lies in many partitions, %i bare, is as the views have it',
  async (bare) => {
    const { ledger, admin } = await filled();
    for (let first = LAST + 1 - bare * ROWS; first < LAST; first += ROWS) {
      await admin`SELECT journal_strip_partition(${first}, 1)`;
    }
    const accounts = [payerOf(1), payerOf(7), payerOf(501), payerOf(507), COLD, UNUSED];
    const { found } = await readAccounts(ledger, BOOK, accounts);
    const balances = await admin<{ account: bigint; version: bigint; balance: bigint }[]>`
    SELECT account, version, balance FROM balance
     WHERE account IN ${admin(accounts)} ORDER BY account`;
    expect(
      accounts.map((id) => {
        const { version, balance } = must(found.get(id), 'it is open');
        return { account: id, version, balance };
      }),
    ).toEqual([...balances]);

    for (const account of accounts) {
      const entries = await admin<{ version: bigint; seq: bigint; micros: bigint; side: string }[]>`
      SELECT version, seq, (extract(epoch FROM at) * 1000000)::int8 AS micros, side FROM entry
       WHERE account = ${account} ORDER BY version`;
      for (const newestFirst of [false, true]) {
        for (const [after, through, limit] of [
          [0n, INT64_MAX, 100],
          [0n, INT64_MAX, 30],
          [11n, 52n, 30],
          [40n, 41n, 10],
        ] as const) {
          const asked = { ...page, account, after, through, limit, newestFirst };
          const read = await readEntries(ledger, 1, asked);
          const all = newestFirst ? entries.toReversed() : entries;
          const wanted = all
            .filter(({ version }) => version > after && version <= through)
            .slice(0, limit);
          expect(read.found.map(({ version, position }) => [version, position?.seq])).toEqual(
            wanted.map(({ version, seq }) => [version, seq]),
          );
        }
      }
      // Behind the row of a version that is known, or wherever it lies.
      const seqOf = new Map(entries.map(({ version, seq }) => [version, Number(seq)]));
      for (const after of [0n, 1n, 11n, 40n, 77n]) {
        for (const behind of [undefined, seqOf.get(after)]) {
          const events = await readEvents(ledger, 1, {
            account,
            after: Number(after),
            behind,
            through: LAST,
            limit: 30,
          });
          const wanted = entries.filter(({ version }) => version > after).slice(0, 30);
          expect(events.map(({ position }) => position?.seq)).toEqual(wanted.map(({ seq }) => seq));
        }
      }
      const bounds = [
        0n,
        1n,
        6n,
        7n,
        8n,
        999n,
        1_000n,
        20_500n,
        37_000n,
        38_100n,
        39_700n,
        40_000n,
      ];
      const states = await readStates(ledger, account, 'seq', bounds);
      expect(states.map(({ seq }) => seq)).toEqual(
        bounds.map((bound) => entries.findLast(({ seq }) => seq <= bound)?.seq ?? 0n),
      );
      const start = BigInt(Date.UTC(2026, 0, 1)) * 1_000n;
      const times = bounds.map((bound) => start + bound * 1_000_000n);
      expect(await readStates(ledger, account, 'micros', times)).toEqual(states);
      const versions = [0n, 1n, 17n, 39n, 40n, 77n, 79n, 99n];
      expect(
        (await readStates(ledger, account, 'version', versions)).map(({ state }) => state.version),
      ).toEqual(
        versions.map((bound) => entries.findLast(({ version }) => version <= bound)?.version ?? 0n),
      );
    }

    const seqs = [1, 7, 1_999, 2_000, 2_001, 20_000, LAST - 1];
    const ids = seqs.map(idOfRow);
    const unknown = [randomUUID(), idOfRow(LAST + 1)];
    expect(await readExistingIds(ledger, [...ids, ...unknown])).toEqual(new Set(ids));
    const transfers = await readTransfers(ledger, 1, [...ids, idOfRow(9), ...unknown], ALL_LEGS);
    expect([...transfers.values()].map(({ transfer }) => Number(transfer.position?.seq))).toEqual(
      [...seqs, 9].toSorted((a, b) => a - b),
    );
    // Drawn on by the last row, at the other end of the journal.
    expect(transfers.get(idOfRow(9))?.transfer).toMatchObject({
      status: TransferStatus.HELD,
      left: 4n,
    });
  },
);

test('a statement takes no more locks for a partition than are reckoned with', async () => {
  const opened = await filled();
  for (const read of [
    (sql: Queries) => readAccounts(sql, BOOK, [COLD]),
    (sql: Queries) => readTransfers(sql, 1, [idOfRow(100)], ALL_LEGS),
    (sql: Queries) => searchTransfers(sql, 1, everything),
    (sql: Queries) => sql`SELECT * FROM trial_balance`,
  ]) {
    const sql = connect(opened.ledgerUrl, 1);
    const locks = await sql.begin(async (transaction) => {
      await read(transaction);
      const [row] = await transaction<{ locks: number }[]>`
        SELECT count(*)::int AS locks FROM pg_locks WHERE pid = pg_backend_pid()`;
      return must(row, 'a count has a row').locks;
    });
    await sql.end();
    expect(locks).toBeGreaterThan(PARTITIONS * 10);
    expect(locks).toBeLessThan(PARTITIONS * LOCKS_PER_PARTITION);
  }
});

test('a search goes through all partitions in the order of its pages', async () => {
  const { ledger, admin } = await filled();
  for (const newestFirst of [false, true]) {
    const order = newestFirst ? admin`DESC` : admin`ASC`;
    for (const account of [null, payerOf(500), COLD]) {
      for (const filter of [undefined, { test: { $case: 'code', value: 17 } } as const]) {
        const search = { ...everything, account, filter, newestFirst, limit: 33 };
        const within = { after: 700n, through: BigInt(LAST - 700) };
        const found = await searchTransfers(ledger, 1, { ...search, within });
        const wanted = await admin<{ seq: bigint }[]>`
          SELECT seq FROM journal
           WHERE seq > ${within.after} AND seq <= ${within.through}
             AND (${account}::int8 IS NULL OR ${account} IN (debit_account, credit_account))
             AND (${filter === undefined} OR code = 17)
           ORDER BY seq ${order} LIMIT 33`;
        expect(found.map(({ position }) => position?.seq)).toEqual(wanted.map(({ seq }) => seq));
      }
    }
  }
});
