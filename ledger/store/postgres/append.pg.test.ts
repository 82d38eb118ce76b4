import { expect, test } from 'vitest';
import { ALL_LEGS } from '../../testing/database/all-legs.ts';
import { accountId } from '../../core/account-id.ts';
import { newChannel } from '../../core/channel.ts';
import { readChannels } from './channels.ts';
import type { JournalRow } from '../../core/journal-row.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import { testDatabases } from '../../testing/database/database.ts';
import { BOOKS } from '../../testing/database/leading.ts';
import { EXOTIC_TEXTS } from '../../testing/books/book-requests.ts';
import { batchAfter, journalRow, opening } from '../../testing/database/rows.ts';
import { append } from './append.ts';
import type { Append } from '../append-batch.ts';
import type { Sql } from './connect.ts';
import { readHead } from './head.ts';
import { readAccountsByExternalId } from './read-accounts.ts';
import { readOpened } from './read-opened.ts';
import { readTransfers } from './read-transfers.ts';

const database = testDatabases();
const [BOOK] = BOOKS;

/** Everything that a batch may change. */
async function everything(sql: Sql) {
  return {
    head: await sql`SELECT * FROM head`,
    journal: await sql`SELECT * FROM journal ORDER BY seq`,
    accounts: await sql`SELECT * FROM account ORDER BY id`,
    channels: await sql`SELECT * FROM channel ORDER BY peer_book`,
  };
}

/** A batch with a row, an account and a channel, so that each of them could be left behind. */
function batchOfAll(head: Awaited<ReturnType<typeof readHead>>, number: number): Append {
  const account = opening(number, head.seq + 1);
  const rows = [account.row, journalRow(head.seq + 2)];
  const appliedHash = { through: number, value: '0a'.repeat(32) };
  const channels = [{ ...newChannel(2), sent: number, applied: number, appliedHash }];
  return { ...batchAfter(head, rows, [account.opened]), channels };
}

test('a cursor of a channel never goes back', async () => {
  const { ledger } = await database();
  const head = await readHead(ledger, BOOK);
  const cursors = { sent: 5, settled: 3, applied: 4 };
  await append(ledger, { ...batchAfter(head, []), channels: [{ ...newChannel(2), ...cursors }] });
  const before = await everything(ledger);
  for (const name of ['sent', 'settled', 'applied'] as const) {
    const earlier = { ...newChannel(2), ...cursors, [name]: cursors[name] - 1 };
    const batch = { ...batchAfter(head, [journalRow(1)]), channels: [earlier] };
    await expect(append(ledger, batch)).rejects.toThrow('would go back');
    expect(await everything(ledger)).toEqual(before);
  }
});

test('a batch is written as a whole, and the head moves with it', async () => {
  const { ledger } = await database();
  const head = await readHead(ledger, BOOK);
  const batch = batchOfAll(head, 1);
  expect(await append(ledger, batch)).toBe(true);
  expect(await readHead(ledger, BOOK)).toEqual({
    ...head,
    seq: 2,
    chain: batch.head.chainAfter,
    atMicros: batch.head.atMicros,
    accounts: 1,
  });
  const { journal, accounts, channels } = await everything(ledger);
  expect(journal.map((row) => [row['seq'], row['epoch'], row['chain']])).toEqual([
    [1n, 0n, null],
    [2n, 0n, batch.head.chainAfter],
  ]);
  expect(accounts).toHaveLength(1);
  expect(channels).toMatchObject([{ peer_book: 2, sent: 1n, settled: 0n, applied: 1n }]);
  expect(await readChannels(ledger)).toEqual(batch.channels);
});

test.each<[string, Partial<Append['head']>]>([
  ['an epoch that has passed', { epochBefore: -1 }],
  ['an epoch to come', { epochBefore: 1 }],
  ['a seq that has passed', { seqBefore: 1 }],
  ['a seq to come', { seqBefore: 3 }],
])('a batch of %s is fenced: nothing of it is written', async (_, move) => {
  const { ledger } = await database();
  await append(ledger, batchOfAll(await readHead(ledger, BOOK), 1));
  const before = await everything(ledger);
  const batch = batchOfAll(await readHead(ledger, BOOK), 2);
  expect(await append(ledger, { ...batch, head: { ...batch.head, ...move } })).toBe(false);
  expect(await everything(ledger)).toEqual(before);
  expect(await append(ledger, batch)).toBe(true);
});

test('of two writers at the same place exactly one succeeds', async () => {
  const { ledger } = await database();
  for (let round = 1; round <= 10; round += 1) {
    const head = await readHead(ledger, BOOK);
    const row = (name: string) => journalRow(head.seq + 1, { id: transferIdOf('', name) });
    const both = await Promise.all([
      append(ledger, batchAfter(head, [row(`a ${round}`)])),
      append(ledger, batchAfter(head, [row(`b ${round}`)])),
    ]);
    expect(both.filter(Boolean)).toHaveLength(1);
  }
  expect(await ledger`SELECT count(*) FROM journal`).toEqual([{ count: 10n }]);
});

