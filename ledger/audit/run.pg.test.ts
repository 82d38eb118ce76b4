import { describe, expect, test } from 'vitest';

import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { runAudit } from './run-audit.ts';
import { twoBooks } from './test/two-books.ts';
import { forged, rowOf, writeBook, WritingBook, type Written } from './test/written-book.ts';

const newDatabase = testDatabases();
const [near, far] = twoBooks();

const auditOf = (urls: readonly string[]) => runAudit({ urls, onProgress: () => {} });

/** Writes both books and audits them after `harm` has been done. */
async function audit(
  harm: (nearDatabase: TestDatabase, farDatabase: TestDatabase) => Promise<unknown>,
  [first, second]: readonly [Written, Written] = [near, far],
) {
  const databases = [await newDatabase(), await newDatabase()] as const;
  await writeBook(databases[0], first);
  await writeBook(databases[1], second);
  await harm(...databases);
  const urls = databases.map(({ auditorUrl }) => auditorUrl);
  return auditOf(urls);
}

const seqOf = (reference: string) => rowOf(near, reference).seq;

const nothing = () => Promise.resolve();

/** Changes rows as only the owner of the server could, past the triggers. */
async function tamper({ admin }: TestDatabase, statement: string): Promise<void> {
  await admin.begin(async (tx) => {
    await tx`SET LOCAL session_replication_role = replica`;
    const { count } = await tx.unsafe(statement);
    expect(count).toBeGreaterThan(0);
  });
}

const invariants = ({ violations }: Awaited<ReturnType<typeof audit>>) => [
  ...new Set(violations.map(({ invariant }) => invariant)),
];

test('two books that are right have no violation, and what is in flight is counted', async () => {
  const report = await audit(nothing);
  expect(report.violations).toEqual([]);
  expect(report.ok).toBe(true);
  expect(report.books.map(({ accounts, posted, refused }) => [accounts, posted, refused])).toEqual([
    [2, 4, 1],
    [2, 0, 0],
  ]);
  expect(report.books.map(({ delivered, returned }) => [delivered, returned])).toEqual([
    [0, 1],
    [1, 0],
  ]);
  expect(report.inFlight.filter(({ amountMinor }) => amountMinor !== 0n)).toEqual([
    { from: near.name, to: far.name, asset: 'EUR', transfers: 1, amountMinor: 30n },
  ]);
});

describe('what was changed in the database is found', () => {
  test.each([
    ['an amount', `UPDATE journal SET amount = amount + 1 WHERE seq = ${seqOf('funding')}`, 'I11'],
    ['a reference', `UPDATE journal SET reference = 'x' WHERE seq = ${seqOf('funding')}`, 'I11'],
    ['metadata', `UPDATE journal SET metadata = '{"a":"b"}' WHERE seq = 1`, 'I11'],
    ['a time', `UPDATE journal SET at = at + interval '1 us' WHERE seq = 2`, 'I11'],
    ['a row taken out', `DELETE FROM journal WHERE seq = ${seqOf('overdraft')}`, 'I11'],
    ['the last row taken out', 'DELETE FROM journal WHERE seq = (SELECT seq FROM head)', 'I11'],
    ['the chain', `UPDATE journal SET chain = sha256(chain) WHERE seq = 1`, 'I11'],
    ['a head set back', 'UPDATE head SET seq = seq - 1', 'I11'],
    ['a limit', `UPDATE account SET min_balance = -9 WHERE external_id = 'alice'`, 'I18'],
    ['an account counted', 'UPDATE head SET accounts = accounts + 1', 'I18'],
    ['a cursor', 'UPDATE channel SET sent = sent + 1', 'I3'],
  ])('%s', async (_, statement, invariant) => {
    const report = await audit((database) => tamper(database, statement));
    expect(invariants(report)).toContain(invariant);
    expect(report.ok).toBe(false);
  });

  test.each([
    ['a trigger that is gone', 'DROP TRIGGER journal_append_only ON journal'],
    ['a trigger that is off', 'ALTER TABLE account DISABLE TRIGGER account_append_only'],
    ['TRUNCATE that is possible', 'DROP TRIGGER journal_no_truncate ON journal'],
    ['a privilege too many', 'GRANT DELETE ON journal TO meridian_ledger'],
  ])('%s', async (_, statement) => {
    const report = await audit(({ admin }) => admin.unsafe(statement));
    expect(invariants(report)).toEqual(['I18']);
  });
});

