import { describe, expect, test } from 'vitest';
import { accountId } from '../../core/account-id.ts';
import { must } from '../../core/assert.ts';
import type { Book } from '../../core/book.ts';
import { newChannel } from '../../core/channel.ts';
import type { JournalRow } from '../../core/journal-row.ts';
import { encodeRows } from '../../core/row-bytes.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import type { Append, Head } from '../../store/append-batch.ts';
import { TooManyBytes, TooManyLegs } from '../../store/asked-pages.ts';
import type { BookStore } from '../../store/book-store.ts';
import { StoreError } from '../../store/store-error.ts';
import { takeOverBatch } from '../../store/take-over-batch.ts';
import { ALL_LEGS } from '../database/all-legs.ts';
import { appendBook, RandomBooks } from '../database/random-books.ts';
import { batchAfter, journalRow, opening } from '../database/rows.ts';

/** Opens a store of a new, empty book. */
export type OpenStore = (book: Book) => Promise<BookStore>;

const BOOK: Book = { number: 1, name: 'eu-west-1', region: 'eu-west' };

/** What each store of books promises, whatever it stores them in. */
export function storeContract(open: OpenStore): void {
  describe('the head', () => {
    headContract(open);
  });
  describe('the fence', () => {
    fenceContract(open);
  });
  describe('what may occur once', () => {
    uniquenessContract(open);
  });
  describe('reads', () => {
    readsContract(open);
  });
}

/** A batch with a row, an account, an asset and a channel: each of them could be left behind. */
function batchOfAll(head: Head, number: number): Append {
  const { row, opened } = opening(number, head.seq + 1);
  const rows = [row, journalRow(head.seq + 2)];
  const channels = [{ ...newChannel(2), sent: number, applied: number }];
  const registered = [{ asset: `ASSET-${number}`, scale: number, seq: head.seq + 2 }];
  const swept = { expiresAtMicros: number, seq: number };
  return { ...batchAfter(head, rows, [opened]), channels, registered, swept, regionBooks: [1, 4] };
}

/** Everything that a batch may change. */
async function everything(store: BookStore) {
  return {
    head: await store.readHead(),
    events: await store.readEvents({ account: null, after: 0, through: 1000, limit: 1000 }),
    accounts: await store.listAccounts(0n, 1000),
    assets: await store.loadAssets(),
    channels: await store.readChannels(),
  };
}

function headContract(open: OpenStore): void {
  test('a new book has none until it is read, and is at the beginning then', async () => {
    const store = await open(BOOK);
    expect(await store.readPosition()).toBeUndefined();
    const head = await store.readHead();
    const seqs = { epoch: 0, seq: 0, accounts: 0, leader: '', fenced: false, regionBooks: [] };
    expect(head).toMatchObject(seqs);
    expect(await store.readHead()).toEqual(head);
    expect(await store.readPosition()).toMatchObject({ book: 1, epoch: 0n, seq: 0n });
  });

  test('moves with a batch that is written as a whole', async () => {
    const store = await open(BOOK);
    const head = await store.readHead();
    const batch = batchOfAll(head, 1);
    expect(await store.append(batch)).toBe(true);
    expect(await store.readHead()).toEqual({
      ...head,
      seq: 2,
      chain: batch.head.chainAfter,
      atMicros: batch.head.atMicros,
      accounts: 1,
      swept: batch.swept,
      regionBooks: [1, 4],
    });
    expect(await store.readChannels()).toEqual(batch.channels);
    expect(await store.loadAssets()).toEqual(new Map([['ASSET-1', 1]]));
    expect((await everything(store)).events).toHaveLength(2);
    // What a batch does not name stays as it was.
    const next = batchAfter(await store.readHead(), [journalRow(3)]);
    expect(await store.append(next)).toBe(true);
    expect(await store.readHead()).toMatchObject({ seq: 3, swept: batch.swept, accounts: 1 });
    expect(await store.readChannels()).toEqual(batch.channels);
  });

  test('moves past rows that are handed over as bytes, which come before the others', async () => {
    const store = await open(BOOK);
    const head = await store.readHead();
    const all = [1, 2, 3].map((seq) => journalRow(seq, { reference: seq === 3 ? 'last' : '' }));
    const { rows: _, ...batch } = batchAfter(head, all);
    const { count, bytes } = encodeRows(all.slice(0, 2));
    expect(await store.append({ ...batch, plain: { count, bytes }, rows: all.slice(2) })).toBe(
      true,
    );
    const { events } = await everything(store);
    expect(events.map(({ position, transferId }) => [position?.seq, transferId])).toEqual(
      all.map(({ id, seq }) => [BigInt(seq), id]),
    );
    const next = batchAfter(await store.readHead(), [journalRow(4), journalRow(5)]);
    const again = { ...next, plain: { count, bytes }, rows: [] };
    await expect(store.append(again)).rejects.toMatchObject({ failure: 'known_id' });
  });
}

