import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Caller } from '../client/caller.ts';
import type { ReadLevel } from '../../judge/history/operation.ts';
import { namesOf, type Random } from '../../../ledger/core/random.ts';
import type { WorkloadSetting } from './workload.ts';

/** Random choices that steps have in common. */

/** Picks two different items. Throws RangeError when there are fewer. */
export function pickTwo<T>(random: Random, items: readonly T[]): [T, T] {
  const first = random.pick(items);
  return [first, random.pick(items.filter((item) => item !== first))];
}

/** From 1 up to and including `most`. */
export function amountUpTo(random: Random, most: number): bigint {
  return BigInt(1 + random.below(most));
}

/** Draws a level of the API, all equally likely. */
export function drawLevel(random: Random): Exclude<ReadLevel, 'auditor'> {
  return random.pick(['leader', 'linearizable', 'stale']);
}

/** Weights of the kinds of steps, so that no two runs stress the same. */
export function drawWeights<K extends string>(
  random: Random,
  usual: Readonly<Record<K, number>>,
): Record<K, number> {
  const drawn: Record<K, number> = { ...usual };
  for (const name of namesOf(usual)) {
    drawn[name] = Number((usual[name] * random.between(0.3, 1.7)).toFixed(2));
  }
  return drawn;
}

/** Draws `count` regions independently: one may come more than once, another not at all. */
export function drawRegions(setting: WorkloadSetting, count: number): RegionName[] {
  return Array.from({ length: count }, () => setting.random.pick(setting.regions).name);
}

/** The same client, sometimes through the router of another region than its own. */
export function wander(caller: Caller, random: Random, regions: readonly RegionName[]) {
  return random.chance(0.25) ? caller.at(random.pick(regions)) : caller;
}
