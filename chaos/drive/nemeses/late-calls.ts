import { callFaultNemesis, drawRouter } from './call-fault-strike.ts';

/** Some are longer than a take-over takes and than callers wait. */
const HELD_BACK_MS = [300, 3_000, 20_000] as const;

export const lateCalls = callFaultNemesis(
  {
    name: 'late-calls',
    place: 'N19',
    description:
      'Requests are held back and arrive out of order, many after their callers have given up.',
    lastsMs: [3_000, 15_000],
  },
  (scene) => {
    const { random } = scene;
    const router = drawRouter(scene);
    const share = random.between(0.1, 0.5);
    return { kind: 'hold_back', router, share, times: 0, upToMs: random.pick(HELD_BACK_MS) };
  },
);
