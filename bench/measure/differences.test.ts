import { expect, test } from 'vitest';
import { differences } from './differences.ts';
import { type Effects, noEffects } from '../load/effects.ts';
import { nothingAcknowledged } from '../load/acknowledged-tally.ts';

const effects: Effects = {
  transfer: { count: 5, amount: 50n },
  hold: { count: 3, amount: 30n },
  capture: { count: 1, amount: 4n },
  release: { count: 1, amount: 10n },
  expiry: { count: 1, amount: 10n },
  group: { count: 1, amount: 0n },
  openHold: { count: 0, amount: 0n },
};
const acknowledged = {
  ...nothingAcknowledged('eu-west'),
  requests: 9,
  posted: 4,
  inTransit: 1,
  held: 3,
  released: 1,
  effects,
};

test('a book with exactly the acknowledged effects has no differences', () => {
  expect(differences(acknowledged, effects)).toEqual([]);
  expect(differences(nothingAcknowledged(''), noEffects)).toEqual([]);
});

test.each(['transfer', 'hold', 'capture', 'release', 'expiry', 'group', 'openHold'] as const)(
  'another number or sum is reported: %s',
  (name) => {
    const { count, amount } = effects[name];
    const more = { ...effects, [name]: { count: count + 1, amount } };
    expect(differences(acknowledged, more)).toHaveLength(1);
    const larger = { ...effects, [name]: { count, amount: amount + 1n } };
    expect(differences(acknowledged, larger)).toHaveLength(1);
  },
);

test('one refusal makes a figure void', () => {
  const refused = { ...acknowledged, posted: 3, refused: 1 };
  expect(differences(refused, effects)).toEqual(['1 requests were refused']);
});

test('answers that are missing, or of another kind than what was asked, are reported', () => {
  expect(differences({ ...acknowledged, posted: 3 }, effects)).toEqual([
    '9 requests have 8 answers',
  ]);
  const asked = { ...acknowledged, posted: 5, held: 2 };
  expect(differences(asked, effects)).toEqual(['3 holds, 2 were held']);
  const released = { ...acknowledged, posted: 5, released: 0 };
  expect(differences(released, effects)).toEqual(['1 releases, 0 were released']);
});
