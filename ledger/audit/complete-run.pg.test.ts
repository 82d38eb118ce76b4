import { randomUUID } from 'node:crypto';

import { expect, test } from 'vitest';

import { must } from '../core/assert.ts';
import { chainAfter, type ChainRecipe } from '../core/chain.ts';
import { type JournalRow, NO_DETAILS, RowKind } from '../core/journal-row.ts';
import { derivedId } from '../core/transfer-id.ts';
import { transferRequest } from '../testing/books/book-requests.ts';
import { append } from '../store/postgres/append.ts';
import { readHead } from '../store/postgres/head.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { BOOKS } from '../testing/database/leading.ts';
import { batchAfter, journalRow } from '../testing/database/rows.ts';
import { FETCH_SIZE } from './read-book.ts';
import { runAudit } from './run-audit.ts';
import { completeBooks } from './test/complete-books.ts';
import { forged, rowOf, writeBook, type Written, WritingBook } from './test/written-book.ts';

const newDatabase = testDatabases();
const [near, far] = completeBooks();
const [BOOK] = BOOKS;

async function write(
  book: Written,
  recipeOf?: (index: number) => ChainRecipe,
): Promise<TestDatabase> {
  const database = await newDatabase();
  await writeBook(database, book, recipeOf);
  return database;
}

const auditOf = (...databases: readonly TestDatabase[]) =>
  runAudit({ urls: databases.map(({ auditorUrl }) => auditorUrl), onProgress: () => {} });

type Report = Awaited<ReturnType<typeof auditOf>>;

const invariants = ({ violations }: Report) => [
  ...new Set(violations.map(({ invariant }) => invariant)),
];

test('books whose batches have one recipe or the other in turns have no violation', async () => {
  const odd = await write(near, (index) => (index % 2 === 0 ? 1 : 2));
  const upgraded = await write(far, (index) => (index < far.batches.length / 2 ? 1 : 2));
  expect((await auditOf(odd, upgraded)).violations).toEqual([]);
  const recipes = await odd.admin`
    SELECT chain_recipe, count(*) > 3 AS many FROM journal WHERE chain IS NOT NULL
     GROUP BY chain_recipe ORDER BY chain_recipe`;
  expect(recipes).toEqual([
    { chain_recipe: 2, many: true },
    { chain_recipe: null, many: true },
  ]);
});

test('two books with everything in them have no violation', async () => {
  const report = await auditOf(await write(near), await write(far));
  expect(report.violations).toEqual([]);
  // The last reversal has left the payee's book and not arrived at the payer's.
  expect(report.inFlight.filter(({ amountMinor }) => amountMinor !== 0n)).toEqual([
    { from: far.name, to: near.name, asset: 'EUR', transfers: 1, amountMinor: 25n },
  ]);
  expect(report.books[0]).toMatchObject({ posted: 14, held: 7, openHolds: 1, overdueHolds: 1 });
});

/** The rows as they are stored, without the chain. */
async function stored({ admin }: TestDatabase): Promise<object[]> {
  const found = await admin`SELECT * FROM journal ORDER BY seq`;
  return found.map((row) => ({ ...row, chain: null, chain_recipe: null }));
}

test('every kind of row is stored as one statement stores it', async () => {
  const rows = near.batches
    .flatMap((batch) => [...batch.rows, journalRow(0, { id: randomUUID() })])
    .map((row, index): JournalRow => ({ ...row, seq: index + 1, epoch: 0, atMicros: 1e15 }));
  const copied = await newDatabase();
  const head = await readHead(copied.ledger, BOOK);
  expect(await append(copied.ledger, batchAfter(head, rows))).toBe(true);
  const single = await newDatabase();
  let at = await readHead(single.ledger, BOOK);
  for (const row of rows) {
    const batch = batchAfter(at, [row]);
    expect(await append(single.ledger, batch)).toBe(true);
    at = { ...at, seq: row.seq, chain: chainAfter(at.chain, [row]) };
  }
  expect(await stored(copied)).toEqual(await stored(single));
});

/** Changes by the owner of the server that bypass the triggers, and how they are undone. */
type Harm = readonly [name: string, invariant: string, harm: string, undo: string];

const seqOf = (reference: string, book = near) => rowOf(book, reference).seq;

