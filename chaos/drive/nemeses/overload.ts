import { profiles } from '../installation/installation.ts';
import { callFaultStrike } from './call-fault-strike.ts';
import type { Nemesis } from './nemesis.ts';
import { always } from './targets.ts';

/** Multiple of the usual load. */
const TIMES = 5;

export const overload: Nemesis = {
  name: 'overload',
  place: 'N42',
  description:
    'Five times the usual load, from callers that repeat their requests at once, up to three times.',
  profiles,
  lastsMs: [3_000, 10_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const again = { kind: 'repeat', router: undefined, times: 3, upToMs: 100 } as const;
    const retries = callFaultStrike(scene, { ...again, share: scene.random.between(0.3, 1) });
    return Promise.resolve({
      targets: ['every router'],
      harms: [{}],
      begin: async () => {
        scene.overload(TIMES);
        await retries.begin();
      },
      end: async () => {
        await retries.end();
        scene.overload(1);
      },
    });
  },
};