function fenceContract(open: OpenStore): void {
  test.each<[string, Partial<Append['head']>]>([
    ['an epoch that has passed', { epochBefore: -1 }],
    ['an epoch to come', { epochBefore: 1 }],
    ['a seq that has passed', { seqBefore: 1 }],
    ['a seq to come', { seqBefore: 3 }],
    ['other books of the region', { regionBooksBefore: [1] }],
  ])('refuses a batch of %s, of which nothing is written', async (_, move) => {
    const store = await open(BOOK);
    await store.append(batchOfAll(await store.readHead(), 1));
    const before = await everything(store);
    const batch = batchOfAll(await store.readHead(), 2);
    expect(await store.append({ ...batch, head: { ...batch.head, ...move } })).toBe(false);
    expect(await everything(store)).toEqual(before);
    expect(await store.append(batch)).toBe(true);
  });

  test('lets exactly one of two take-overs of one epoch through', async () => {
    const store = await open(BOOK);
    const head = await store.readHead();
    const first = takeOverBatch(head, 'a:1', 5);
    const second = takeOverBatch(head, 'b:1', 5);
    const results = await Promise.all([store.append(first.batch), store.append(second.batch)]);
    expect(results.filter(Boolean)).toHaveLength(1);
    const winner = results[0] ? first : second;
    expect(await store.readHead()).toEqual(winner.taken);
    expect(await store.readEpoch()).toEqual({ epoch: 1, leader: winner.taken.leader });
    // The leader of the epoch before is fenced.
    expect(await store.append(batchAfter(head, [journalRow(1)]))).toBe(false);
  });
}

/** A row that gives its accounts these versions. */
const moved = (seq: number, versions: readonly [number, number]): JournalRow =>
  journalRow(seq, { reason: 0, entries: entriesOf(...versions) });

function uniquenessContract(open: OpenStore): void {
  const known = transferIdOf('', 'known');
  const leg = (seq: number, kind: JournalRow['kind'], number: number) =>
    journalRow(seq, { kind, peer: { book: 2, account: accountId(2, 1), number }, originId: known });

  test.each<[string, (seq: number) => readonly JournalRow[]]>([
    ['an id', (seq) => [journalRow(seq + 1, { id: known })]],
    ['a version of the debit account', (seq) => [moved(seq + 1, [1, 9])]],
    ['a version of the credit account', (seq) => [moved(seq + 1, [9, 1])]],
    ['a number of a leg that was sent', (seq) => [leg(seq + 1, 1, 1)]],
    ['a number of a leg that has arrived', (seq) => [leg(seq + 1, 2, 1)]],
  ])('%s: nothing is written of a batch that repeats it', async (_, repeat) => {
    const store = await open(BOOK);
    const first = await store.readHead();
    const rows = [journalRow(1, { id: known }), moved(2, [1, 1]), leg(3, 1, 1), leg(4, 2, 1)];
    expect(await store.append(batchAfter(first, rows))).toBe(true);
    const before = await everything(store);
    const head = await store.readHead();
    const fresh = opening(1, head.seq + 1);
    const batch = batchAfter(head, [fresh.row, ...repeat(head.seq + 1)], [fresh.opened]);
    await expect(store.append(batch)).rejects.toMatchObject({ failure: 'known_id' });
    expect(await everything(store)).toEqual(before);
    // Neither is anything left of a batch that repeats it within itself.
    const twice = [...repeat(head.seq), ...repeat(head.seq + 1)].map((row, index) => ({
      ...row,
      ...(row.id === known ? {} : { id: transferIdOf('twice', String(index)) }),
    }));
    const failing = store.append(batchAfter(head, twice));
    await expect(failing).rejects.toBeInstanceOf(StoreError);
    expect(await everything(store)).toEqual(before);
  });

  test('an external id, and the code of an asset', async () => {
    const store = await open(BOOK);
    await store.append(batchOfAll(await store.readHead(), 1));
    const before = await everything(store);
    const head = await store.readHead();
    const same = opening(2, head.seq + 1, { externalId: 'account-1' });
    const again = store.append(batchAfter(head, [same.row], [same.opened]));
    await expect(again).rejects.toMatchObject({ failure: 'known_id' });
    const registered = [{ asset: 'ASSET-1', scale: 3, seq: head.seq + 1 }];
    const asset = store.append({ ...batchAfter(head, [journalRow(3)]), registered });
    await expect(asset).rejects.toMatchObject({ failure: 'known_id' });
    expect(await everything(store)).toEqual(before);
  });
}

