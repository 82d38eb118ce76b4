import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ReplicatedLayout } from '../../topology/replicated-layout.ts';

/** Where a copy of a book is on this machine; the folder is made by Patroni. */
export function copyFolder(root: string, region: string, bookName: string): string {
  return join(root, region, bookName, 'postgres');
}

/**
 * Throws an Error when the data in the folder is not of this layout: it has books without copies,
 * a copy where the topology names none, or fewer members of etcd.
 *
 * A copy that moved would be replaced by an empty one, and the commits that the leader and the old
 * copy alone have would not count any more: the leader's region could then be lost with them.
 */
export function requireOwnData(root: string, layout: ReplicatedLayout): void {
  const { regions } = layout;
  if (regions.some(({ name }) => existsSync(join(root, name, 'postgres')))) {
    throw new Error(
      `${root} holds books without copies, of "meridian up" without --replicated; ` +
        'choose another folder with --data, or delete its data with --fresh',
    );
  }
  const problems = [...copyProblems(root, layout), ...etcdProblems(root, layout)];
  if (problems.length === 0) return;
  throw new Error(`the data in ${root} is of another topology:\n  ${problems.join('\n  ')}`);
}

function copyProblems(root: string, { regions }: ReplicatedLayout): string[] {
  return regions.flatMap(({ name: region, members }) => {
    const folder = join(root, region);
    const here = existsSync(folder) ? readdirSync(folder) : [];
    const named = new Set(members.map(({ bookName }) => bookName));
    return here
      .filter((book) => !named.has(book) && existsSync(copyFolder(root, region, book)))
      .map((book) => `${region} has a copy of ${book}, so it must be among the book's copies`);
  });
}

/** Members are added to a running etcd one by one, which is done by hand. */
function etcdProblems(root: string, { regions }: ReplicatedLayout): string[] {
  const wanted = regions.filter(({ hasEtcd }) => hasEtcd);
  const missing = wanted.filter(({ name }) => !existsSync(join(root, name, 'etcd', 'data')));
  // A member that lost its data is a matter of etcd; five of which only the first three are there
  // were begun as three.
  const begunAsThree = wanted.length === 5 && wanted.slice(3).every((one) => missing.includes(one));
  if (missing.length !== 2 || !begunAsThree) return [];
  const names = missing.map(({ name }) => name).join(' and ');
  return [
    `it was begun with three members of etcd, and five or more regions have five: add those in ` +
      `${names} to it first, or begin with all regions in another folder`,
  ];
}
