import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Harm } from '../../judge/history/record.ts';
import { type Copy, copiesBeside } from '../installation/installation.ts';
import type { Scene } from './nemesis.ts';
import { othersThan } from './targets.ts';

/** Calls that a fault may touch, by its place, as the books are led now. */

/** Harms of a fault of the Postgres that a copy is in: the other books in it, too. */
export function harmsOfPostgres({ installation }: Scene, copy: Copy): Harm[] {
  return touching(copiesBeside(installation, copy).map(({ book }) => book));
}

/** Returns books that are led in a region, or may be, including those without a known leader. */
export function booksLedIn(scene: Scene, region: RegionName): number[] {
  const here = scene.installation.copies.filter((copy) => copy.region === region);
  const mayLead = (book: number) => (scene.leader(book)?.region ?? region) === region;
  return here.map(({ book }) => book).filter(mayLead);
}

const touching = (books: readonly number[]): Harm[] => books.map((book) => ({ book }));

/**
 * Harms of the loss of a whole region: calls through its router, and to the books that were led
 * there, until another region leads them.
 */
export function harmsOfLoss(scene: Scene, region: RegionName): Harm[] {
  return [{ router: region }, ...touching(booksLedIn(scene, region))];
}

/**
 * Harms of a region that runs but reaches no other. With copies, its router reaches no leader, for
 * the books that were led there move to their other copies. With one copy of each
 * book, calls of its own router to its own book need no other region, and are served.
 */
export function harmsOfPartition(scene: Scene, region: RegionName): Harm[] {
  if (scene.installation.profile === 'replicated') return harmsOfLoss(scene, region);
  return othersThan(scene, region).flatMap((other) => harmsBetween(scene, region, other));
}

/** Harms of a fault of both links between two regions. */
export function harmsBetween(scene: Scene, one: RegionName, other: RegionName): Harm[] {
  return [...harmsOfLink(scene, one, other), ...harmsOfLink(scene, other, one)];
}

/**
 * Harms of a fault of the connections that one region opens to another. With one copy of each book:
 * calls of the router here to the books there, and legs that the books here deliver to those there.
 *
 * With copies, the link also carries the traffic between copies and between members of etcd. A
 * copy in a third region confirms commits, but a leader at either end may lose its lease until its
 * Patroni has found another member of etcd: calls to all books that are led at either end. Books
 * that are led elsewhere keep all their links.
 */
export function harmsOfLink(scene: Scene, from: RegionName, to: RegionName): Harm[] {
  const there = booksLedIn(scene, to);
  const here = booksLedIn(scene, from);
  if (scene.installation.profile === 'replicated') return touching([...here, ...there]);
  return there.flatMap((book) => [
    { router: from, book },
    ...here.map((payer) => ({ book: payer, and: book })),
  ]);
}
