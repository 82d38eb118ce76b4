import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
const page = readFileSync(path.join(import.meta.dirname, 'invariants.md'), 'utf8');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
}).split('\n');

/** The numbers that the page's tables define, in the order of the page. */
const defined = [...page.matchAll(/^\| (I\d+) /gmu)].map(([, name = '']) => name);

/** A number is defined, or the page says that it stays unused. */
const isKnown = (name: string) => new RegExp(String.raw`\b${name}\b`, 'u').test(page);

test('each number is defined once', () => {
  expect(defined.length).toBeGreaterThan(19);
  expect(defined.filter((name, place) => defined.indexOf(name) !== place)).toEqual([]);
});

test('every number that a checker, an audit, a test or a document uses is on the page', () => {
  const used = execFileSync('git', ['grep', '-howE', 'I[0-9]{1,2}', '--', '*.ts', '*.md'], {
    cwd: root,
    encoding: 'utf8',
  });
  const names = [...new Set(used.trim().split('\n'))];
  expect(names).toContain('I23');
  expect(names.filter((name) => !isKnown(name))).toEqual([]);
});

test('every checker of the chaos suite is for a number of the page', () => {
  // Read as text, because the ledger imports nothing of the chaos suite.
  const file = files.find((name) => /^chaos\/.*checkers\/all\.ts$/u.test(name)) ?? '';
  const checked = readFileSync(path.join(root, file), 'utf8').match(/^ {2}I\d+(?=:)/gmu) ?? [];
  expect(checked.length).toBeGreaterThan(30);
  expect(checked.map((name) => name.trim()).filter((name) => !defined.includes(name))).toEqual([]);
});

test('every test that the page names exists', () => {
  const named = [...page.matchAll(/`([\w/.-]+\.test\.ts)`/gu)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(defined.length);
  const names = new Set(files.map((file) => path.basename(file)));
  expect(named.filter((name) => !names.has(name))).toEqual([]);
});

test('every invariant names a test', () => {
  const rows = page.split('\n').filter((line) => /^\| I\d+ /u.test(line));
  expect(rows.filter((line) => !line.includes('.test.ts`'))).toEqual([]);
});
