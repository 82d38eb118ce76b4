import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { transferRequest } from '../../ledger/testing/books/book-requests.ts';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import { goodRun } from './checkers/test/good-run.ts';
import { copyFile, readFinalReads, writeCopy } from './history/final-file.ts';
import { readHistory } from './history/read-history.ts';
import { HistoryRecorder } from './history/recorder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meridian-history-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const header = goodRun().story.history().header;
const file = () => join(folder, 'history.jsonl');

function recorder() {
  let ns = 0;
  return new HistoryRecorder(file(), header, () => (ns += 1));
}

const answer = {
  transferId: 'id',
  status: 'POSTED',
  reason: '',
  differingField: '',
  replayed: false,
  position: { book: 1, epoch: 1, seq: 7 },
  decidedAtMicros: 5,
  actualAmount: '0',
  expiresAtMicros: null,
  legs: [],
};

describe('a history', () => {
  test('is read as it was recorded', async () => {
    const written = recorder();
    const client = written.client();
    written.phase('load');
    const request = transferRequest({
      amount: 2n ** 60n,
      // A line separator in a text does not end a line of the file.
      metadata: { int: '5', other: '{"int":["5"]}', note: 'one\u2028two' },
      conditions: { allOf: [{ accountId: 1n, test: { $case: 'balanceAtLeast', value: 0n } }] },
    });
    client.invoke('transfer', 'eu-west', request).ok(answer);
    const legs = [Leg.fromPartial({ debitAccountId: 1n, creditAccountId: 2n, amount: 3n })];
    const group = transferRequest({ amount: 0n, action: { $case: 'group', value: { legs } } });
    const endFault = written.fault('N6 partition', ['us-east'], [{ book: 1 }]);
    client.invoke('group', 'us-east', group).info({ code: 'UNKNOWN', message: 'no answer' });
    written.epoch(1, 2, 'us-east');
    endFault();
    client.invoke('transfer', 'eu-west', request).fail({ code: 'UNAVAILABLE', message: '' });
    client.invoke('page', 'eu-west', { book: 1, account: '', after: 3 });
    written.phase('end');
    await written.close();

    const history = await readHistory(file());
    expect(history.header).toEqual(header);
    const [first, second, third] = history.operations.transfers;
    expect(first).toEqual({
      index: 1,
      f: 'transfer',
      process: 1,
      router: 'eu-west',
      value: request,
      invokedNs: 2,
      completedNs: 3,
      returnedNs: 3,
      type: 'ok',
      reply: answer,
      fault: null,
    });
    expect(second).toMatchObject({
      type: 'info',
      completedNs: Infinity,
      value: group,
      fault: { code: 'UNKNOWN' },
    });
    // After `info` a client continues as a new process.
    expect(third).toMatchObject({ type: 'fail', process: 2, fault: { code: 'UNAVAILABLE' } });
    expect(history.operations.pages).toMatchObject([{ type: 'info', fault: null }]);
    expect(history.faults).toMatchObject([{ what: 'N6 partition', harms: [{ book: 1 }] }]);
    expect(must(history.faults[0], 'it is there').endedNs).toBeLessThan(Infinity);
    expect(history.epochs).toMatchObject([{ book: 1, epoch: 2, region: 'us-east' }]);
    expect(history.isTorn).toBe(false);
  });

  test('that is truncated in a line is torn, and so is one without its end', async () => {
    const written = recorder();
    written.phase('load');
    written.phase('end');
    await written.close();
    const text = await readFile(file(), 'utf8');
    await writeFile(file(), text.slice(0, -10));
    expect(await readHistory(file())).toMatchObject({ isTorn: true, phases: [{ phase: 'load' }] });
    await writeFile(file(), `${text.split('\n').slice(0, 2).join('\n')}\n`);
    expect((await readHistory(file())).isTorn).toBe(true);
  });

  test.each([
    ['a malformed line in its middle', (lines: string[]) => lines.toSpliced(1, 0, '{"ki')],
    ['an end without a beginning', (lines: string[]) => lines.toSpliced(1, 1)],
    ['a beginning twice', (lines: string[]) => lines.toSpliced(1, 0, must(lines[1], 'a line'))],
    ['no header', (lines: string[]) => lines.slice(1)],
  ])('with %s is refused', async (_, spoil) => {
    const written = recorder();
    written.client().invoke('transfer', 'eu-west', transferRequest()).ok(answer);
    written.phase('end');
    await written.close();
    const lines = (await readFile(file(), 'utf8')).trimEnd().split('\n');
    await writeFile(file(), `${spoil(lines).join('\n')}\n`);
    await expect(readHistory(file())).rejects.toThrow(/not a record|two calls|no open|no header/u);
  });

  test('of a client with two calls at once is not written', async () => {
    const written = recorder();
    const client = written.client();
    client.invoke('transfer', 'eu-west', transferRequest());
    expect(() => client.invoke('transfer', 'eu-west', transferRequest())).toThrow('at once');
    await written.close();
  });
});

describe('final reads', () => {
  const { story } = goodRun();
  const { copies } = story.finals();

  async function write(): Promise<void> {
    for (const { rows, ...tables } of copies) {
      await writeCopy(copyFile(folder, tables.head.name, tables.region), tables, [
        rows.slice(0, 10),
        rows.slice(10),
      ]);
    }
  }

  test('are read as they were written, and the same rows of copies are held once', async () => {
    await write();
    const read = await readFinalReads(folder, header.books);
    expect(read.missing).toEqual([]);
    expect(read.copies).toEqual(
      copies.map((copy) => ({
        ...copy,
        rows: copy.rows.map((row) => ({ ...row, chain: row.chain && Buffer.from(row.chain) })),
      })),
    );
    const [primary, replica] = read.copies;
    expect(replica?.rows[5]).toBe(primary?.rows[5]);
  });

  test('of a copy that was not read, or not to its end, are missing', async () => {
    await write();
    await rm(copyFile(folder, 'book-1', 'us-east'));
    const path = copyFile(folder, 'book-2', 'ap-south');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, text.length / 2));
    const read = await readFinalReads(folder, header.books);
    expect(read.missing).toEqual([
      'the copy of book-1 in us-east was not read',
      'the copy of book-2 in ap-south was not read to its end',
    ]);
    expect(read.copies).toHaveLength(7);
  });

  test('keep a row that differs in one copy', async () => {
    await write();
    const path = copyFile(folder, 'book-1', 'us-east');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"bread"', '"beard"'));
    const { copies: read } = await readFinalReads(folder, header.books);
    const keys = read.map(({ rows }) => rows.filter(({ row }) => row.key === 'bread').length);
    expect(keys).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 0]);
  });
});
