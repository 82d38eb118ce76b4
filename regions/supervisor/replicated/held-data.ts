import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ReplicatedLayout } from '../../topology/replicated-layout.ts';

/** Where a copy of a book is on this machine; the folder is made by Patroni. */
export function copyFolder(root: string, region: string, bookName: string): string {
  return join(root, region, bookName, 'postgres');
}

/**
 * Throws an Error when the data in the folder cannot be that of this layout: its books have no
 * copies, or fewer regions have a member of etcd.
 */
export function requireOwnData(root: string, layout: ReplicatedLayout): void {
  const { regions } = layout;
  if (regions.some(({ name }) => existsSync(join(root, name, 'postgres')))) {
    throw new Error(
      `${root} holds books without copies, of "meridian up" without --replicated; ` +
        'choose another folder with --data, or delete its data with --fresh',
    );
  }
  requireOwnEtcd(root, layout);
}

/** Members are added to a running etcd one by one, which is done by hand. */
function requireOwnEtcd(root: string, { regions }: ReplicatedLayout): void {
  const wanted = regions.filter(({ hasEtcd }) => hasEtcd);
  const missing = wanted.filter(({ name }) => !existsSync(join(root, name, 'etcd', 'data')));
  // A member that lost its data is a matter of etcd; five of which only the first three are there
  // were begun as three.
  const added = wanted.slice(3);
  const begunAsThree = wanted.length === 5 && added.every((one) => missing.includes(one));
  if (!begunAsThree || missing.length === wanted.length) return;
  const names = added.map(({ name }) => name).join(' and ');
  throw new Error(
    `the data in ${root} was begun with three members of etcd, and five or more regions have five: ` +
      `add those in ${names} to it first, or begin with all regions in another folder`,
  );
}
