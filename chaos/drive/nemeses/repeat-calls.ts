import { callFaultNemesis, drawRouter } from './call-fault-strike.ts';

export const repeatCalls = callFaultNemesis(
  {
    name: 'repeat-calls',
    place: 'N18',
    description:
      'Requests arrive two to five times, at once or seconds later, through any of the routers.',
    lastsMs: [3_000, 15_000],
  },
  (scene) => {
    const { random } = scene;
    const router = drawRouter(scene);
    const share = random.between(0.1, 0.6);
    const times = 1 + random.below(4);
    return { kind: 'repeat', router, share, times, upToMs: random.pick([10, 500, 5_000]) };
  },
);
