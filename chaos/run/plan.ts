import type { Nemesis } from '../drive/nemeses/nemesis.ts';
import { Random } from '../../ledger/core/random.ts';
import type { Workload } from '../drive/workloads/workload.ts';

/** Everything that is drawn from the seed before a run, so that runs differ in what they stress. */
export interface RunPlan {
  readonly seed: number;
  /** Number of clients, each of which makes one call after another. */
  readonly clients: number;
  /** Average time that a client rests after a step. */
  readonly thinkMs: number;
  /** How long a client waits for an answer. */
  readonly deadlineMs: number;
  readonly workloads: readonly { readonly workload: Workload; readonly weight: number }[];
  /** In the order in which they strike; after the last comes the first again. */
  readonly nemeses: readonly Nemesis[];
  /** Between the recovery from one strike and the next, on average. */
  readonly quietMs: number;
  /** Probability that two strike at the same time. */
  readonly pairShare: number;
}

/** The choices that may be drawn, and those that the user named. */
export interface Choice {
  readonly workloads: readonly Workload[];
  /** Workloads and nemeses that can run here. */
  readonly nemeses: readonly Nemesis[];
  /** True: take all of them, because the user has named them. */
  readonly allWorkloads: boolean;
  readonly allNemeses: boolean;
}

/** The plan of a run. The same seed and choice give the same plan. Pure. */
export function drawPlan(seed: number, choice: Choice): RunPlan {
  const random = new Random(seed);
  // What a run leaves out matters as much as what it does.
  const some = <T>(all: readonly T[], share: number, whole: boolean): T[] => {
    if (whole) return shuffled([...all], random);
    const drawn = all.filter(() => random.chance(share));
    return shuffled(drawn.length === 0 ? all.slice(0, 1) : drawn, random);
  };
  return {
    seed,
    clients: 6 + random.below(13),
    thinkMs: random.pick([10, 25, 50, 100]),
    deadlineMs: random.pick([3_000, 5_000, 8_000]),
    workloads: some(choice.workloads, 0.4, choice.allWorkloads).map((workload) => ({
      workload,
      weight: random.between(0.3, 1),
    })),
    nemeses: some(choice.nemeses, 0.6, choice.allNemeses),
    quietMs: random.pick([2_000, 4_000, 8_000]),
    pairShare: random.pick([0, 0.2, 0.4]),
  };
}

function shuffled<T>(items: T[], random: Random): T[] {
  return items
    .map((item) => ({ item, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** The plan as a history records it. */
export function planOptions(plan: RunPlan): Record<string, unknown> {
  const { workloads, nemeses, ...numbers } = plan;
  return {
    ...numbers,
    workloads: Object.fromEntries(
      workloads.map(({ workload, weight }) => [workload.name, Number(weight.toFixed(2))]),
    ),
    nemeses: nemeses.map(({ name }) => name),
  };
}
