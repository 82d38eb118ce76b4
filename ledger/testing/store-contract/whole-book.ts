import { type Filter, Side } from '../../../proto/gen/meridian/v1/query.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import { INT64_MAX } from '../../core/limits.ts';
import { timestampFrom } from '../../core/timestamp.ts';
import { EVERYWHERE } from '../../store/asked-pages.ts';
import type { BookStore } from '../../store/book-store.ts';
import { ALL_LEGS } from '../database/all-legs.ts';
import { RANDOM_ACCOUNTS } from '../database/random-books.ts';
import type { SimBook } from '../books/sim-book.ts';

/** Answers to everything that a store can be asked about a random book: two stores of it agree. */
export async function wholeBook(store: BookStore, book: SimBook): Promise<unknown> {
  const ids = [...book.rows.map(({ id }) => id), '00000000-0000-4000-8000-00000000dead'];
  const accounts = [...book.stored.keys(), accountId(book.number, 99)];
  const { instance: _, ...head } = await store.readHead();
  return {
    head,
    position: await store.readPosition(),
    leader: await ofLeader(store, accounts, ids),
    keys: [
      await store.readTransfers(ids, ALL_LEGS),
      await store.readTransfersSeen(ids, { legsMax: 100, wants: () => false }),
      await store.readChanges(ids),
      await store.readExistingIds(ids),
    ],
    legs: await legsOf(store, 3 - book.number, accounts),
    accounts: await ofAccounts(store, book, accounts),
    entries: await Promise.all(accounts.map((account) => entriesOf(store, account))),
    events: await eventsOf(store, book, accounts),
    searches: await searches(store, book),
  };
}

const byId = <T extends { readonly id: bigint | string }>(all: readonly T[]) =>
  new Map(all.map((each) => [each.id, each]));

async function ofLeader(store: BookStore, accounts: readonly bigint[], ids: readonly string[]) {
  const holds = await store.readDueHolds({ expiresAtMicros: 0, seq: 0 }, 1e15, 1000);
  return {
    epoch: await store.readEpoch(),
    accounts: byId(await store.loadAccounts(accounts)),
    transits: await store.loadTransitAccounts(),
    assets: await store.loadAssets(),
    originals: byId(await store.loadOriginals(ids)),
    channels: await store.readChannels(),
    holds,
    laterHolds: holds && (await store.readDueHolds(holds.cursor, 1e15, 1000)),
    firstHold: await store.readDueHolds({ expiresAtMicros: 0, seq: 0 }, 1e15, 1),
  };
}

async function legsOf(store: BookStore, peer: number, accounts: readonly bigint[]) {
  return [
    await store.readLegsAfter(peer, 0, 1000),
    await store.readLegsAfter(peer, 2, 3),
    await store.readArrivedLegs(peer, 0, 1000),
    await store.readArrivedLegs(peer, 1, 2),
    await store.readClosedLegs(peer, { after: 1, through: 9, limit: 5 }),
    await store.readRefusals(peer, 0, 1000),
    await store.readAssetsOf(accounts),
  ];
}

async function ofAccounts(store: BookStore, book: SimBook, accounts: readonly bigint[]) {
  const names = book.batches.flatMap(({ opened }) => opened.map(({ externalId }) => externalId));
  const places = book.rows.filter((_, index) => index % 25 === 0);
  const earlier = await Promise.all(
    accounts.flatMap((id) =>
      places.flatMap(({ seq, atMicros }) => [
        store.readAccountAt(id, 'seq', BigInt(seq), INT64_MAX),
        store.readAccountAt(id, 'seq', BigInt(seq), BigInt(seq) - 3n),
        store.readAccountAt(id, 'micros', BigInt(atMicros), INT64_MAX),
        store.readAccountAt(id, 'micros', BigInt(atMicros) - 1n, BigInt(book.rows.length)),
      ]),
    ),
  );
  return {
    now: await store.readAccounts(accounts),
    opened: await store.readOpened([...names, 'never opened']),
    named: await store.readAccountsByExternalId(names),
    listed: await store.listAccounts(0n, 3),
    more: await store.listAccounts(accountId(book.number, 2), 100),
    exist: await Promise.all(accounts.map((id) => store.accountExists(id))),
    assets: await store.readAssets(),
    earlier,
  };
}

