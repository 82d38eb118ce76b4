import type { SearchPlan } from '../profile.ts';

/** Returns whether a rate holds. Fine steps take longer, and only they confirm a rate. */
export type Probe = (rate: number, step: 'coarse' | 'fine') => Promise<boolean>;

/** A rate of the coarse search that does not hold for longer is lowered as often as this. */
const LOWER_STEPS = 3;
const LOWER_FACTOR = 0.8;

/**
 * The highest rate that a fine step has confirmed; 0 if there is none. It is a lower bound: a pause
 * of the machine can only make a rate fail that would hold otherwise.
 */
export async function highestRate(plan: SearchPlan, probe: Probe): Promise<number> {
  let [low, high] = await bounds(plan, probe);
  let confirmed = 0;
  for (let step = 0; step < plan.fineSteps; step += 1) {
    const rate = Math.round((low + high) / 2);
    if (await probe(rate, 'fine')) {
      low = rate;
      confirmed = rate;
    } else high = rate;
  }
  for (let step = 0; confirmed === 0 && low > 0 && step < LOWER_STEPS; step += 1) {
    if (await probe(low, 'fine')) confirmed = low;
    else low = Math.round(low * LOWER_FACTOR);
  }
  return confirmed;
}

/** A rate that holds, 0 if none does, and one that does not, or was not tried. */
async function bounds(
  { first, coarseSteps }: SearchPlan,
  probe: Probe,
): Promise<[low: number, high: number]> {
  let low = 0;
  let rate = first;
  for (let step = 0; step < coarseSteps; step += 1) {
    // Once more, because one pause of the machine would end the search early.
    const holds = (await probe(rate, 'coarse')) || (await probe(rate, 'coarse'));
    if (!holds) return [low, rate];
    low = rate;
    rate *= 2;
  }
  return [low, rate];
}
