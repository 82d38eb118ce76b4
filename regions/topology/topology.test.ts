import { expect, test } from 'vitest';
import { byDistance, defaultCopies, defaultTopology } from './topology.ts';

const five = {
  regions: ['eu-west', 'us-east', 'ap-south', 'us-west', 'sa-east'],
  delays: {
    ...defaultTopology.delays,
    'us-west~eu-west': 65,
    'us-east~us-west': 30,
    'ap-south~us-west': 110,
    'eu-west~sa-east': 90,
    'us-east~sa-east': 60,
    'us-west~sa-east': 85,
    'sa-east~ap-south': 150,
  },
};

test('copies are at home and in the two nearest regions', () => {
  expect(five.regions.map((region) => defaultCopies(five, region))).toEqual([
    ['eu-west', 'us-east', 'us-west'],
    // As far from eu-west as from us-west: in the order of the regions.
    ['us-east', 'eu-west', 'us-west'],
    ['ap-south', 'eu-west', 'us-east'],
    ['us-west', 'us-east', 'eu-west'],
    ['sa-east', 'us-east', 'us-west'],
  ]);
});

test('the default topology has the copies of the rule', () => {
  for (const { region, copies } of defaultTopology.books) {
    expect(copies).toEqual(defaultCopies(defaultTopology, region));
  }
});

test('regions whose distance is not known come last, in their order', () => {
  const some = { regions: ['a', 'b', 'c', 'd'], delays: { 'd~b': 5 } };
  expect(byDistance(some, 'b')).toEqual(['b', 'd', 'a', 'c']);
  expect(defaultCopies({ regions: ['a', 'b'], delays: {} }, 'b')).toEqual(['b', 'a']);
});