const column = (name: string, reference: string, value: string): Harm => {
  const seq = seqOf(reference);
  return [
    name,
    'I11',
    `UPDATE journal SET ${name} = ${value} WHERE seq = ${seq}`,
    `UPDATE journal SET ${name} = saved.${name} FROM saved
      WHERE journal.seq = ${seq} AND saved.seq = ${seq}`,
  ];
};

const UUID = `'00000000-0000-4000-8000-000000000000'`;

const HARMS: readonly Harm[] = [
  column('debit_held_debits', 'hotel', '299'),
  column('debit_held_credits', 'hotel', '1'),
  column('credit_held_debits', 'hotel', '1'),
  column('credit_held_credits', 'hotel', 'NULL'),
  column('drawn_id', 'first night', UUID),
  column('drawn_left', 'first night', '201'),
  column('drawn_left', 'button missing', 'NULL'),
  column('group_id', 'bread', UUID),
  column('group_id', 'salary', UUID),
  column('expires_at', 'still open', `expires_at + interval '1 us'`),
  column('expires_at', 'still open', 'NULL'),
  column('options', 'all coins', `replace(options, '100', '101')`),
  column('changed_by', 'gone', `'mallory'`),
  column('account_flags', 'lost card', '0'),
  column('min_balance', 'credit line', 'NULL'),
  column('max_balance', 'credit line', '51'),
  [
    'a sweep that has passed an open hold',
    'I10',
    `UPDATE head SET swept_at = (SELECT expires_at FROM journal WHERE seq = ${seqOf('still open')}),
                     swept_seq = ${seqOf('still open')}`,
    `UPDATE head SET swept_at = 'epoch', swept_seq = 0`,
  ],
  [
    'a sweep of holds that are not due',
    'I10',
    `UPDATE head SET swept_at = at + interval '1 s'`,
    `UPDATE head SET swept_at = 'epoch'`,
  ],
  ['a scale', 'I18', 'UPDATE asset SET scale = 2', 'UPDATE asset SET scale = 3'],
  [
    'an asset added',
    'I18',
    `INSERT INTO asset VALUES ('XX', 2, 1, now())`,
    `DELETE FROM asset WHERE asset = 'XX'`,
  ],
  [
    'an asset table that can be changed',
    'I18',
    'ALTER TABLE asset DISABLE TRIGGER asset_append_only',
    'ALTER TABLE asset ENABLE TRIGGER asset_append_only',
  ],
  [
    'an asset table that can be emptied',
    'I18',
    'ALTER TABLE asset DISABLE TRIGGER asset_no_truncate',
    'ALTER TABLE asset ENABLE TRIGGER asset_no_truncate',
  ],
  [
    'a privilege on assets too many',
    'I18',
    'GRANT UPDATE ON asset TO meridian_ledger',
    'REVOKE UPDATE ON asset FROM meridian_ledger',
  ],
];

/** What no release writes, and recipe 2 distinguishes: it hashes what is stored. */
const HARMS_OF_BYTES: readonly Harm[] = [
  column('namespace', 'hotel', `''`),
  column('asset', 'hotel', `''`),
  column('code', 'hotel', '0'),
  column('metadata', 'hotel', `'{}'`),
  column('options', 'salary', `''`),
  column('peer_book', 'hotel', '2'),
  column('drawn_left', 'hotel', '1'),
  column('min_balance', 'hotel', '1'),
];

/** Of the chain itself. */
const HARMS_OF_RECIPES: readonly Harm[] = [
  [
    'a recipe that is not known',
    'I11',
    'UPDATE journal SET chain_recipe = 3 WHERE seq = 1',
    'UPDATE journal SET chain_recipe = saved.chain_recipe FROM saved WHERE journal.seq = 1 AND saved.seq = 1',
  ],
  [
    'another recipe',
    'I11',
    'UPDATE journal SET chain_recipe = CASE WHEN chain_recipe IS NULL THEN 2 END WHERE chain IS NOT NULL',
    'UPDATE journal SET chain_recipe = saved.chain_recipe FROM saved WHERE journal.seq = saved.seq',
  ],
  [
    'a recipe in the middle of a batch',
    'I11',
    'UPDATE journal SET chain_recipe = 2 WHERE seq = (SELECT min(seq) FROM journal WHERE chain IS NULL)',
    'UPDATE journal SET chain_recipe = saved.chain_recipe FROM saved WHERE journal.seq = saved.seq',
  ],
];

