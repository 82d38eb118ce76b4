import { expect, test } from 'vitest';

import { must } from '../core/assert.ts';
import { type JournalRow, NO_DETAILS, RowKind } from '../core/journal-row.ts';
import { derivedId } from '../core/transfer-id.ts';
import { transferRequest } from '../testing/books/book-requests.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { FETCH_SIZE } from './read-book.ts';
import { runAudit } from './run-audit.ts';
import { completeBooks } from './test/complete-books.ts';
import { forged, rowOf, writeBook, type Written, WritingBook } from './test/written-book.ts';

const newDatabase = testDatabases();
const [near, far] = completeBooks();

async function write(book: Written): Promise<TestDatabase> {
  const database = await newDatabase();
  await writeBook(database, book);
  return database;
}

const auditOf = (...databases: readonly TestDatabase[]) =>
  runAudit({ urls: databases.map(({ auditorUrl }) => auditorUrl), onProgress: () => {} });

type Report = Awaited<ReturnType<typeof auditOf>>;

const invariants = ({ violations }: Report) => [
  ...new Set(violations.map(({ invariant }) => invariant)),
];

test('two books with everything in them have no violation', async () => {
  const report = await auditOf(await write(near), await write(far));
  expect(report.violations).toEqual([]);
  // The last reversal has left the payee's book and not arrived at the payer's.
  expect(report.inFlight.filter(({ amountMinor }) => amountMinor !== 0n)).toEqual([
    { from: far.name, to: near.name, asset: 'EUR', transfers: 1, amountMinor: 25n },
  ]);
  expect(report.books[0]).toMatchObject({ posted: 14, held: 7, openHolds: 1, overdueHolds: 1 });
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

test('what was changed in the database is found', { timeout: 120_000 }, async () => {
  const database = await write(near);
  await database.admin`CREATE TABLE saved AS SELECT * FROM journal`;
  const run = (statement: string) =>
    database.admin.begin(async (tx) => {
      await tx`SET LOCAL session_replication_role = replica`;
      await tx.unsafe(statement);
    });
  for (const [name, invariant, harm, undo] of HARMS) {
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
