import type { CallFault } from '../client/call-faults.ts';
import { callFaultNemesis, drawRouter } from './call-fault-strike.ts';
import type { Scene } from './nemesis.ts';

/** Long enough for callers to give up, to ask again and to be lost again. */
const LASTS_MS = [2_000, 10_000] as const;

const losing =
  (kind: CallFault['kind']) =>
  (scene: Scene): CallFault => {
    const share = scene.random.between(0.2, 0.9);
    return { kind, router: drawRouter(scene), share, times: 0, upToMs: 0 };
  };

export const loseReplies = callFaultNemesis(
  {
    name: 'lose-replies',
    place: 'N9',
    description: 'Calls are executed and their answers dropped: callers do not know the outcome.',
    lastsMs: LASTS_MS,
  },
  losing('lose_reply'),
);

export const loseRequests = callFaultNemesis(
  {
    name: 'lose-requests',
    place: 'N10',
    description:
      'Calls are lost on their way to a router: callers do not know that nothing happened.',
    lastsMs: LASTS_MS,
  },
  losing('lose_request'),
);
