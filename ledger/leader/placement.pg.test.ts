import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { must } from '../core/assert.ts';
import { candidatesOf, ownerOf, type RegionBooks } from '../core/placement.ts';
import { readHead } from '../store/postgres/head.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { BOOKS, Leading } from '../testing/database/leading.ts';
import type { OpenAnswer } from './answers.ts';
import { CommandList } from './kinds/batch-part.ts';
import { open as openings } from './kinds/openings.ts';
import { KnownOutcomes } from './known-outcomes.ts';
import { LedgerError } from './ledger-error.ts';
import { takeOver } from './take-over.ts';
import type { NotOwnedItem } from './work.ts';
import { PostgresStore } from '../store/postgres/postgres-store.ts';

/** What a book keeps of the books of its region, and what that keeps it from opening. */

const database = testDatabases();
const [BOOK] = BOOKS;

/** Names that the first or the second book owns once there are two. */
const nameOf = (owner: number, tag = '') => {
  for (let index = 0; ; index += 1) {
    const name = `name${tag}-${index}`;
    if (ownerOf(name, [1, 4]) === owner) return name;
  }
};

async function lead(on: TestDatabase, address = '127.0.0.1:1'): Promise<Leading> {
  const leading = await Leading.over(on, { address });
  onTestFinished(() => leading.stop());
  return leading;
}

const storeOf = ({ ledger }: TestDatabase) => new PostgresStore(ledger, BOOK);

interface Placed {
  readonly answers: readonly OpenAnswer[];
  readonly notOwned: readonly NotOwnedItem[];
}

function place(
  { leader }: Leading,
  names: readonly string[],
  regionBooks: RegionBooks,
  dryRun = false,
): Promise<Placed> {
  const requests = names.map((externalId) =>
    OpenAccountRequest.fromPartial({ externalId, homeRegion: 'eu-west', asset: 'EUR', dryRun }),
  );
  return new Promise((resolve, reject) => {
    const onOutcome = (answers: OpenAnswer[], notOwned: readonly NotOwnedItem[]) =>
      resolve({ answers, notOwned });
    const work = { kind: 'open', requests, regionBooks, onOutcome, onFailure: reject } as const;
    if (dryRun) leader.submitDry(work);
    else leader.submit(work);
  });
}

const kept = async ({ ledger }: TestDatabase) => (await readHead(ledger, BOOK)).regionBooks;
const opened = async ({ ledger }: TestDatabase) =>
  (await ledger<{ external_id: string }[]>`SELECT external_id FROM account ORDER BY id`).map(
    (row) => row.external_id,
  );

test('a book keeps the longest list that it was sent before it answers under it', async () => {
  const on = await database();
  const leading = await lead(on);
  const [own, other] = [nameOf(1), nameOf(4)];
  expect(await kept(on)).toEqual([]);
  // With an opening, it is kept in the statement of the opening.
  expect((await place(leading, [own], [1])).notOwned).toEqual([]);
  expect(await kept(on)).toEqual([1]);
  // Nothing is opened, and no row is written: the list is kept all the same.
  const { seq } = await readHead(on.ledger, BOOK);
  const { answers, notOwned } = await place(leading, [other], [1, 4]);
  expect(notOwned).toEqual([{ index: 0, why: 'elsewhere' }]);
  expect(answers).toMatchObject([{ account: undefined, position: undefined }]);
  expect(await readHead(on.ledger, BOOK)).toMatchObject({ regionBooks: [1, 4], seq });
  // A router that does not know the new book is sent away too, and one without any list.
  expect((await place(leading, [other], [1])).notOwned).toHaveLength(1);
  expect((await place(leading, [other], [])).notOwned).toHaveLength(1);
  expect((await place(leading, [nameOf(1, 'b')], [])).notOwned).toEqual([]);
  expect(await opened(on)).toEqual([own, nameOf(1, 'b')]);
});

test('an account that is open stays where it is, whatever books join', async () => {
  const on = await database();
  const leading = await lead(on);
  const name = nameOf(4);
  const { answers } = await place(leading, [name], [1]);
  const again = await place(leading, [name], [1, 4]);
  expect(again).toMatchObject({
    notOwned: [],
    answers: [{ replayed: true, account: { id: answers[0]?.account?.id } }],
  });
});

