import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Faults } from '../../../regions/faults/faults.ts';
import type { CutMode } from '../../../regions/faults/link.ts';
import { profiles } from '../installation/installation.ts';
import { type Blow, strikeWith } from './breaking.ts';
import { harmsBetween, harmsOfLink, harmsOfPartition } from './harms.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import { aRegion, othersThan, shuffledRegions, whyNoLinks } from './targets.ts';

/** Partitions: all regions run, and some cannot reach each other. */

export type Way = readonly [from: RegionName, to: RegionName];

/** Both directions between two regions. */
export const bothWays = (one: RegionName, other: RegionName): Way[] => [
  [one, other],
  [other, one],
];

/** All links out of a region and into it. */
export const waysOf = (region: RegionName): Way[] =>
  othersThan(region).flatMap((other) => bothWays(region, other));

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
  description: 'one region is cut off from the two others, in both directions',
  lastsMs: [5_000, 25_000],
  // With another region broken meanwhile there would be no majority.
  alone: true,
  aim: (scene) => {
    const region = aRegion(scene.random);
    const mode = scene.random.pick(silences);
    const harms = harmsOfPartition(scene, region);
    return Promise.resolve(cutWays(scene, waysOf(region), mode, harms));
  },
};

/** Touches calls between the two. The third reaches both, and is reached. */
export const bridge: Nemesis = {
  ...common,
  name: 'bridge',
  place: 'N7',
  description: 'two regions do not reach each other, while the third reaches both',
  lastsMs: [5_000, 25_000],
  alone: true,
  aim: (scene) => {
    const [, one, other] = shuffledRegions(scene.random);
    const mode = scene.random.pick(silences);
    const harms = harmsBetween(scene, one, other);
    return Promise.resolve(cutWays(scene, bothWays(one, other), mode, harms));
  },
};

/**
 * Every region opens connections to one other and is reached by the third: each is in a majority,
 * and no two are in the same. Touches the traffic on each of the three links.
 */
export const ring: Nemesis = {
  ...common,
  name: 'ring',
  place: 'N7',
  description: 'every region reaches only its neighbour on one side, around the ring of three',
  lastsMs: [5_000, 20_000],
  alone: true,
  aim: (scene) => {
    const [a, b, c] = shuffledRegions(scene.random);
    const ways: Way[] = [
      [b, a],
      [c, b],
      [a, c],
    ];
    const mode = scene.random.pick(silences);
    const harms = ways.flatMap(([from, to]) => harmsOfLink(scene, from, to));
    return Promise.resolve(cutWays(scene, ways, mode, harms));
  },
};
