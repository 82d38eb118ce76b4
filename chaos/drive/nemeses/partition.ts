import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Faults } from '../../../regions/faults/faults.ts';
import type { CutMode } from '../../../regions/faults/link.ts';
import { profiles } from '../installation/installation.ts';
import { type Blow, strikeWith } from './breaking.ts';
import { harmsBetween, harmsOfLink, harmsOfPartition } from './harms.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import {
  aRegion,
  othersThan,
  shuffledRegions,
  threeRegions,
  whyNoLinks,
  whyNoThreeRegions,
} from './targets.ts';

/** Partitions: all regions run, and some cannot reach each other. */

export type Way = readonly [from: RegionName, to: RegionName];

/** Both directions between two regions. */
export const bothWays = (one: RegionName, other: RegionName): Way[] => [
  [one, other],
  [other, one],
];

/** All links out of a region and into it. */
export const waysOf = (scene: Pick<Scene, 'installation' | 'random'>, region: RegionName): Way[] =>
  othersThan(scene, region).flatMap((other) => bothWays(region, other));

export const wayName = ([from, to]: Way) => `${from}>${to}`;

/** Modes: instant errors or long silence. */
export const silences = ['refuse', 'blackhole'] as const;

/** Cuts these links until the end, all in the same mode. */
export function cutWays(
  scene: Scene,
  ways: readonly Way[],
  mode: CutMode,
  harms: Blow['harms'],
): Strike {
  const targets = ways.map((way) => `${wayName(way)} ${mode}`);
  const begin = ({ faults }: { readonly faults: Faults }) => cutAll(faults, ways, mode);
  return strikeWith(scene, { targets, harms, begin });
}

export async function cutAll(faults: Faults, ways: readonly Way[], mode: CutMode): Promise<void> {
  await Promise.all(ways.map(([from, to]) => faults.cut(from, to, mode)));
}

export async function healAll(faults: Faults, ways: readonly Way[]): Promise<void> {
  await Promise.all(ways.map(([from, to]) => faults.heal(from, to)));
}

const common = { profiles, whyNot: whyNoLinks } as const;

/** Harms: see `harmsOfPartition`. */
export const isolateRegion: Nemesis = {
  ...common,
  name: 'isolate-region',
  place: 'N6',
  description: 'one region is cut off from all others, in both directions',
  lastsMs: [5_000, 25_000],
  // With another region broken meanwhile there would be no majority.
  alone: true,
  aim: (scene) => {
    const region = aRegion(scene);
    const mode = scene.random.pick(silences);
    const harms = harmsOfPartition(scene, region);
    return Promise.resolve(cutWays(scene, waysOf(scene, region), mode, harms));
  },
};

/** Touches calls between the two. All others reach both, and are reached. */
export const bridge: Nemesis = {
  ...common,
  whyNot: whyNoThreeRegions,
  name: 'bridge',
  place: 'N7',
  description: 'two regions do not reach each other, while all others reach both',
  lastsMs: [5_000, 25_000],
  alone: true,
  aim: (scene) => {
    const [, one, other] = threeRegions(scene);
    const mode = scene.random.pick(silences);
    const harms = harmsBetween(scene, one, other);
    return Promise.resolve(cutWays(scene, bothWays(one, other), mode, harms));
  },
};

/**
 * Each pair of regions is connected in one direction only: around the ring, every region opens
 * connections to the half in front of it and is reached by the half behind it. Each is in a
 * majority, and no two are in the same. Touches the traffic on each of the links that are cut.
 */
export const ring: Nemesis = {
  ...common,
  whyNot: whyNoThreeRegions,
  name: 'ring',
  place: 'N7',
  description: 'every region reaches only those in front of it, half of them, around a ring',
  lastsMs: [5_000, 20_000],
  alone: true,
  aim: (scene) => {
    const ways = backwards(shuffledRegions(scene));
    const mode = scene.random.pick(silences);
    const harms = ways.flatMap(([from, to]) => harmsOfLink(scene, from, to));
    return Promise.resolve(cutWays(scene, ways, mode, harms));
  },
};

/** The directions against a ring: from each region to those less than half a turn behind it. */
export function backwards(around: readonly RegionName[]): Way[] {
  return around.flatMap((one, index) =>
    around
      .slice(index + 1)
      .map((other, gap): Way => ((gap + 1) * 2 <= around.length ? [other, one] : [one, other])),
  );
}