test.each<[string, (index: number) => ChainRecipe, readonly Harm[]]>([
  ['by recipe 2', () => 2, [...HARMS, ...HARMS_OF_BYTES, ...HARMS_OF_RECIPES]],
  ['by recipe 1', () => 1, [...HARMS, ...HARMS_OF_RECIPES]],
])('what was changed in a book %s is found', { timeout: 120_000 }, async (_, recipeOf, harms) => {
  const database = await write(near, recipeOf);
  await database.admin`CREATE TABLE saved AS SELECT * FROM journal`;
  const run = (statement: string) =>
    database.admin.begin(async (tx) => {
      await tx`SET LOCAL session_replication_role = replica`;
      await tx.unsafe(statement);
    });
  for (const [name, invariant, harm, undo] of harms) {
    await run(harm);
    const report = await auditOf(database);
    expect.soft(invariants(report), name).toContain(invariant);
    await run(undo);
  }
  expect((await auditOf(database)).violations).toEqual([]);
});

function drawing({ details }: JournalRow, id: string): Partial<JournalRow> {
  const drawn = { id, left: details?.drawn?.left ?? null };
  return { details: { ...NO_DETAILS, ...details, drawn } };
}

test('two journals that are each correct but contradict each other are found', async () => {
  const database = await write(near);
  const returned = rowOf(far, 'wrong colour', RowKind.return);
  const applied = rowOf(near, 'wrong size');
  const other = rowOf(far, 'boarding').id;
  const forgeries: readonly (readonly [string, Written])[] = [
    ['gave back to null', forged(far, returned.seq, { details: null })],
    ['gave back to', forged(far, returned.seq, drawing(returned, other))],
    ['was returned to', forged(far, returned.seq, { creditAccount: accountOf('bob') - 1n })],
    ['arrived as another transfer', forged(far, seqOf('wrong size', far), otherKind(other))],
  ];
  for (const [text, book] of forgeries) {
    const report = await auditOf(database, await write(book));
    const texts = report.violations.filter(({ invariant }) => invariant === 'I3');
    expect.soft(texts.map((found) => found.text)).toContainEqual(expect.stringContaining(text));
  }
  const twisted = forged(near, applied.seq, { details: null });
  const report = await auditOf(await write(twisted), await write(far));
  expect(invariants(report)).toEqual(['I3']);

  function otherKind(id: string): Partial<JournalRow> {
    return drawing(rowOf(far, 'wrong size'), id);
  }

  function accountOf(externalId: string): bigint {
    const opened = far.batches.flatMap((batch) => batch.opened);
    const found = opened.find((account) => account.externalId === externalId);
    return must(found, `there is an account ${externalId}`).account.id;
  }
});

test('the amount left to reverse is known many rows later', async () => {
  const book = new WritingBook(1);
  const [bank, shop] = [book.open('bank'), book.open('shop')];
  const there = { debitAccountId: bank, creditAccountId: shop };
  const coat = book.transfer('coat', { ...there, amount: 80n });
  const back = {
    debitAccountId: shop,
    creditAccountId: bank,
    action: { $case: 'reversal', value: { transferId: coat } },
  } as const;
  const fill = () =>
    book.post(
      ...Array.from({ length: FETCH_SIZE }, (_, index) => {
        fills += 1;
        const request = transferRequest({ ...there, idempotencyKey: `${index}/${fills}` });
        return { kind: 'transfer', id: derivedId('fill', String(fills)), request } as const;
      }),
    );
  let fills = 0;
  fill();
  book.transfer('button', { ...back, amount: 30n });
  fill();
  book.transfer('rest', { ...back, amount: 50n });
  const written = book.written();
  expect((await auditOf(await write(written))).violations).toEqual([]);
  const rest = rowOf(written, 'rest');
  const tooMuch = forged(written, rest.seq, { amount: 51n });
  const report = await auditOf(await write(tooMuch));
  expect(report.violations.map(({ text }) => text)).toContainEqual(
    expect.stringMatching(/^leaves -1 of/),
  );
});

test('accounts of an asset from before assets were registered are noted', async () => {
  const database = await write(near);
  // Only the journal counts, and these rows are dated 1970.
  const silver = forged(near, seqOf('new'), { asset: 'SILVER' });
  const other = await write(silver);
  expect((await auditOf(database)).notes).toEqual([]);
  const { notes } = await auditOf(other);
  expect(notes).toEqual([expect.stringMatching(/^book-1: accounts opened with an asset .*: 1$/)]);
});