async function entriesOf(store: BookStore, account: bigint) {
  const page = { account, after: 1n, through: INT64_MAX, limit: 50 };
  return [
    await store.readEntries({ ...page, movingOnly: false, newestFirst: false }),
    await store.readEntries({ ...page, movingOnly: true, newestFirst: true, through: 9n }),
    await store.readStates(account, 'version', [0n, 1n, 5n, INT64_MAX]),
    await store.readStates(account, 'seq', [0n, 9n, 40n, INT64_MAX]),
  ];
}

async function eventsOf(store: BookStore, { rows }: SimBook, accounts: readonly bigint[]) {
  const pages = [null, ...accounts].flatMap((account) => [
    { account, after: 0, through: rows.length, limit: 1000 },
    { account, after: 3, through: Math.floor(rows.length / 2), limit: 10 },
  ]);
  return Promise.all(pages.map((page) => store.readEvents(page)));
}

/** Searches with a filter of each kind, of the book and of an account. */
async function searches(store: BookStore, book: SimBook) {
  const books = [1, 2];
  const pages = filtersFor(book).flatMap((filter) => [
    { account: null, filter, books, within: EVERYWHERE, newestFirst: false, limit: 1000 },
    {
      account: accountId(book.number, 1),
      filter,
      books,
      within: { after: 5n, through: BigInt(book.rows.length - 5) },
      newestFirst: true,
      limit: 7,
    },
  ]);
  return Promise.all(pages.map((page) => store.searchTransfers(page)));
}

const STATUSES = [
  TransferStatus.POSTED,
  TransferStatus.REJECTED,
  TransferStatus.HELD,
  TransferStatus.CAPTURED,
  TransferStatus.RELEASED,
  TransferStatus.EXPIRED,
  TransferStatus.IN_TRANSIT,
  TransferStatus.RETURNED,
];

const of = (test: Filter['test']): Filter => ({ test });

function filtersFor({ number, rows }: SimBook): (Filter | undefined)[] {
  const drawn = rows.flatMap(({ details }) => details?.drawn?.id ?? []);
  const [early, late] = [0.2, 0.7].map((share) => rows[Math.floor(rows.length * share)]?.atMicros);
  const code = of({ $case: 'code', value: 2 });
  const rent = of({ $case: 'reference', value: 'rent' });
  const range = { from: timestampFrom(early ?? 0), to: timestampFrom(late ?? 0) };
  return [
    undefined,
    code,
    rent,
    of({ $case: 'code', value: 0 }),
    of({ $case: 'metadata', value: { name: 'order', value: undefined } }),
    of({ $case: 'metadata', value: { name: 'vip', value: '' } }),
    of({ $case: 'metadata', value: { name: 'a"b', value: "it's" } }),
    of({ $case: 'time', value: range }),
    of({ $case: 'time', value: { ...range, to: undefined } }),
    of({ $case: 'allOf', value: { filters: [code, rent] } }),
    of({ $case: 'anyOf', value: { filters: [code, rent] } }),
    of({ $case: 'noneOf', value: of({ $case: 'anyOf', value: { filters: [code, rent] } }) }),
    ...[Side.DEBIT, Side.CREDIT, Side.UNSPECIFIED].map((side) =>
      of({ $case: 'account', value: { accountId: accountId(number, RANDOM_ACCOUNTS), side } }),
    ),
    ...STATUSES.map((value) => of({ $case: 'status', value })),
    ...drawn
      .slice(0, 10)
      .flatMap((id) => [
        of({ $case: 'holdId', value: id }),
        of({ $case: 'reversalOf', value: id }),
      ]),
  ];
}
