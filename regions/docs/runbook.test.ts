import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { objectionCodes } from '../operator/objection.ts';

const root = path.join(import.meta.dirname, '..', '..');
const page = readFileSync(path.join(import.meta.dirname, 'runbook.md'), 'utf8');

/** What a line of a log says, where a server warns of something or reports an error. */
function alarms(): string[] {
  const pattern = String.raw`log(\.(warn|error)|\[level\])\('[^']+'`;
  const sources = ['ledger/*.ts', 'router/*.ts', 'regions/server/*.ts', ':!*.test.ts'];
  const found = execFileSync('git', ['grep', '-hoE', pattern, '--', ...sources], {
    cwd: root,
    encoding: 'utf8',
  });
  const texts = found
    .trim()
    .split('\n')
    .map((line) => /'([^']+)'/u.exec(line)?.[1] ?? '');
  return [...new Set(texts)];
}

test('the runbook has every alarm that a server logs', () => {
  const all = alarms();
  expect(all).toContain('the clocks disagree');
  expect(all).toContain('stepped down');
  expect(all.filter((text) => !page.includes(`\`${text}\``))).toEqual([]);
});

test('the runbook has every code of an objection, and no others', () => {
  const [, table = ''] = /### A change is refused\n([\s\S]*?)\n## /u.exec(page) ?? [];
  const listed = [...table.matchAll(/^\| `([A-Z_]+)`/gmu)].map(([, code]) => code);
  expect(listed).toEqual(objectionCodes);
});

test('what the table of the runbook quotes is what commands and logs say', () => {
  const [, table = ''] = /## What you see\n([\s\S]*?)\n## /u.exec(page) ?? [];
  const cells = table.split('\n').map((line) => line.split('|')[2] ?? '');
  const quotes = cells.flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/gu)].map(([, text = '']) => text),
  );
  // An option is no text, and what follows an ellipsis differs from case to case.
  const texts = quotes
    .filter((text) => !text.startsWith('--'))
    .map((text) => text.replace(/ ?…$/u, ''));
  expect(texts.length).toBeGreaterThan(15);
  const sources = ['*.ts', '*.py', ':!*.test.ts', ':!*/test/*'];
  const isThere = (text: string) =>
    spawnSync('git', ['grep', '-qF', '-e', text, '--', ...sources], { cwd: root }).status === 0;
  expect(texts.filter((text) => !isThere(text))).toEqual([]);
});
