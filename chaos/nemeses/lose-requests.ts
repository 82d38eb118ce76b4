import { profiles } from '../installation/installation.ts';
import { callFaultStrike, drawRouter } from './call-fault-strike.ts';
import type { Nemesis } from './nemesis.ts';
import { always } from './targets.ts';

export const loseRequests: Nemesis = {
  name: 'lose-requests',
  place: 'N10',
  says: 'Calls are lost on their way to a router: callers do not know that nothing happened.',
  profiles,
  lastsMs: [2_000, 10_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const { random } = scene;
    const share = random.between(0.2, 0.9);
    const router = drawRouter(random);
    return Promise.resolve(
      callFaultStrike(scene, { kind: 'lose_request', router, share, times: 0, upToMs: 0 }),
    );
  },
};
