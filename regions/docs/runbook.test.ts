import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
const page = readFileSync(path.join(import.meta.dirname, 'runbook.md'), 'utf8');

/** What a line of a log says, where a server warns of something or reports an error. */
function alarms(): string[] {
  const pattern = String.raw`log(\.(warn|error)|\[level\])\('[^']+'`;
  const sources = ['ledger/*.ts', 'router/*.ts', 'regions/processes/*.ts', ':!*.test.ts'];
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