test('a list that contradicts the one before is refused, and the others are answered', async () => {
  const on = await database();
  const leading = await lead(on);
  const [name, more] = [nameOf(1), nameOf(1, 'more')];
  const [first, conflict] = await Promise.all([
    place(leading, [name], [1, 4]),
    place(leading, [more], [1, 5]),
  ]);
  expect(first.notOwned).toEqual([]);
  expect(conflict.notOwned).toEqual([{ index: 0, why: 'contradiction' }]);
  expect(await opened(on)).toEqual([name]);
  expect(await kept(on)).toEqual([1, 4]);
});

test('two routers of which one knows more, in one batch: the name is opened at most once', async () => {
  const on = await database();
  const leading = await lead(on);
  const names = Array.from({ length: 40 }, (_, index) => `both-${index}`);
  const lists = names.flatMap((name, index) => [
    [name, index % 2 === 0 ? [1] : [1, 4]] as const,
    [name, index % 2 === 0 ? [1, 4] : [1]] as const,
  ]);
  const all = await Promise.all(lists.map(([name, list]) => place(leading, [name], list)));
  // Both have the account, or neither has, and then this book never opens it again.
  const sentAway = (index: number) => all[index]?.notOwned.length;
  const differ = names.filter((_, index) => sentAway(2 * index) !== sentAway(2 * index + 1));
  expect(differ).toEqual([]);
  const here = names.filter((_, index) => all[2 * index]?.notOwned.length === 0);
  expect(await opened(on)).toEqual(here);
  expect(here.length).toBeLessThan(names.length);
});

test('a dry run keeps nothing, and answers as though it did', async () => {
  const on = await database();
  const leading = await lead(on);
  expect((await place(leading, [nameOf(4)], [1, 4], true)).notOwned).toHaveLength(1);
  expect((await place(leading, [nameOf(1)], [1, 4], true)).notOwned).toEqual([]);
  expect(await kept(on)).toEqual([]);
  expect(await opened(on)).toEqual([]);
  expect((await place(leading, [nameOf(4)], [1])).notOwned).toEqual([]);
});

test('a deposed leader keeps no list, and the next one has what was kept', async () => {
  const on = await database();
  const old = await lead(on);
  await place(old, [nameOf(1)], [1, 4]);
  const next = await lead(on, '127.0.0.1:2');
  // The commit of the longer list is what shows the old leader that it leads no more.
  await expect(place(old, [nameOf(1, 'x')], [1, 4, 9])).rejects.toMatchObject({
    code: 'not_leader',
  });
  expect(await kept(on)).toEqual([1, 4]);
  expect((await place(next, [nameOf(4)], [1])).notOwned).toHaveLength(1);
});

test('a take-over waits for a list that was kept without a row since the head was read', async () => {
  const on = await database();
  const leading = await lead(on);
  const head = await readHead(on.ledger, BOOK);
  await place(leading, [nameOf(4)], [1, 4]);
  // Neither epoch nor seq have moved. Taken over with the older list, the book would open the name.
  expect(await takeOver(storeOf(on), head, '127.0.0.1:2', 1)).toBeUndefined();
  const taken = await takeOver(storeOf(on), await readHead(on.ledger, BOOK), '127.0.0.1:2', 1);
  expect(taken).toMatchObject({ regionBooks: [1, 4] });
});

test('a take-over adds the books of the configuration, and never shortens the list', async () => {
  const on = await database();
  const over = async (books: RegionBooks) =>
    (await takeOver(storeOf(on), await readHead(on.ledger, BOOK), 'a:1', 1, books))?.regionBooks;
  expect(await over([1])).toEqual([1]);
  expect(await over([1, 4])).toEqual([1, 4]);
  expect(await over([1])).toEqual([1, 4]);
  expect(await over([1, 5])).toEqual([1, 4]);
  expect((await readHead(on.ledger, BOOK)).regionBooks).toEqual([1, 4]);
});

test('openings that are prepared while the same names are being committed are replays', async () => {
  const leading = await lead(await database());
  // A full batch: the next one is prepared before it is committed.
  const names = Array.from({ length: 4_000 }, (_, index) => `ahead-${index}`);
  const [first, second, third] = await Promise.all([
    place(leading, names, [1]),
    place(leading, names, [1, 4]),
    place(leading, names.slice(0, 10), [1]),
  ]);
  expect(first.notOwned).toEqual([]);
  expect(second.notOwned).toEqual([]);
  expect(second.answers.every(({ replayed }) => replayed)).toBe(true);
  expect(third.answers.every(({ replayed }) => replayed)).toBe(true);
});

