import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import * as limits from '../../ledger/core/limits.ts';
import { ledgerSchema, routerSchema } from '../config.ts';

const page = readFileSync(path.join(import.meta.dirname, 'configuration.md'), 'utf8');

/** Cells of every row of the page's tables, without the marks of code. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.includes('---'))
  .map((line) => line.split('|').slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim().replaceAll('`', '')));

interface Documented {
  readonly of: string;
  readonly byDefault: string;
  readonly accepts: string;
  readonly example: string;
}

/** The settings of the servers, as the page has them. */
const documented = new Map<string, Documented>(
  rows
    .filter(
      ([name = '', of = '']) =>
        name.startsWith('MERIDIAN_') && /^(?:both|ledger|router)$/u.test(of),
    )
    .map(([name = '', of = '', byDefault = '', accepts = '', example = '']) => [
      name,
      { of, byDefault, accepts, example },
    ]),
);

const fields: Record<string, z.ZodType> = { ...routerSchema.shape, ...ledgerSchema.shape };

const accepts = (name: string, text: string | undefined) =>
  fields[name]?.safeParse(text).success === true;

describe('the page of settings agrees with the schemas', () => {
  test('both have the same settings', () => {
    expect([...documented.keys()].toSorted()).toEqual(Object.keys(fields).toSorted());
  });

  test.each(Object.keys(fields))('%s', (name) => {
    const { of, byDefault, accepts: values = '', example = '' } = documented.get(name) ?? {};
    const ofLedger = name in ledgerSchema.shape;
    const ofRouter = name in routerSchema.shape;
    expect(of).toBe(ofLedger && ofRouter ? 'both' : ofLedger ? 'ledger' : 'router');

    const unset = fields[name]?.safeParse(undefined);
    const found = unset?.success === true ? String(unset.data ?? 'unset') : 'required';
    expect(byDefault).toBe(found);

    expect({ name, example, accepted: accepts(name, example) }).toMatchObject({ accepted: true });
    expect(accepts(name, '\u{0}')).toBe(false);

    const bounds = /^(\d+) to (\d+)$/u.exec(values);
    if (bounds !== null) {
      const [, least = '', most = ''] = bounds;
      const near = [Number(least) - 1, Number(least), Number(most), Number(most) + 1];
      expect(near.map((value) => accepts(name, String(value)))).toEqual([false, true, true, false]);
    }
    // Only listed values, all in one spelling: a choice.
    if (/^[a-z]+(?:, [a-z]+)+$/u.test(values)) {
      expect(values.split(', ').filter((value) => !accepts(name, value))).toEqual([]);
    }
  });

  test('every choice that a schema has is on the page', () => {
    for (const [name, field] of Object.entries(fields)) {
      const refused = field.safeParse('none of them').error?.issues[0];
      if (refused?.code === 'invalid_value') {
        expect(documented.get(name)?.accepts).toBe(refused.values.join(', '));
      }
    }
  });
});

test('every MERIDIAN_ variable that the code reads is on the page, and no other', () => {
  const root = path.join(import.meta.dirname, '..', '..');
  const pattern = 'MERIDIAN_[A-Z_]+[A-Z]';
  const sources = ['*.ts', '*.mjs', '*.py', ':!*.test.ts', ':!*/test/*', ':!proto/gen'];
  const found = execFileSync('git', ['grep', '-hoE', pattern, '--', ...sources], {
    cwd: root,
    encoding: 'utf8',
  });
  const read = [...new Set(found.trim().split('\n'))].toSorted();
  expect([...new Set(page.match(new RegExp(pattern, 'gu')))].toSorted()).toEqual(read);
});

test('limits have the value that the page gives them', () => {
  const all: Record<string, unknown> = { ...limits };
  let compared = 0;
  for (const [, value = '', names = ''] of rows.filter(([, , name = '']) =>
    /^[A-Z]+_/u.test(name),
  )) {
    const values = value.split(', ').map((one) => one.replaceAll(',', ''));
    for (const [index, name] of names.split(', ').entries()) {
      expect({ name, value: values[index] }).toEqual({ name, value: String(all[name]) });
      compared += 1;
    }
  }
  expect(compared).toBeGreaterThan(10);
});
