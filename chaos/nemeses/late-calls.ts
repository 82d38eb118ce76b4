import { profiles } from '../installation/installation.ts';
import { callFaultStrike, drawRouter } from './call-fault-strike.ts';
import type { Nemesis } from './nemesis.ts';
import { always } from './targets.ts';

/** Some longer than a take-over takes and than callers wait. */
const HELD_BACK_MS = [300, 3_000, 20_000] as const;

export const lateCalls: Nemesis = {
  name: 'late-calls',
  place: 'N19',
  says: 'Requests are held back and arrive out of order, many after their callers have given up.',
  profiles,
  lastsMs: [3_000, 15_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const { random } = scene;
    const router = drawRouter(random);
    const share = random.between(0.1, 0.5);
    const upToMs = random.pick(HELD_BACK_MS);
    return Promise.resolve(
      callFaultStrike(scene, { kind: 'hold_back', router, share, times: 0, upToMs }),
    );
  },
};
