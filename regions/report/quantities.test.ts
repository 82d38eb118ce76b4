import { expect, test } from 'vitest';
import { countOf, durationText, minorText, offsetText, timeText } from './quantities.ts';

test.each([
  [null, '–'],
  [0, '0 ms'],
  [999.4, '999 ms'],
  [999.6, '1.0 s'],
  [9_836, '9.8 s'],
  [119_960, '2 min 0 s'],
  [125_000, '2 min 5 s'],
])('a duration of %s ms is %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test('amounts keep every digit', () => {
  expect(minorText('9223372036854775807')).toBe('9,223,372,036,854,775,807');
  expect(minorText('-5')).toBe('-5');
  expect(minorText('unread')).toBe('unread');
});

test('counts, moments and times', () => {
  expect([countOf(1, 'call'), countOf(2_000, 'call')]).toEqual(['1 call', '2,000 calls']);
  expect([offsetText(8_240), offsetText(-3_000)]).toEqual(['+8.2 s', '-3.0 s']);
  expect(timeText('2026-11-21T12:30:00.123Z')).toBe('2026-11-21 12:30:00 UTC');
  expect(timeText('yesterday')).toBe('yesterday');
});