test('a name that was opened after the look-up of its batch is not called one of another book', async () => {
  const on = await database();
  const leading = await lead(on);
  const name = nameOf(4);
  const request = OpenAccountRequest.fromPartial({ externalId: name, asset: 'EUR' });
  const answers: OpenAnswer[] = [];
  const part = openings.newPart(
    [
      {
        kind: 'open',
        requests: [request],
        regionBooks: [1, 4],
        onOutcome: (all) => answers.push(...all),
        onFailure: (failure) => expect.fail(failure.message),
      },
    ],
    0,
  );
  // Prepared ahead of a batch that opens the name, which the journal refuses once for another key.
  const known = new KnownOutcomes(storeOf(on), BOOK.number, undefined);
  const onItsWay = Promise.resolve();
  const lookup = { book: BOOK, store: storeOf(on), known, journalOnly: true, onItsWay };
  await part.lookUp(lookup);
  part.plan(new CommandList());
  await place(leading, [name], [1]);
  expect(await part.lookUpRefused([{ kind: 'notOwned', why: 'elsewhere' }], lookup)).toBe(true);
  expect(part.unanswered).toBe(0);
  part.plan(new CommandList());
  part.publish();
  expect(answers).toMatchObject([{ replayed: true }]);
});

test('a book is added while routers open accounts and servers take over from each other', async () => {
  const databases = new Map([
    [1, await database()],
    [4, await database()],
  ]);
  const leaders = new Map<number, Leading>();
  const takeOverBy = async (number: number, address: string) => {
    const on = must(databases.get(number), 'there is such a book');
    const book = { number, name: `eu-west-${number}`, region: 'eu-west' };
    const leading = await Leading.over(on, { address, book });
    onTestFinished(() => leading.stop());
    leaders.set(number, leading);
  };
  for (const number of databases.keys()) await takeOverBy(number, 'a:1');
  /** Asks one book until it answers: what it did meanwhile is not known to the router. */
  const ask = async (number: number, name: string, regionBooks: RegionBooks): Promise<Placed> => {
    for (;;) {
      try {
        return await place(must(leaders.get(number), 'it is led'), [name], regionBooks);
      } catch (error) {
        if (!(error instanceof LedgerError)) throw error;
        await sleep(5);
      }
    }
  };
  const acknowledged = new Map<string, Set<bigint>>();
  let outdated = 0;
  const open = async (name: string, regionBooks: RegionBooks) => {
    for (const number of candidatesOf(name, regionBooks)) {
      const { answers, notOwned } = await ask(number, name, regionBooks);
      if (notOwned.length > 0) continue;
      const ids = acknowledged.get(name) ?? new Set();
      acknowledged.set(name, ids.add(answers[0]?.account?.id ?? 0n));
      return;
    }
    outdated += 1;
  };
  const names = Array.from({ length: 300 }, (_, index) => `joint-${index}`);
  const over = new AbortController();
  const router = async (regionBooks: RegionBooks, from: number) => {
    for (let index = 0; index < names.length; index += 10) {
      const part = Array.from({ length: 10 }, (_, next) => (from + index + next) % names.length);
      await Promise.all(part.map((at) => open(names[at] ?? '', regionBooks)));
    }
  };
  const staleRouter = async (from: number) => {
    while (!over.signal.aborted) await router([1], from);
  };
  const stale = [staleRouter(0), staleRouter(150)];
  const restless = (async () => {
    for (let round = 0; round < 6; round += 1) {
      await sleep(60);
      await takeOverBy(round % 3 === 2 ? 4 : 1, `b:${round}`);
    }
  })();
  await Promise.all([router([1, 4], 100), router([1, 4], 250), restless]);
  over.abort();
  await Promise.all(stale);
  await router([1, 4], 0);
  expect([...acknowledged.keys()].toSorted()).toEqual(names.toSorted());
  expect([...acknowledged.values()].filter((ids) => ids.size !== 1)).toEqual([]);
  const all = await Promise.all([...databases.values()].map(opened));
  expect(all.flat().toSorted()).toEqual(names.toSorted());
  for (const inBook of all) expect(inBook.length).toBeGreaterThan(10);
  expect(outdated).toBeGreaterThan(0);
}, 60_000);
