import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { chainAfterBytes } from '../../core/chain.ts';
import { newChannel } from '../../core/channel.ts';
import { encodeRows, jsonbText } from '../../core/row-bytes.ts';
import { type TestDatabase, testDatabases } from '../../testing/database/database.ts';
import { BOOKS } from '../../testing/database/leading.ts';
import { batchAfter, journalRow, opening } from '../../testing/database/rows.ts';
import type { Append, Head } from '../append-batch.ts';
import { append, appendWithin, COPIED_ROWS } from './append.ts';
import { connect } from './connect.ts';
import { readHead } from './head.ts';
import { isDatabaseError } from './sqlstate.ts';

/*
 * Batches whose rows are copied behind the statement that moves the head. append.pg.test.ts has
 * what small batches do as well.
 */

const database = testDatabases();
const [BOOK] = BOOKS;
const newId = () => randomUUID();

/** Everything that a batch may change. */
async function everything({ admin }: TestDatabase) {
  return {
    head: await admin`SELECT * FROM head`,
    journal: await admin`SELECT * FROM journal ORDER BY seq`,
    accounts: await admin`SELECT * FROM account ORDER BY id`,
    assets: await admin`SELECT * FROM asset ORDER BY asset`,
    channels: await admin`SELECT * FROM channel ORDER BY peer_book`,
  };
}

/** A batch with rows of both forms, an account, an asset and a channel. */
function batchOfAll(head: Head, number = 1): Append {
  const { row, opened } = opening(number, head.seq + 1);
  const rows = [row];
  for (let seq = head.seq + 2; seq <= head.seq + 2 * COPIED_ROWS; seq += 1) {
    rows.push(journalRow(seq, { id: newId(), reference: seq % 3 === 0 ? 'a reference' : '' }));
  }
  const channels = [{ ...newChannel(2), sent: number }];
  const registered = [{ asset: `A${number}`, scale: 2, seq: head.seq + 2 }];
  return { ...batchAfter(head, rows, [opened]), channels, registered };
}

test('a batch is written as a whole, and the head moves with it', async () => {
  const opened = await database();
  const head = await readHead(opened.ledger, BOOK);
  const batch = batchOfAll(head);
  expect(encodeRows(batch.rows).runs.length).toBeGreaterThan(2);
  expect(await append(opened.ledger, batch)).toBe(true);
  expect(await readHead(opened.ledger, BOOK)).toMatchObject({
    seq: batch.rows.length,
    chain: batch.head.chainAfter,
    atMicros: batch.head.atMicros,
    accounts: 1,
  });
  const { journal, accounts, assets, channels } = await everything(opened);
  const last = batch.rows.length - 1;
  expect(journal.map((row) => [row['seq'], row['reference'], row['chain_recipe']])).toEqual(
    batch.rows.map(({ seq, reference }, index) => [
      BigInt(seq),
      reference === '' ? null : reference,
      index === last ? 2 : null,
    ]),
  );
  expect(journal.map((row) => row['chain'])).toEqual([
    ...Array.from({ length: last }, () => null),
    batch.head.chainAfter,
  ]);
  expect([accounts.length, assets.length, channels.length]).toEqual([1, 1, 1]);
});

test('rows of the plain lane come before the others, as the bytes that they are', async () => {
  const { ledger, admin } = await database();
  const head = await readHead(ledger, BOOK);
  const plain = encodeRows([1, 2].map((seq) => journalRow(seq, { id: newId() })));
  const rows = [3, 4].map((seq) => journalRow(seq, { id: newId(), reference: 'general' }));
  const chain = chainAfterBytes(head.chain, plain.bytes, encodeRows(rows).bytes);
  const batch = batchAfter({ ...head, seq: 2 }, rows);
  const move = { ...batch.head, seqBefore: 0, chainAfter: chain };
  expect(await append(ledger, { ...batch, head: move, plain })).toBe(true);
  const alone = encodeRows([journalRow(5, { id: newId() })]);
  const after = await readHead(ledger, BOOK);
  const next = batchAfter({ ...after, seq: 5 }, []);
  const chainAlone = chainAfterBytes(after.chain, alone.bytes);
  const moveAlone = { ...next.head, seqBefore: 4, seqAfter: 5, chainAfter: chainAlone };
  expect(await append(ledger, { ...next, head: moveAlone, plain: alone })).toBe(true);
  const stored = await admin`SELECT seq, reference, chain, chain_recipe FROM journal ORDER BY seq`;
  expect(stored.map((row) => Object.values(row))).toEqual([
    [1n, null, null, null],
    [2n, null, null, null],
    [3n, 'general', null, null],
    [4n, 'general', chain, 2],
    [5n, null, chainAlone, 2],
  ]);
});

