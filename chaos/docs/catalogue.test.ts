import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nemeses } from '../nemeses/all.ts';
import { catalogueText } from './catalogue.ts';

test('the catalogue is what the code has; renew it with npm run catalogue', () => {
  const text = catalogueText();
  for (const { name } of nemeses) expect(text).toContain(`| \`${name}\` |`);
  expect(readFileSync(path.join(import.meta.dirname, 'catalogue.md'), 'utf8')).toBe(text);
});
