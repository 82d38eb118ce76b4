import { expect, test } from 'vitest';
import { CallFaults } from '../client/call-faults.ts';
import { standInFor } from '../../stand-in-for.ts';
import { Random } from '../../../ledger/core/random.ts';
import { lateCalls } from './late-calls.ts';
import { loseReplies, loseRequests } from './lose-calls.ts';
import type { Nemesis, Scene } from './nemesis.ts';
import { overload } from './overload.ts';
import { repeatCalls } from './repeat-calls.ts';

const regionNames = ['eu-west', 'us-east', 'ap-south', 'us-west', 'sa-east'];

/** The parts of a scene that these nemeses use. */
function sceneOf(seed: number) {
  const loads: number[] = [];
  const calls = new CallFaults();
  const regions = regionNames.map((name) => ({ name }));
  const installation = { state: () => ({ regions }) };
  const random = new Random(seed);
  const part = { calls, installation, random, overload: (n: number) => loads.push(n) };
  return { calls, loads, scene: standInFor<Scene>(part) };
}

const kinds = [
  [loseReplies, 'lose_reply'],
  [loseRequests, 'lose_request'],
  [repeatCalls, 'repeat'],
  [lateCalls, 'hold_back'],
  [overload, 'repeat'],
] as const satisfies readonly (readonly [Nemesis, string])[];

test.each(kinds)(
  '%o touches the calls that it declares as harmed, until its end',
  async (made, kind) => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { calls, loads, scene } = sceneOf(seed);
      const strike = await made.aim(scene);
      expect(regionNames.flatMap((router) => calls.of(router))).toEqual([]);
      await strike.begin();
      for (const router of regionNames) {
        const harmed = strike.harms.some((harm) => (harm.router ?? router) === router);
        const found = calls.of(router).map((fault) => fault.kind);
        expect(found).toEqual(harmed ? [kind] : []);
      }
      await strike.end();
      await strike.end();
      expect(regionNames.flatMap((router) => calls.of(router))).toEqual([]);
      expect(loads.at(-1) ?? 1).toBe(1);
    }
  },
);
