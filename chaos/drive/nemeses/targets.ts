import type { RegionName } from '../../../regions/topology/topology.ts';
import { type Copy, copiesOf, type Installation, regionsOf } from '../installation/installation.ts';
import { Random } from '../../../ledger/core/random.ts';
import type { Scene } from './nemesis.ts';

/** The targets of a nemesis, drawn from the seed. */

/** The copy that leads a drawn book now; if no leader is known, the one at home. */
export function aLeader(scene: Scene): Copy {
  const { installation, random } = scene;
  return leaderOf(scene, random.pick([...new Set(installation.copies.map((copy) => copy.book))]));
}

/** The copy that leads a book now; if no leader is known, the one at home. */
export function leaderOf(scene: Scene, book: number): Copy {
  const own = copiesOf(scene.installation, book);
  const leader = scene.leader(book) ?? own.find(({ region, home }) => region === home);
  if (leader === undefined) throw new Error(`book ${book} has no copy at home`);
  return leader;
}

/** What a target is drawn from. */
type Drawing = Pick<Scene, 'installation' | 'random'>;

export function aRegion({ installation, random }: Drawing): RegionName {
  return random.pick(regionsOf(installation));
}

/** All regions in an order that the seed determines. */
export function shuffledRegions({ installation, random }: Drawing): RegionName[] {
  return shuffled(random, regionsOf(installation));
}

/** Two drawn regions. Throws when there is only one: see `whyNoLinks`. */
export function twoRegions(drawing: Drawing): [RegionName, RegionName] {
  const [a, b] = shuffledRegions(drawing);
  if (a === undefined || b === undefined) throw new Error('there is only one region');
  return [a, b];
}

/** Three drawn regions. Throws when there are fewer: see `whyNoThreeRegions`. */
export function threeRegions(drawing: Drawing): [RegionName, RegionName, RegionName] {
  const [a, b, c] = shuffledRegions(drawing);
  if (a === undefined || b === undefined || c === undefined) {
    throw new Error('there are fewer than three regions');
  }
  return [a, b, c];
}

export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => {
    const item = random.pick(left);
    left.splice(left.indexOf(item), 1);
    return item;
  });
}

/** Returns why the links between the regions cannot be broken here; '': they can. */
export function whyNoLinks(installation: Installation): Promise<string> {
  const { hasLinks } = installation;
  if (regionsOf(installation).length < 2) return Promise.resolve('it has only one region');
  return Promise.resolve(hasLinks ? '' : 'it has no links between its regions that can be cut');
}

/** The same for links among three regions. */
export function whyNoThreeRegions(installation: Installation): Promise<string> {
  if (regionsOf(installation).length >= 3) return whyNoLinks(installation);
  return Promise.resolve('it has fewer than three regions');
}

/** No requirements. */
export const always = (): Promise<string> => Promise.resolve('');

/** The regions that are not this one. */
export function othersThan({ installation }: Drawing, region: RegionName): RegionName[] {
  return regionsOf(installation).filter((other) => other !== region);
}

/** The regions with another copy of a book than this one. */
export function othersWithCopy({ installation }: Drawing, { book, region }: Copy): RegionName[] {
  const regions = copiesOf(installation, book).map((copy) => copy.region);
  return regions.filter((other) => other !== region);
}

/** A random generator for the course of a strike, independent of other draws. */
export function ownRandom(random: Random): Random {
  return new Random(random.below(2 ** 32));
}
