import { randomUUID } from 'node:crypto';
import { newChannel } from '../../core/channel.ts';
import { expect, test } from 'vitest';
import { testDatabases } from '../../testing/database/database.ts';
import { BOOKS } from '../../testing/database/leading.ts';
import { batchAfter, journalRow, opening } from '../../testing/database/rows.ts';
import { append } from './append.ts';
import { connect } from './connect.ts';
import { readHead } from './head.ts';
import { readOperations, recordOperation, type StoredOperation } from './operations.ts';

const database = testDatabases();

const operation = (fields: Partial<StoredOperation> = {}): StoredOperation => ({
  id: randomUUID(),
  atMicros: 1_763_711_782_000_001,
  kind: 'fence',
  who: 'jane',
  why: "it's on fire",
  details: { book: 'eu-west-1', list: [1, null] },
  epoch: 3,
  ...fields,
});

/** A database with a row in each table. */
async function filled() {
  const opened = await database();
  const head = await readHead(opened.ledger, BOOKS[0]);
  const account = opening(1, 1);
  const channels = [newChannel(2)];
  const batch = batchAfter(head, [account.row, journalRow(2)], [account.opened]);
  const registered = [{ asset: 'POINTS', scale: 0, seq: 2 }];
  await append(opened.ledger, { ...batch, channels, registered });
  await recordOperation(opened.admin, operation());
  return opened;
}

const TABLES = [
  'head',
  'journal',
  'account',
  'channel',
  'asset',
  'operation',
  'entry',
  'balance',
  'open_hold',
];

const CHANGES = [
  `UPDATE journal SET amount = 1 WHERE seq = 2`,
  `UPDATE journal SET amount = amount`,
  `DELETE FROM journal WHERE seq = 2`,
  `TRUNCATE journal`,
  `UPDATE account SET asset = 'USD'`,
  `UPDATE account SET min_balance = NULL`,
  `DELETE FROM account`,
  `TRUNCATE account`,
  `UPDATE asset SET scale = 2`,
  `DELETE FROM asset`,
  `TRUNCATE asset`,
  `UPDATE operation SET why = ''`,
  `DELETE FROM operation`,
  `TRUNCATE operation`,
  `INSERT INTO journal SELECT * FROM journal ON CONFLICT (seq) DO UPDATE SET amount = 1`,
] as const;

test.each(CHANGES)('the ledger has no right to: %s', async (statement) => {
  const { ledger } = await filled();
  await expect(ledger.unsafe(statement)).rejects.toMatchObject({ code: '42501' });
});

test.each(CHANGES)('a trigger keeps even the owner from: %s', async (statement) => {
  const { admin } = await filled();
  const before = await admin`SELECT j.*, a.* FROM journal j, account a ORDER BY j.seq, a.id`;
  await expect(admin.unsafe(statement)).rejects.toThrow(/append-only/u);
  const after = await admin`SELECT j.*, a.* FROM journal j, account a ORDER BY j.seq, a.id`;
  expect(after).toEqual(before);
});

test.each([
  'DELETE FROM head',
  `INSERT INTO operation SELECT * FROM operation`,
  'TRUNCATE head',
  'DELETE FROM channel',
  'TRUNCATE channel',
  'DROP TABLE journal',
  'ALTER TABLE journal DISABLE TRIGGER ALL',
  'ALTER TABLE journal ADD COLUMN x int',
  'CREATE TABLE mine (x int)',
  'DROP TRIGGER journal_append_only ON journal',
  `SET session_replication_role = 'replica'`,
])('the ledger has no right to: %s', async (statement) => {
  const { ledger } = await filled();
  await expect(ledger.unsafe(statement)).rejects.toMatchObject({ code: '42501' });
});

test('auditors see the triggers, read everything and write nothing', async () => {
  const { auditorUrl } = await filled();
  const auditor = connect(auditorUrl, 1);
  try {
    const triggers = await auditor<{ tgname: string; tgenabled: string }[]>`
      SELECT DISTINCT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname`;
    expect(triggers.map(({ tgname, tgenabled }) => `${tgname} ${tgenabled}`)).toEqual([
      'account_append_only O',
      'account_no_truncate O',
      'asset_append_only O',
      'asset_no_truncate O',
      'channel_goes_on O',
      'journal_append_only O',
      'journal_no_truncate O',
      'operation_append_only O',
      'operation_no_truncate O',
    ]);
    for (const table of TABLES) {
      expect(await auditor`SELECT * FROM ${auditor(table)} LIMIT 1`).toBeDefined();
    }
    for (const statement of ['UPDATE head SET epoch = 9', ...CHANGES]) {
      await expect(auditor.unsafe(statement)).rejects.toMatchObject({ code: '42501' });
    }
  } finally {
    await auditor.end();
  }
});

test('a book records any kind of operation: which ones there are is known to the operator', async () => {
  const { admin } = await database();
  const kept = operation({ kind: 'rotate-secrets' });
  await recordOperation(admin, kept);
  expect(await readOperations(admin, 10)).toContainEqual(kept);
  for (const kind of ['', 'Fence', 'a kind', `fence'`]) {
    await expect(recordOperation(admin, operation({ kind }))).rejects.toBeInstanceOf(RangeError);
  }
});

test('operations are read as they were recorded, newest first, each once', async () => {
  const { admin, auditorUrl } = await database();
  const first = operation();
  const second = operation({ kind: 'unfence', atMicros: first.atMicros + 1, details: null });
  await recordOperation(admin, second);
  await recordOperation(admin, first);
  await recordOperation(admin, { ...first, why: 'repeated' });
  const auditor = connect(auditorUrl, 1);
  try {
    expect(await readOperations(auditor, 10)).toEqual([second, first]);
    expect(await readOperations(auditor, 1)).toEqual([second]);
  } finally {
    await auditor.end();
  }
});