test('a known id raises 23505 and nothing of the batch is written', async () => {
  const { ledger } = await database();
  const known = transferIdOf('', 'known');
  const first = await readHead(ledger, BOOK);
  await append(ledger, batchAfter(first, [journalRow(1, { id: known })]));
  const before = await everything(ledger);
  const head = await readHead(ledger, BOOK);
  const { row, opened } = opening(1, 2);
  const rows = [row, journalRow(3), journalRow(4, { id: known })];
  const failing = append(ledger, batchAfter(head, rows, [opened]));
  await expect(failing).rejects.toMatchObject({
    code: '23505',
    constraint_name: 'journal_from_1_id_key',
  });
  expect(await everything(ledger)).toEqual(before);
});

test('an account whose external id is taken is refused by the database as well', async () => {
  const { ledger } = await database();
  const first = opening(1, 1);
  await append(ledger, batchAfter(await readHead(ledger, BOOK), [first.row], [first.opened]));
  const before = await everything(ledger);
  const second = opening(2, 2, { externalId: 'account-1' });
  const row = { ...second.row, id: transferIdOf('', 'another row') };
  const batch = batchAfter(await readHead(ledger, BOOK), [row], [second.opened]);
  await expect(append(ledger, batch)).rejects.toMatchObject({ code: '23505' });
  expect(await everything(ledger)).toEqual(before);
});

test('any text in key, namespace, reference and metadata comes back as it was', async () => {
  const { ledger } = await database();
  const head = await readHead(ledger, BOOK);
  const rows = EXOTIC_TEXTS.map((text, index): JournalRow => {
    const next = EXOTIC_TEXTS[(index + 1) % EXOTIC_TEXTS.length] ?? '';
    return journalRow(index + 1, {
      id: transferIdOf('exotic', text),
      key: text,
      namespace: next,
      reference: text,
      metadata: JSON.parse(JSON.stringify({ x: next }).replace('"x"', JSON.stringify(text))),
    });
  });
  expect(await append(ledger, batchAfter(head, rows))).toBe(true);
  const stored = await readTransfers(
    ledger,
    1,
    rows.map(({ id }) => id),
    ALL_LEGS,
  );
  expect(stored.size).toBe(rows.length);
  for (const { id, key, namespace, reference, metadata } of rows) {
    const { transfer } = stored.get(id) ?? {};
    expect(transfer).toMatchObject({ idempotencyKey: key, namespace, reference });
    expect(Object.entries(transfer?.metadata ?? {})).toEqual(Object.entries(metadata));
  }
});

test('any text as external id is found again, and no other', async () => {
  const { ledger } = await database();
  const head = await readHead(ledger, BOOK);
  const all = EXOTIC_TEXTS.map((externalId, index) =>
    opening(index + 1, index + 1, { externalId, metadata: { [`n ${externalId}`]: externalId } }),
  );
  const opened = all.map((each) => each.opened);
  await append(
    ledger,
    batchAfter(
      head,
      all.map(({ row }) => row),
      opened,
    ),
  );
  for (const { account, externalId, metadata } of opened) {
    const { found } = await readAccountsByExternalId(ledger, BOOK, [externalId]);
    expect(found).toMatchObject([{ id: account.id, externalId, metadata }]);
  }
  const read = await readOpened(ledger, BOOK, [...EXOTIC_TEXTS, 'never opened']);
  expect([...read.keys()].toSorted()).toEqual([...EXOTIC_TEXTS].toSorted());
});

test('numbers at the edges come back as they were', async () => {
  const { ledger } = await database();
  const head = await readHead(ledger, BOOK);
  const row = journalRow(1, {
    debitAccount: accountId(32_767, 2 ** 48 - 1),
    creditAccount: accountId(1, 1),
    amount: 2n ** 63n - 1n,
    code: 2 ** 31 - 1,
    atMicros: 4_102_444_799_999_999,
  });
  await append(ledger, batchAfter(head, [row]));
  const stored = await readTransfers(ledger, 1, [row.id], ALL_LEGS);
  expect(stored.get(row.id)?.transfer).toMatchObject({
    debitAccountId: row.debitAccount,
    creditAccountId: row.creditAccount,
    amount: row.amount,
    code: row.code,
    decidedAt: { seconds: 4_102_444_799n, nanos: 999_999_000 },
  });
  expect((await readHead(ledger, BOOK)).atMicros).toBe(row.atMicros);
});
