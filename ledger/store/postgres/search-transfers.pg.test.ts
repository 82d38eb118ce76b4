import { bookOf } from '../../core/account-id.ts';
import * as fc from 'fast-check';
import { expect, inject, test } from 'vitest';
import { ALL_LEGS } from '../../testing/database/all-legs.ts';
import {
  Filter,
  type MetadataTest,
  Side,
  type TimeRange,
} from '../../../proto/gen/meridian/v1/query.ts';
import { type Transfer, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import { RowKind } from '../../core/journal-row.ts';
import { compareTimestamps, timestampFrom } from '../../core/timestamp.ts';
import { validateSearch } from '../../core/validate/validate-filter.ts';
import { type TestDatabase, testDatabases } from '../../testing/database/database.ts';
import type { SimBook } from '../../testing/books/sim-book.ts';
import { BOOKS } from '../../testing/database/leading.ts';
import { RANDOM_ACCOUNTS, RandomBooks, storeBook } from '../../testing/database/random-books.ts';
import { readTransfers } from './read-transfers.ts';
import { searchTransfers } from './search-transfers.ts';
import { EVERYWHERE, type TransferSearch } from '../asked-pages.ts';

const database = testDatabases();
const [BOOK] = BOOKS;

const STATUSES = [
  TransferStatus.POSTED,
  TransferStatus.IN_TRANSIT,
  TransferStatus.REJECTED,
  TransferStatus.RETURNED,
  TransferStatus.HELD,
  TransferStatus.CAPTURED,
  TransferStatus.RELEASED,
  TransferStatus.EXPIRED,
];

const ALL: TransferSearch = {
  account: null,
  filter: undefined,
  books: [1, 2],
  within: EVERYWHERE,
  newestFirst: false,
  limit: 1_000_000,
};

async function searched(seed: number): Promise<{ database: TestDatabase; book: SimBook }> {
  const opened = await database();
  const [book] = new RandomBooks(seed, 600).books;
  if (book === undefined) throw new Error('there is a book');
  await storeBook(opened, book, BOOK);
  return { database: opened, book };
}

/** Whether a transfer passes, by what callers see of it. */
function passes({ test: asked }: Filter, transfer: Transfer): boolean {
  switch (asked?.$case) {
    case undefined:
      return false;
    case 'account': {
      const { accountId: id, side } = asked.value;
      const paid = side !== Side.CREDIT && transfer.debitAccountId === id;
      return paid || (side !== Side.DEBIT && transfer.creditAccountId === id);
    }
    case 'code':
      return transfer.code === asked.value;
    case 'reference':
      return transfer.reference === asked.value;
    case 'metadata':
      return hasMetadata(asked.value, transfer);
    case 'time':
      return isWithin(asked.value, transfer);
    case 'status':
      return transfer.status === asked.value;
    case 'holdId': {
      const { action, status } = transfer;
      const ofHold = action?.$case === 'capture' || action?.$case === 'release';
      const applied = status !== TransferStatus.REJECTED;
      return ofHold && applied && action.value.holdId === asked.value.toLowerCase();
    }
    case 'reversalOf': {
      const { action, status } = transfer;
      const received = bookOf(transfer.debitAccountId) !== BOOK.number;
      const applied = status !== TransferStatus.REJECTED || received;
      const reversed = asked.value.toLowerCase();
      return action?.$case === 'reversal' && applied && action.value.transferId === reversed;
    }
    case 'allOf':
      return asked.value.filters.every((filter) => passes(filter, transfer));
    case 'anyOf':
      return asked.value.filters.some((filter) => passes(filter, transfer));
    case 'noneOf':
      return !passes(asked.value, transfer);
  }
}

function hasMetadata({ name, value }: MetadataTest, { metadata }: Transfer): boolean {
  return Object.hasOwn(metadata, name) && (value === undefined || metadata[name] === value);
}

function isWithin({ from, to }: TimeRange, { decidedAt }: Transfer): boolean {
  if (decidedAt === undefined) return false;
  return (
    (from === undefined || compareTimestamps(from, decidedAt) <= 0) &&
    (to === undefined || compareTimestamps(decidedAt, to) < 0)
  );
}

/** An id is the same in every letter case. */
const inAnyCase = (ids: readonly string[]) =>
  fc.constantFrom(...ids, ...ids.map((id) => id.toUpperCase()));

/** Filters about what is in these rows. */
function filters(book: SimBook): fc.Arbitrary<Filter> {
  const times = [0, ...book.rows.map(({ atMicros }) => atMicros)];
  const time = fc
    .tuple(fc.constantFrom(...times), fc.integer({ min: -1000, max: 1000 }))
    .map(([micros, nanos]) => {
      const { seconds, nanos: own } = timestampFrom(micros);
      return { seconds, nanos: Math.max(0, own + nanos) };
    });
  const range = fc
    .tuple(time, time, fc.integer({ min: 0, max: 2 }))
    .filter(([a, b]) => compareTimestamps(a, b) !== 0)
    .map(([a, b, which]): TimeRange => {
      const [from, to] = compareTimestamps(a, b) < 0 ? [a, b] : [b, a];
      return { from: which === 1 ? undefined : from, to: which === 2 ? undefined : to };
    });
  const account = fc.record({
    accountId: fc.integer({ min: 1, max: RANDOM_ACCOUNTS }).map((number) => accountId(1, number)),
    side: fc.constantFrom(Side.UNSPECIFIED, Side.DEBIT, Side.CREDIT),
  });
  const metadata = fc.record({
    name: fc.constantFrom('order', 'vip', 'a"b', 'never'),
    value: fc.constantFrom(undefined, '7', '8', '', "it's"),
  });
  const holds = book.rows.filter(({ kind }) => kind === RowKind.hold).map(({ id }) => id);
  // As its payer's book knows it, whatever is reversed.
  const reversed = book.rows.flatMap(({ id, originId, kind }) => {
    return kind === RowKind.transfer || kind === RowKind.settlement ? [originId ?? id] : [];
  });
  const status = fc.constantFrom(...STATUSES);
  const { filter } = fc.letrec<{ filter: Filter; group: { filters: Filter[] } }>((tie) => ({
    group: fc.record({ filters: fc.array(tie('filter'), { minLength: 1, maxLength: 4 }) }),
    filter: fc
      .oneof(
        { maxDepth: 4 },
        fc.record({ $case: fc.constant('account' as const), value: account }),
        fc.record({ $case: fc.constant('code' as const), value: fc.integer({ min: 0, max: 4 }) }),
        fc.record({
          $case: fc.constant('reference' as const),
          value: fc.constantFrom('rent', 'fee', 'NULL', 'no'),
        }),
        fc.record({ $case: fc.constant('holdId' as const), value: inAnyCase(holds) }),
        fc.record({
          $case: fc.constant('reversalOf' as const),
          value: inAnyCase(reversed),
        }),
        fc.record({ $case: fc.constant('metadata' as const), value: metadata }),
        fc.record({ $case: fc.constant('time' as const), value: range }),
        fc.record({
          $case: fc.constant('status' as const),
          value: status,
        }),
        fc.record({ $case: fc.constant('allOf' as const), value: tie('group') }),
        fc.record({ $case: fc.constant('anyOf' as const), value: tie('group') }),
        fc.record({ $case: fc.constant('noneOf' as const), value: tie('filter') }),
      )
      .map((asked): Filter => ({ test: asked })),
  }));
  return filter.filter((one) => validateSearch(request(one), 1).length === 0);
}

const request = (filter: Filter) => ({
  scope: undefined,
  filter,
  books: [1, 2],
  pageSize: 0,
  pageToken: '',
  newestFirst: false,
  options: undefined,
});

test('without a filter, every transfer of the book is returned once, as a look-up returns it', async () => {
  const { database: opened, book } = await searched(31);
  const kinds = new Set<number>([1, 2, 6, 7, 8, 10, 11]);
  const rows = book.rows.filter(({ kind }) => kinds.has(kind));
  const all = await searchTransfers(opened.ledger, 1, ALL);
  expect(all.map(({ transferId, position }) => [transferId, position?.seq])).toEqual(
    rows.map(({ id, originId, seq }) => [originId ?? id, BigInt(seq)]),
  );
  const own = rows.filter(({ kind }) => kind !== RowKind.settlement).map(({ id }) => id);
  const stored = await readTransfers(opened.ledger, 1, own, ALL_LEGS);
  const expected = rows.map(({ id, kind, reason, peer, creditAccount }) => {
    const transfer = stored.get(id)?.transfer;
    // A page of groups with all their legs could have a million of them.
    if (kind !== RowKind.settlement) return { ...transfer, legs: [] };
    return {
      idempotencyKey: '',
      debitAccountId: peer?.account,
      creditAccountId: creditAccount,
      status: reason === 0 ? TransferStatus.POSTED : TransferStatus.REJECTED,
    };
  });
  expect(all).toMatchObject(expected);
  const backward = await searchTransfers(opened.ledger, 1, { ...ALL, newestFirst: true });
  expect(backward).toEqual(all.toReversed());
});

test('draws on holds and transfers are found by their ids in any letter case', async () => {
  const { database: opened } = await searched(31);
  const all = await searchTransfers(opened.ledger, 1, ALL);
  const ids = { holdId: new Set<string>(), reversalOf: new Set<string>() };
  for (const { action, status } of all) {
    if (status === TransferStatus.REJECTED) continue;
    if (action?.$case === 'capture') ids.holdId.add(action.value.holdId);
    if (action?.$case === 'reversal') ids.reversalOf.add(action.value.transferId);
  }
  for (const $case of ['holdId', 'reversalOf'] as const) {
    for (const id of [...ids[$case]].slice(0, 5)) {
      const filter: Filter = { test: { $case, value: id.toUpperCase() } };
      expect(validateSearch(request(filter), 1)).toEqual([]);
      const found = await searchTransfers(opened.ledger, 1, { ...ALL, filter });
      expect(found.length).toBeGreaterThan(0);
      expect(found).toEqual(all.filter((transfer) => passes(filter, transfer)));
    }
    expect(ids[$case].size).toBeGreaterThan(0);
  }
});

test('a random filter selects the same transfers in SQL as in memory', async () => {
  const { database: opened, book } = await searched(32);
  const all = await searchTransfers(opened.ledger, 1, ALL);
  const accounts = fc.constantFrom(null, accountId(1, 1), accountId(1, 2));
  const statuses = new Set(all.map(({ status }) => status));
  expect(STATUSES.filter((status) => !statuses.has(status))).toEqual([]);
  let passed = 0;
  await fc.assert(
    fc.asyncProperty(
      filters(book),
      accounts,
      fc.boolean(),
      fc.integer({ min: 1, max: 50 }),
      async (filter, account, newestFirst, limit) => {
        const search = { ...ALL, filter, account, newestFirst };
        const wanted = all.filter(
          (transfer) =>
            passes(filter, transfer) &&
            (account === null ||
              transfer.debitAccountId === account ||
              transfer.creditAccountId === account),
        );
        if (newestFirst) wanted.reverse();
        const found = await searchTransfers(opened.ledger, 1, search);
        expect(found).toEqual(wanted);
        passed += found.length > 0 && found.length < all.length ? 1 : 0;
        // A page begins where the one before ended.
        const first = await searchTransfers(opened.ledger, 1, { ...search, limit });
        expect(first).toEqual(wanted.slice(0, limit));
        const end = first.at(-1)?.position?.seq;
        if (end === undefined) return;
        const bound = newestFirst ? { through: end - 1n } : { after: end };
        const within = { ...EVERYWHERE, ...bound };
        const second = await searchTransfers(opened.ledger, 1, { ...search, within, limit });
        expect(second).toEqual(wanted.slice(limit, 2 * limit));
      },
    ),
    { numRuns: Number(inject('histories') || 300) },
  );
  // Filters that let all or nothing through would prove little.
  expect(passed).toBeGreaterThan(100);
}, 1_800_000);