const entriesOf = (debitVersion: number, creditVersion: number): JournalRow['entries'] => ({
  debitVersion,
  creditVersion,
  debitDebits: 5n,
  debitCredits: 0n,
  creditDebits: 0n,
  creditCredits: 5n,
  held: null,
});

function readsContract(open: OpenStore): void {
  const filled = async () => {
    const [book] = new RandomBooks(7, 200).books;
    const store = await open(BOOK);
    const filling = must(book, 'there are two books');
    await appendBook(store, filling);
    return { store, book: filling };
  };

  test('load what was appended, as the core left it', async () => {
    const { store, book: sim } = await filled();
    const accounts = await store.loadAccounts([...sim.stored.keys(), 1n]);
    expect(new Map(accounts.map((account) => [account.id, account]))).toEqual(sim.stored);
    const ids = sim.rows.map(({ id }) => id);
    const originals = new Map((await store.loadOriginals(ids)).map((each) => [each.id, each]));
    for (const id of ids) expect(originals.get(id)).toEqual(sim.storedOriginal(id));
    expect(await store.readChannels()).toEqual([...sim.channels.values()]);
    expect(await store.readExistingIds([...ids, transferIdOf('', 'none')])).toEqual(new Set(ids));
  });

  test('of a snapshot see one state of the book', async () => {
    const { store, book: sim } = await filled();
    const [account = 0n] = sim.stored.keys();
    const seen = await store.snapshot(0, async (reads) => {
      const before = await reads.readStates(account, 'version', [1n << 62n]);
      const head = await store.readHead();
      const version = Number(before[0]?.state.version ?? 0n) + 1;
      const entries = entriesOf(version, 1);
      const next = journalRow(head.seq + 1, { reason: 0, entries, debitAccount: account });
      expect(await store.append(batchAfter(head, [next]))).toBe(true);
      return { before, after: await reads.readStates(account, 'version', [1n << 62n]) };
    });
    expect(seen.found.after).toEqual(seen.found.before);
    expect(seen.end?.seq).toBe(BigInt(sim.rows.length));
    const [now] = await store.readStates(account, 'version', [1n << 62n]);
    expect(now?.seq).toBe(BigInt(sim.rows.length + 1));
    expect((await store.readAccounts([account])).end?.seq).toBe(now?.seq);
  });

  test('refuse more legs and bytes than were asked for', async () => {
    const { store, book: sim } = await filled();
    const ids = sim.rows.map(({ id }) => id);
    const few = store.readTransfers(ids, { legsMax: 2, wants: () => true });
    await expect(few).rejects.toBeInstanceOf(TooManyLegs);
    const small = store.readTransfersSeen(ids, { ...ALL_LEGS, bytesMax: 20 });
    await expect(small).rejects.toBeInstanceOf(TooManyBytes);
  });
}
