import { profiles } from '../installation/installation.ts';
import { callFaultStrike, drawRouter } from './call-fault-strike.ts';
import type { Nemesis } from './nemesis.ts';
import { always } from './targets.ts';

export const loseReplies: Nemesis = {
  name: 'lose-replies',
  place: 'N9',
  says: 'Calls are carried out and their answers thrown away: callers do not know the outcome.',
  profiles,
  lastsMs: [2_000, 10_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const { random } = scene;
    const share = random.between(0.2, 0.9);
    const router = drawRouter(random);
    return Promise.resolve(
      callFaultStrike(scene, { kind: 'lose_reply', router, share, times: 0, upToMs: 0 }),
    );
  },
};
