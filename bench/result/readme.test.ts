import { expect, test } from 'vitest';
import { withTable } from './readme.ts';

const before = '# Title\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nrest\n';

test('the text between the marks is replaced, and nothing else', () => {
  const after = withTable(before, '| new |');
  expect(after).toBe('# Title\n<!-- bench:begin -->\n\n| new |\n\n<!-- bench:end -->\nrest\n');
  expect(withTable(after, '| new |')).toBe(after);
});

test.each([
  '',
  '<!-- bench:begin -->',
  '<!-- bench:end --><!-- bench:begin -->',
  `${before}${before}`,
])('a text without one pair of marks is refused', (text) => {
  expect(() => withTable(text, 'x')).toThrow('there must be one line <!-- bench:begin -->');
});
