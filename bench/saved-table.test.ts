import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../regions/topology/layout.ts';
import { savedResults } from './result-files.ts';
import { markdownTable } from './result/markdown-table.ts';
import { withTable } from './result/readme.ts';

test('the table in README.md is that of one saved result, as it was measured', () => {
  const text = readFileSync(join(checkout, 'README.md'), 'utf8');
  const results = savedResults().filter(({ startedAt, commit }) =>
    text.includes(`${startedAt.slice(0, 10)}, commit ${commit}`),
  );
  const texts = results.map((result) => withTable(text, markdownTable(result)));
  expect(texts).toContain(text);
});