/** A row with another seq and id, in a partition where it is the only one. */
const copied = (of: string) => `
  INSERT INTO journal
  SELECT (r.copy).* FROM (
    SELECT jsonb_populate_record(j, jsonb_build_object('seq', 35, 'id', gen_random_uuid())) AS copy
      FROM journal j WHERE ${of}) r`;

describe('what partitions must have', () => {
  /** The partitions of the test database have ten rows each, but for the last. */
  const ID = `SELECT id FROM journal WHERE seq = 1`;
  const twice = `
    INSERT INTO journal (seq, epoch, id, kind, reason, at, chain)
    SELECT j.seq + 10, j.epoch, (${ID}), 1, 6, j.at, j.chain FROM journal j
     ORDER BY seq DESC LIMIT 1`;

  test.each([
    ['an id in two partitions', twice, 'I6'],
    ['a number of a leg that was sent', copied(`reference = 'in flight'`), 'I3'],
    ['an index of ids that is gone', 'DROP INDEX journal_from_1_id_key', 'I6'],
    [
      'an index of versions that is gone',
      'DROP INDEX journal_from_1_debit_account_debit_version_key',
      'I7',
    ],
    ['a partition that is gone', 'ALTER TABLE journal DETACH PARTITION journal_from_1', 'I11'],
    [
      'TRUNCATE that is possible in one of them',
      'DROP TRIGGER journal_no_truncate ON journal_from_11',
      'I18',
    ],
    ['a privilege on one of them', 'GRANT DELETE ON journal_from_1 TO meridian_ledger', 'I18'],
  ])('%s is found to be wrong', async (_, statement, invariant) => {
    const report = await audit(async ({ admin }) => {
      // The head a partition further: it is full since long.
      await admin.unsafe(statement);
      if (invariant === 'I7') await admin`UPDATE head SET seq = 21`;
    });
    expect(invariants(report)).toContain(invariant);
  });
});

describe('two journals that are each correct but contradict each other are found', () => {
  const settlement = rowOf(far, 'delivered');

  test('a second leg to another payee', async () => {
    const opened = far.batches.flatMap((batch) => batch.opened);
    const other = opened.find(({ externalId }) => externalId === 'capped')?.account.id ?? null;
    const twisted = forged(far, settlement.seq, { creditAccount: other });
    expect(invariants(await audit(nothing, [near, twisted]))).toContain('I3');
  });

  test('a second leg that belongs to another transfer', async () => {
    const twisted = forged(far, settlement.seq, { originId: rowOf(near, 'funding').id });
    expect(invariants(await audit(nothing, [near, twisted]))).toEqual(['I3']);
  });

  test('a return of what was delivered', async () => {
    const refusal = rowOf(far, 'refused');
    const twisted = forged(far, refusal.seq, { reason: 0 });
    expect(invariants(await audit(nothing, [near, twisted]))).toContain('I3');
  });

  test('a settlement that is lost', async () => {
    const batches = far.batches.slice(0, -1);
    const cut = { ...far, batches, channels: [] };
    expect(invariants(await audit(nothing, [near, cut]))).toContain('I3');
  });
});

test('an external id that is open in two books of a region is found', async () => {
  const twice = new WritingBook(2);
  twice.open('bob');
  twice.open('alice');
  const written = twice.written();
  const other = await audit(nothing, [near, written]);
  expect(invariants(other)).not.toContain('I27');
  const report = await audit(
    async (...databases) => {
      for (const { admin } of databases) await admin`UPDATE head SET region = 'eu-west'`;
    },
    [near, written],
  );
  expect(report.violations.filter(({ invariant }) => invariant === 'I27')).toEqual([
    {
      invariant: 'I27',
      place: `${near.name}, ${written.name}`,
      seq: 2,
      text: 'account "alice" is open in both books of the region',
    },
  ]);
  expect(report.ok).toBe(false);
});

test('a database that is not a book, and an unreachable one, are named', async () => {
  const database = await newDatabase();
  await expect(auditOf([database.auditorUrl])).rejects.toThrow(
    'no ledger server has ever served it',
  );
  const nowhere = 'postgres://auditor:x@127.0.0.1:1/nowhere';
  await expect(auditOf([nowhere])).rejects.toThrow('127.0.0.1:1/nowhere cannot be read');
  await writeBook(database, near);
  const twice = [database.auditorUrl, database.auditorUrl];
  await expect(auditOf(twice)).rejects.toThrow('hold the same book');
});
