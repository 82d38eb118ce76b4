import { cutModes } from '../../../regions/faults/link.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Harm } from '../../judge/history/record.ts';
import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { harmsBetween, harmsOfPartition } from './harms.ts';
import type { Nemesis, Scene } from './nemesis.ts';
import { bothWays, cutAll, healAll, silences, type Way, wayName, waysOf } from './partition.ts';
import { aRegion, ownRandom, twoRegions, whyNoLinks } from './targets.ts';

/** Links whose state changes. */

const common = { profiles, whyNot: whyNoLinks, lastsMs: [8_000, 25_000], alone: true } as const;

interface Hit {
  readonly ways: readonly Way[];
  readonly harms: readonly Harm[];
}

/**
 * Draws all links of a region, or those between two, and the calls that they may touch when cut.
 */
function someLinks(scene: Scene): Hit {
  if (scene.random.chance(0.5)) {
    const region: RegionName = aRegion(scene);
    return { ways: waysOf(scene, region), harms: harmsOfPartition(scene, region) };
  }
  const [one, other] = twoRegions(scene);
  return { ways: bothWays(one, other), harms: harmsBetween(scene, one, other) };
}

/**
 * Silence and refusal in turns, never healed in between: a caller that waits for an answer gets an
 * error, one that retries waits.
 */
export const silentThenRefused: Nemesis = {
  ...common,
  name: 'silent-then-refused',
  place: 'N11',
  description: 'links are cut, alternating between silence and resets',
  aim: (scene) => {
    const { ways, harms } = someLinks(scene);
    const random = ownRandom(scene.random);
    const [first, second] = random.chance(0.5) ? silences : silences.toReversed();
    const begin = async ({ faults, goOn, pause }: Breaking) => {
      if (first === undefined || second === undefined) return;
      await cutAll(faults, ways, first);
      goOn(async () => {
        for (;;) {
          await pause(random.between(1_000, 7_000));
          await cutAll(faults, ways, second);
          await pause(random.between(1_000, 7_000));
          await cutAll(faults, ways, first);
        }
      });
    };
    return Promise.resolve(strikeWith(scene, { targets: ways.map(wayName), harms, begin }));
  },
};

const FLAP_MIN_MS = 50;
const FLAP_MAX_MS = 5_000;

export const flapping: Nemesis = {
  ...common,
  name: 'flapping',
  place: 'N12',
  description:
    'links are cut and healed every 50 ms to 5 s, in any mode, mostly cut or mostly open',
  aim: (scene) => {
    const { ways, harms } = someLinks(scene);
    const random = ownRandom(scene.random);
    return Promise.resolve(
      strikeWith(scene, {
        targets: ways.map(wayName),
        harms,
        begin: (breaking) => breaking.goOn(() => flap(breaking, random, ways)),
      }),
    );
  },
};

/** Cuts and heals links until the strike is over. */
export async function flap(
  { faults, pause }: Breaking,
  random: ReturnType<typeof ownRandom>,
  ways: readonly Way[],
): Promise<void> {
  const cutShare = random.between(0.1, 0.9);
  for (;;) {
    // Log-uniform: short turns are as frequent as long ones.
    const turnMs = FLAP_MIN_MS * (FLAP_MAX_MS / FLAP_MIN_MS) ** random.next();
    await cutAll(faults, ways, random.pick(cutModes));
    await pause(turnMs * cutShare);
    await healAll(faults, ways);
    await pause(turnMs * (1 - cutShare));
  }
}

/**
 * Round trips of 80 to 300 ms, half of it one way. Nothing is lost, but calls over the links take
 * longer, and, with copies, so do calls to books whose commits cross them.
 */
export const slowLinks: Nemesis = {
  ...common,
  name: 'slow-links',
  place: 'N13',
  description: 'links have round trips of 80 to 300 ms, which change now and then',
  alone: false,
  aim: (scene) => {
    const { ways, harms } = someLinks(scene);
    const random = ownRandom(scene.random);
    const slow = ({ faults }: Breaking) =>
      Promise.all(ways.map(([from, to]) => faults.delay(from, to, random.between(40, 150))));
    const begin = async (breaking: Breaking) => {
      await slow(breaking);
      breaking.goOn(async () => {
        for (;;) {
          await breaking.pause(random.between(300, 3_000));
          await slow(breaking);
        }
      });
    };
    return Promise.resolve(strikeWith(scene, { targets: ways.map(wayName), harms, begin }));
  },
};
