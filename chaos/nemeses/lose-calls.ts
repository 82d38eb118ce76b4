import type { CallFault } from '../client/call-faults.ts';
import { profiles } from '../installation/installation.ts';
import { callFaultStrike, drawRouter } from './call-fault-strike.ts';
import type { Nemesis } from './nemesis.ts';
import { always } from './targets.ts';

function losing(kind: CallFault['kind'], named: Pick<Nemesis, 'name' | 'place' | 'says'>): Nemesis {
  return {
    ...named,
    profiles,
    lastsMs: [2_000, 10_000],
    alone: false,
    whyNot: always,
    aim: (scene) => {
      const { random } = scene;
      const share = random.between(0.2, 0.9);
      const router = drawRouter(random);
      return Promise.resolve(callFaultStrike(scene, { kind, router, share, times: 0, upToMs: 0 }));
    },
  };
}

export const loseReplies = losing('lose_reply', {
  name: 'lose-replies',
  place: 'N9',
  says: 'Calls are carried out and their answers thrown away: callers do not know the outcome.',
});

export const loseRequests = losing('lose_request', {
  name: 'lose-requests',
  place: 'N10',
  says: 'Calls are lost on their way to a router: callers do not know that nothing happened.',
});