test.each<[string, Partial<Append['head']>]>([
  ['an epoch that has passed', { epochBefore: -1 }],
  ['an epoch to come', { epochBefore: 1 }],
  ['a seq that has passed', { seqBefore: 1 }],
  ['a seq to come', { seqBefore: 30 }],
  ['another list of books', { regionBooksBefore: [1, 2] }],
])('a batch of %s is fenced: nothing of it is written', async (_, move) => {
  const opened = await database();
  await append(opened.ledger, batchOfAll(await readHead(opened.ledger, BOOK)));
  const before = await everything(opened);
  const batch = batchOfAll(await readHead(opened.ledger, BOOK), 2);
  expect(await append(opened.ledger, { ...batch, head: { ...batch.head, ...move } })).toBe(false);
  expect(await everything(opened)).toEqual(before);
  // The connection is as good as before.
  expect(await append(opened.ledger, batch)).toBe(true);
});

test('of two writers at the same place exactly one succeeds', async () => {
  const { ledger, admin } = await database();
  for (let round = 1; round <= 10; round += 1) {
    const head = await readHead(ledger, BOOK);
    const rows = () => {
      const seqs = Array.from({ length: COPIED_ROWS }, (_, index) => head.seq + index + 1);
      return seqs.map((seq) => journalRow(seq, { id: newId() }));
    };
    const both = [batchAfter(head, rows()), batchAfter(head, rows())];
    const written = await Promise.all(both.map((batch) => append(ledger, batch)));
    expect(written.filter(Boolean)).toHaveLength(1);
  }
  const count = BigInt(COPIED_ROWS * 10);
  expect(await admin`SELECT count(*) FROM journal`).toEqual([{ count }]);
});

test('within a transaction a head that has moved undoes all of it', async () => {
  const opened = await database();
  const batch = batchOfAll(await readHead(opened.ledger, BOOK));
  const moved = { ...batch, head: { ...batch.head, epochBefore: 7 } };
  const before = await everything(opened);
  const failing = opened.ledger.begin(async (tx) => {
    await tx`UPDATE head SET leader = 'x'`;
    expect(await appendWithin(tx, moved)).toBe(false);
  });
  await expect(failing).rejects.toMatchObject({ code: 'MH001' });
  expect(await everything(opened)).toEqual(before);
});

test('a known id raises 23505 and nothing of the batch is written', async () => {
  const opened = await database();
  const [id, first] = [newId(), await readHead(opened.ledger, BOOK)];
  await append(opened.ledger, batchAfter(first, [journalRow(1, { id })]));
  const before = await everything(opened);
  // In the same partition: over several of them, ids are the leader's responsibility.
  const batch = batchOfAll(await readHead(opened.ledger, BOOK));
  for (const place of [1, 2, batch.rows.length - 1]) {
    const rows = batch.rows.map((row, index) => (index === place ? { ...row, id } : row));
    const failing = append(opened.ledger, { ...batch, rows });
    await expect(failing).rejects.toMatchObject({
      code: '23505',
      constraint_name: 'journal_from_1_id_key',
    });
  }
  expect(await everything(opened)).toEqual(before);
  expect(await append(opened.ledger, batch)).toBe(true);
});

