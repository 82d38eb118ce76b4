import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { BadFileError } from './bad-line.ts';
import type { Line } from './payment-csv.ts';
import { type AccountLine, readAccounts, readPayments } from './files.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meridian-replay-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function fileOf(content: string | Uint8Array): Promise<string> {
  const file = join(folder, 'file.csv');
  await writeFile(file, content);
  return file;
}

async function collect<T>(lines: AsyncGenerator<Line<T>>) {
  const values: T[] = [];
  const bad: string[] = [];
  for await (const read of lines) {
    if ('bad' in read) bad.push(`${read.line} ${read.bad.error}`);
    else values.push(read.value);
  }
  return { values, bad };
}

const ACCOUNTS_HEADER = 'account,home_region,currency,may_overdraw';
const PAYMENTS_HEADER = 'key,booked_on,debit_account,credit_account,amount_minor,currency,kind';

const accountOf = (name: string, asset = 'CZK'): [string, AccountLine] => [
  name,
  { name, homeRegion: 'eu-west', asset, mayOverdraw: false },
];
const accounts = new Map([accountOf('a'), accountOf('b'), accountOf('dollars', 'USD')]);

const readAll = async (content: string | Uint8Array) =>
  collect(readPayments(await fileOf(content), accounts));

/** The error that one line of payments gives. */
async function errorOf(line: string): Promise<string> {
  const { bad, values } = await readAll(
    `${PAYMENTS_HEADER}\nk0,1993-01-01,a,b,1,CZK,x\n${line}\nk2,1993-01-01,a,b,1,CZK,x\n`,
  );
  // The lines around it must not suffer.
  expect(values).toHaveLength(bad.length === 1 ? 2 : 3);
  return bad[0] ?? 'none';
}

describe('accounts', () => {
  test('are read with their home region, asset and limit', async () => {
    const file = await fileOf(`${ACCOUNTS_HEADER}\nbank-AB,prague,CZK,yes\r\n\ncash,x,EUR,no`);
    expect(await collect(readAccounts(file))).toEqual({
      values: [
        { name: 'bank-AB', homeRegion: 'prague', asset: 'CZK', mayOverdraw: true },
        { name: 'cash', homeRegion: 'x', asset: 'EUR', mayOverdraw: false },
      ],
      bad: [],
    });
  });

  test('have their faults named with the number of the line', async () => {
    const lines = ['a,r,CZK,yes', 'a,r,CZK,yes', 'b,r,czk,yes', 'c,r,CZK,maybe', ',r,CZK,no'];
    lines.push('transit:x,r,CZK,no', 'd,,CZK,no', `${'e'.repeat(129)},r,CZK,no`, 'f,r,CZK');
    const file = await fileOf([ACCOUNTS_HEADER, ...lines].join('\n'));
    expect((await collect(readAccounts(file))).bad).toEqual([
      '3 account_twice',
      '4 asset_malformed',
      '5 may_overdraw_malformed',
      '6 text_empty',
      '7 account_name_reserved',
      '8 text_empty',
      '9 text_too_long',
      '10 wrong_column_count',
    ]);
  });
});

describe('payments', () => {
  test('are read with exact amounts', async () => {
    const { values } = await readAll(
      `${PAYMENTS_HEADER}\n"k,1",1996-02-29,a,b,9223372036854775807,CZK,cash\n`,
    );
    expect(values).toEqual([
      {
        key: 'k,1',
        bookedOn: '1996-02-29',
        debit: accounts.get('a'),
        credit: accounts.get('b'),
        amountMinor: 9_223_372_036_854_775_807n,
        asset: 'CZK',
        kind: 'cash',
      },
    ]);
  });

  test('may have their columns in another order, a byte order mark and further columns', async () => {
    const header = `\uFEFFnote,${PAYMENTS_HEADER.split(',').toReversed().join(',')}`;
    const { values, bad } = await readAll(`${header}\nhello,cash,CZK,5,b,a,1993-01-01,k\n`);
    expect(bad).toEqual([]);
    expect(values[0]).toMatchObject({ key: 'k', amountMinor: 5n, kind: 'cash' });
  });

  test.each([
    ['k,1993-01-01,a,b,1,CZK', 'wrong_column_count'],
    ['k,1993-01-01,a,b,1,CZK,x,y', 'wrong_column_count'],
    [',1993-01-01,a,b,1,CZK,x', 'text_empty'],
    [`${'k'.repeat(129)},1993-01-01,a,b,1,CZK,x`, 'text_too_long'],
    ['k\u0000,1993-01-01,a,b,1,CZK,x', 'text_has_control_characters'],
    ['k,1993-02-30,a,b,1,CZK,x', 'date_malformed'],
    ['k,01/02/1993,a,b,1,CZK,x', 'date_malformed'],
    ['k,1993-01-01,unknown,b,1,CZK,x', 'account_unknown'],
    ['k,1993-01-01,a,unknown,1,CZK,x', 'account_unknown'],
    ['k,1993-01-01,a,a,1,CZK,x', 'same_account_twice'],
    ['k,1993-01-01,a,b,1.50,CZK,x', 'amount_malformed'],
    ['k,1993-01-01,a,b,,CZK,x', 'amount_malformed'],
    ['k,1993-01-01,a,b,1e3,CZK,x', 'amount_malformed'],
    ['k,1993-01-01,a,b,0,CZK,x', 'amount_not_positive'],
    ['k,1993-01-01,a,b,-5,CZK,x', 'amount_not_positive'],
    ['k,1993-01-01,a,b,9223372036854775808,CZK,x', 'amount_too_large'],
    ['k,1993-01-01,a,b,1,koruna,x', 'asset_malformed'],
    ['k,1993-01-01,a,b,1,USD,x', 'asset_differs'],
    ['k,1993-01-01,a,dollars,1,CZK,x', 'asset_differs'],
    ['k,1993-01-01,a,b,1,CZK,', 'text_empty'],
    ['"k,1993-01-01,a,b,1,CZK,x', 'quote_malformed'],
    ['k"k,1993-01-01,a,b,1,CZK,x', 'quote_malformed'],
    [`k,1993-01-01,a,b,1,CZK,${'x'.repeat(200_000)}`, 'line_too_long'],
  ])('%.40s is called %s', async (line, error) => {
    expect(await errorOf(line)).toBe(`3 ${error}`);
  });

  test('that are not UTF-8 are detected', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${PAYMENTS_HEADER}\nk\u00e9,1993-01-01,a,b,1,CZK,x\nk`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from(',1993-01-01,a,b,1,CZK,x\n'),
    ]);
    const { values, bad } = await readAll(bytes);
    expect(values.map((payment) => payment.key)).toEqual(['k\u00e9']);
    expect(bad).toEqual(['3 not_utf8']);
  });
});

describe('a file that cannot be used at all', () => {
  test.each([
    ['', 'is empty'],
    ['account,home_region\n', 'no column "currency"'],
    [`${ACCOUNTS_HEADER},account\n`, 'column "account" twice'],
    ['"account\n', 'header line cannot be read'],
  ])('%j', async (content, message) => {
    const lines = readAccounts(await fileOf(content));
    await expect(collect(lines)).rejects.toThrow(BadFileError);
    await expect(collect(readAccounts(await fileOf(content)))).rejects.toThrow(message);
  });

  test('is named when it does not exist or is a folder', async () => {
    const absent = collect(readAccounts(join(folder, 'absent.csv')));
    await expect(absent).rejects.toThrow('no such file');
    await expect(collect(readAccounts(folder))).rejects.toThrow('it is a folder');
  });
});
