import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { harmsOfLink } from './harms.ts';
import type { Nemesis } from './nemesis.ts';
import { cutWays, silences } from './partition.ts';
import { always, aRegion, ownRandom, twoRegions, whyNoLinks } from './targets.ts';

const common = { place: 'N35', profiles, lastsMs: [4_000, 15_000], alone: false } as const;

/** No call gets past a router that is down; other routers do not need it. */
export const restartRouter: Nemesis = {
  ...common,
  name: 'restart-router',
  description: 'a router is repeatedly stopped or killed, and restarted each time',
  whyNot: always,
  aim: (scene) => {
    const region = aRegion(scene);
    const router = `${region}/router`;
    const random = ownRandom(scene.random);
    const begin = async ({ faults, goOn, pause }: Breaking) => {
      await faults.signal(router, 'SIGTERM');
      goOn(async () => {
        for (;;) {
          await pause(random.between(300, 4_000));
          // It may not have been restarted yet.
          const signal = random.pick(['SIGTERM', 'SIGKILL'] as const);
          await faults.signal(router, signal).catch(() => undefined);
        }
      });
    };
    const harms = [{ router: region }];
    return Promise.resolve(strikeWith(scene, { targets: [router], harms, begin }));
  },
};

/** Calls through it wait until it is thawed, or permanently. */
export const freezeRouter: Nemesis = {
  ...common,
  name: 'freeze-router',
  description: 'a router is frozen with SIGSTOP, including its calls, and thawed later',
  whyNot: always,
  aim: (scene) => {
    const region = aRegion(scene);
    const router = `${region}/router`;
    return Promise.resolve(
      strikeWith(scene, {
        targets: [router],
        harms: [{ router: region }],
        begin: ({ faults }) => faults.signal(router, 'SIGSTOP'),
      }),
    );
  },
};

/** Touches calls from one region to one other; all others, and its own, are reached. */
export const routerWithoutHome: Nemesis = {
  ...common,
  name: 'router-without-home',
  description: 'a router cannot reach the home of a book in another region, and all others can',
  alone: true,
  whyNot: whyNoLinks,
  aim: (scene) => {
    const [from, to] = twoRegions(scene);
    const mode = scene.random.pick(silences);
    return Promise.resolve(cutWays(scene, [[from, to]], mode, harmsOfLink(scene, from, to)));
  },
};