test('an account whose external id is taken is refused, and no row is left', async () => {
  const opened = await database();
  await append(opened.ledger, batchOfAll(await readHead(opened.ledger, BOOK)));
  const before = await everything(opened);
  const batch = batchOfAll(await readHead(opened.ledger, BOOK), 2);
  const taken = batch.opened.map((item) => ({ ...item, externalId: 'account-1' }));
  await expect(append(opened.ledger, { ...batch, opened: taken })).rejects.toMatchObject({
    code: '23505',
    constraint_name: 'account_external_id_key',
  });
  expect(await everything(opened)).toEqual(before);
});

/** A pool of one connection that waits for the head, which another session has locked. */
async function whileItWaits(
  opened: TestDatabase,
  batch: Append,
  interfere: (pid: number) => Promise<unknown>,
): Promise<unknown> {
  const { admin, ledgerUrl } = opened;
  const sql = connect(ledgerUrl, 1);
  const [backend] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
  const pid = backend?.pid ?? 0;
  try {
    return await admin.begin(async (tx) => {
      await tx`SELECT * FROM head FOR UPDATE`;
      const appending = append(sql, batch).catch((error: unknown) => error);
      const waits = () => tx`SELECT 1 FROM pg_locks WHERE pid = ${pid} AND NOT granted`;
      await expect.poll(waits).toHaveLength(1);
      await interfere(pid);
      return appending;
    });
  } finally {
    await sql.end({ timeout: 1 });
  }
}

test('a statement that is cancelled undoes what was sent behind it', async () => {
  const opened = await database();
  const batch = batchOfAll(await readHead(opened.ledger, BOOK));
  const before = await everything(opened);
  const error = await whileItWaits(
    opened,
    batch,
    (pid) => opened.admin`SELECT pg_cancel_backend(${pid})`,
  );
  expect(error).toMatchObject({ code: '57014' });
  expect(await everything(opened)).toEqual(before);
});

test('a connection that is cut with a batch on its way leaves nothing of it', async () => {
  const opened = await database();
  const batch = batchOfAll(await readHead(opened.ledger, BOOK));
  const before = await everything(opened);
  const error = await whileItWaits(
    opened,
    batch,
    (pid) => opened.admin`SELECT pg_terminate_backend(${pid})`,
  );
  expect(isDatabaseError(error)).toBe(true);
  expect(await everything(opened)).toEqual(before);
  expect(await append(opened.ledger, batch)).toBe(true);
});

test('a commit that raises a warning, as one whose wait was cut short, is in doubt', async () => {
  const opened = await database();
  // At the end of the transaction, which the last message that was sent commits.
  await opened.admin.unsafe(`
    CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE WARNING 'cut short'; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON journal DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION warn()`);
  const batch = batchOfAll(await readHead(opened.ledger, BOOK));
  await expect(append(opened.ledger, batch)).rejects.toMatchObject({ name: 'CommitInDoubt' });
  expect(await readHead(opened.ledger, BOOK)).toMatchObject({ seq: batch.rows.length });
});

test('metadata are printed as Postgres prints them', async () => {
  const { admin } = await database();
  const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
  const dictionary = fc.dictionary(text, text, { minKeys: 1, noNullPrototype: true });
  const samples = fc.sample(dictionary, 500);
  const printed = samples.map((metadata) => jsonbText(metadata));
  const parameter = JSON.stringify(samples);
  const rows = await admin<{ printed: string }[]>`
    SELECT value::text AS printed FROM jsonb_array_elements(${parameter}::text::jsonb)`;
  expect(rows.map((row) => row.printed)).toEqual(printed);
});

test('a small message does not wait for the acknowledgement of a large one', async () => {
  const { ledgerUrl } = await database();
  const set = vi.spyOn(Socket.prototype, 'setNoDelay');
  const sql = connect(ledgerUrl, 1);
  await sql`SELECT 1`;
  expect(set).toHaveBeenCalledExactlyOnceWith(true);
  set.mockRestore();
  await sql.end();
});
