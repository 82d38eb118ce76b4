import { profiles } from '../installation/installation.ts';
import { callFaultStrike, drawRouter } from './call-fault-strike.ts';
import type { Nemesis } from './nemesis.ts';
import { always } from './targets.ts';

export const repeatCalls: Nemesis = {
  name: 'repeat-calls',
  place: 'N18',
  says: 'Requests arrive two to five times, at once or seconds later, through any of the routers.',
  profiles,
  lastsMs: [3_000, 15_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const { random } = scene;
    const router = drawRouter(random);
    const share = random.between(0.1, 0.6);
    const times = 1 + random.int(4);
    const upToMs = random.pick([10, 500, 5_000]);
    return Promise.resolve(
      callFaultStrike(scene, { kind: 'repeat', router, share, times, upToMs }),
    );
  },
};
