import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { harmsOfLoss, harmsOfPartition } from './harms.ts';
import type { Nemesis } from './nemesis.ts';
import { cutAll, healAll, silences, wayName, waysOf } from './partition.ts';
import { always, aRegion, ownRandom, whyNoLinks } from './targets.ts';

const common = { place: 'N38', profiles, alone: true } as const;

/**
 * Touches its router, and the books that were led there; the other regions keep a majority, and
 * confirm each other's commits.
 */
export const loseRegion: Nemesis = {
  ...common,
  name: 'lose-region',
  description:
    'everything in a region is killed at once, its links go silent, and it returns later',
  lastsMs: [10_000, 30_000],
  whyNot: always,
  aim: (scene) => {
    const region = aRegion(scene);
    return Promise.resolve(
      strikeWith(scene, {
        targets: [region],
        harms: harmsOfLoss(scene, region),
        begin: ({ faults }) => faults.loseRegion(region),
      }),
    );
  },
};

/** Touches the same as a partition; slow links alone touch less. */
export const regionAdrift: Nemesis = {
  ...common,
  name: 'region-adrift',
  description: 'a running region is cut off, comes back over slow links, and is cut off again',
  lastsMs: [15_000, 40_000],
  whyNot: whyNoLinks,
  aim: (scene) => {
    const region = aRegion(scene);
    const ways = waysOf(scene, region);
    const random = ownRandom(scene.random);
    const begin = async ({ faults, goOn, pause }: Breaking) => {
      await cutAll(faults, ways, random.pick(silences));
      goOn(async () => {
        for (;;) {
          await pause(random.between(4_000, 12_000));
          const delayMs = random.between(80, 200);
          await Promise.all(ways.map(([from, to]) => faults.delay(from, to, delayMs)));
          await healAll(faults, ways);
          await pause(random.between(4_000, 12_000));
          await cutAll(faults, ways, random.pick(silences));
        }
      });
    };
    const harms = harmsOfPartition(scene, region);
    return Promise.resolve(strikeWith(scene, { targets: ways.map(wayName), harms, begin }));
  },
};
