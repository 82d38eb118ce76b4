import { expect, test } from 'vitest';
import type { TimelineMark } from '../report.ts';
import { lanesOf, momentsOf, zeroOf } from './moments.ts';

const wide = { end: 1000, secondsPerCharacter: 0.1 };

function promoted(atMs: number, book: string): TimelineMark {
  return { atMs, kind: 'promoted', book, text: `${book} has a new primary` };
}

test('time counts from the first injection, or from the beginning without one', () => {
  const injected = { kind: 'injected', text: 'cut' } as const;
  const timeline = [
    promoted(1_000, 'a'),
    { ...injected, atMs: 7_000 },
    { ...injected, atMs: 5_000 },
  ];
  expect(zeroOf({ timeline })).toBe(5_000);
  expect(zeroOf({ timeline: [promoted(1_000, 'a')] })).toBe(0);
});

test('lanes come in the order of time, those without a kind last', () => {
  const other = { atMs: 0, kind: 'other', text: 'load begins' } as const;
  const healed = { atMs: 9, kind: 'healed', text: 'all' } as const;
  expect(lanesOf([other, healed, promoted(4, 'a')])).toEqual(['promoted', 'healed', 'other']);
});

test('marks that are far apart have labels of their own', () => {
  expect(momentsOf([promoted(20_000, 'b'), promoted(3_000, 'a')], 'promoted', 1_000, wide)).toEqual(
    [
      { at: [2], label: '+2.0 s  a', side: 'right' },
      { at: [19], label: '+19.0 s  b', side: 'right' },
    ],
  );
});

test('a mark under the label before it shares that label', () => {
  expect(momentsOf([promoted(2_000, 'a'), promoted(2_400, 'b')], 'promoted', 0, wide)).toEqual([
    { at: [2, 2.4], label: '+2.0 s to +2.4 s  a, b', side: 'right' },
  ]);
});

test('a label that does not fit goes to the left, or is cut to the time', () => {
  const narrow = { end: 10, secondsPerCharacter: 0.25 };
  const [last] = momentsOf([promoted(9_000, 'a')], 'promoted', 0, narrow);
  expect(last).toEqual({ at: [9], label: '+9.0 s  a', side: 'left' });
  const both = momentsOf([promoted(6_000, 'a'), promoted(9_000, 'b')], 'promoted', 0, narrow);
  expect(both.map(({ label, side }) => [label, side])).toEqual([
    ['+6.0 s  a', 'right'],
    ['+9.0 s', 'right'],
  ]);
});

test('a long text is cut, and never within a character', () => {
  const text = `${'x'.repeat(32)}😀😀😀`;
  const [moment] = momentsOf([{ atMs: 0, kind: 'other', text }], 'other', 0, wide);
  expect(moment?.label).toBe(`+0.0 s  ${'x'.repeat(32)}😀…`);
});
