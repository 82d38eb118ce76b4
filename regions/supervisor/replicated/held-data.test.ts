import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fiveRegions } from '../../testing/replicated-profile.ts';
import { testFolder } from '../../testing/folder.ts';
import { describeReplicated } from '../../topology/replicated-layout.ts';
import { defaultTopology, type Topology } from '../../topology/topology.ts';
import { copyFolder, requireOwnData } from './held-data.ts';

/** A folder with all copies and all members of etcd of a topology. */
function dataOf(topology: Topology): string {
  const root = testFolder();
  for (const { name, hasEtcd, members } of describeReplicated(topology, 7400).regions) {
    if (hasEtcd) mkdirSync(join(root, name, 'etcd', 'data'), { recursive: true });
    for (const { bookName } of members) {
      mkdirSync(copyFolder(root, name, bookName), { recursive: true });
    }
  }
  return root;
}

const refusal = (root: string, topology: Topology) => () =>
  requireOwnData(root, describeReplicated(topology, 7400));

test('an empty folder, its own data, and data with more books are taken', () => {
  expect(refusal(testFolder(), fiveRegions)).not.toThrow();
  expect(refusal(dataOf(fiveRegions), fiveRegions)).not.toThrow();
  const fewer = { ...fiveRegions, books: fiveRegions.books.slice(0, 5) };
  expect(refusal(dataOf(fewer), fiveRegions)).not.toThrow();
});

test('books without copies are refused', () => {
  const root = testFolder();
  mkdirSync(join(root, 'us-east', 'postgres'), { recursive: true });
  expect(refusal(root, defaultTopology)).toThrow('books without copies');
});

test('five regions are refused where etcd has three members', () => {
  const root = dataOf(defaultTopology);
  const { regions, delays, books } = fiveRegions;
  const three = new Set(books.slice(0, 3));
  const grown = books.map((book) =>
    three.has(book) ? { ...book, copies: copiesOf(book.region) } : book,
  );
  expect(refusal(root, { regions, delays, books: grown })).toThrow(
    'add those in us-west and sa-east to it first',
  );
  // The loss of one of the three does not make them five.
  rmSync(join(root, 'eu-west', 'etcd'), { recursive: true });
  expect(refusal(root, { regions, delays, books: grown })).toThrow('add those in us-west');
});

const copiesOf = (home: string) => [
  home,
  ...defaultTopology.regions.filter((region) => region !== home),
];
