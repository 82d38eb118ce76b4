import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import * as limits from '../../ledger/core/limits.ts';
import { variableNames } from '../config/variables.ts';
import { ledgerSchema, routerSchema } from '../server/config.ts';
import { withSettings } from './settings-table.ts';

const page = readFileSync(path.join(import.meta.dirname, 'configuration.md'), 'utf8');

/** Cells of every row of the page's tables, without the marks of code. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.includes('---'))
  .map((line) => line.split('|').slice(1, -1))
  .map((cells) => cells.map((cell) => cell.trim().replaceAll('`', '')));

/** Without what the formatter adds to align tables. */
const unaligned = (text: string) => text.replaceAll(/ +/gu, ' ').replaceAll(/-+/gu, '-');

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

/** What the page has to say of a setting that is not set. */
function defaultOf(name: string): string {
  const unset = fields[name]?.safeParse(undefined);
  if (unset?.success !== true) return 'required';
  return typeof unset.data === 'string' ? unset.data : (JSON.stringify(unset.data) ?? 'unset');
}

/** Every value of a setting that is a choice; undefined for others. */
function choicesOf(name: string): string | undefined {
  const refused = fields[name]?.safeParse('none of them').error?.issues[0];
  return refused?.code === 'invalid_value' ? refused.values.join(', ') : undefined;
}

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

    expect(byDefault).toBe(defaultOf(name));

    expect({ name, example, accepted: accepts(name, example) }).toMatchObject({ accepted: true });
    expect(accepts(name, '\u{0}')).toBe(false);

    const [, least = '', most = ''] = /^(\d+) to (\d+)$/u.exec(values) ?? [];
    const inside = least === '' ? [] : [least, most];
    const outside = least === '' ? [] : [Number(least) - 1, Number(most) + 1];
    expect(inside.filter((value) => !accepts(name, value))).toEqual([]);
    expect(outside.filter((value) => accepts(name, String(value)))).toEqual([]);
  });

  test('the page has every value of a setting that is a choice, in order', () => {
    const choices = Object.keys(fields).filter((name) => choicesOf(name) !== undefined);
    expect(choices).toContain('MERIDIAN_REPLICATED');
    expect(choices.map((name) => [name, documented.get(name)?.accepts])).toEqual(
      choices.map((name) => [name, choicesOf(name)]),
    );
  });
});

test('the page has the settings of the list, see `npm run configuration`', () => {
  expect(unaligned(withSettings(page))).toBe(unaligned(page));
});

test('every MERIDIAN_ variable that the code reads is on the page, and no other', () => {
  const root = path.join(import.meta.dirname, '..', '..');
  const pattern = 'MERIDIAN_[A-Z_]+[A-Z]';
  const sources = ['*.ts', '*.mjs', '*.py', ':!*.test.ts', ':!*/test/*', ':!proto/gen'];
  const found = execFileSync('git', ['grep', '-hoE', pattern, '--', ...sources], {
    cwd: root,
    encoding: 'utf8',
  });
  const read = [...new Set([...found.trim().split('\n'), ...variableNames])].toSorted();
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
