import { expect, test } from 'vitest';
import { BlastRadius, HARMED_AFTER_MS } from './blast-radius.ts';
import { call } from './evidence/test/calls.ts';

const books = [
  { number: 1, name: 'eu-west-1', home: 'eu-west' },
  { number: 4, name: 'eu-west-2', home: 'eu-west' },
];

test('a book without payments is harmed even if another one of its region has some', () => {
  const radius = new BlastRadius(books, 0);
  const late = HARMED_AFTER_MS + 1;
  expect(radius.harmed(late - 1)).toEqual([]);
  radius.called(call({ endedAtMs: 10_000 }));
  // Neither of these needs the second book alone.
  radius.called(call({ endedAtMs: 10_000, book: 4 }));
  radius.called(call({ endedAtMs: 10_000, book: 4, toBook: 4, via: 'us-east' }));
  expect(radius.harmed(late)).toEqual(['eu-west-2']);
  radius.called(call({ endedAtMs: 11_000, book: 4, toBook: 4 }));
  expect(radius.harmed(late)).toEqual([]);
});
