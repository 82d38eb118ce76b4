import type { RegionName } from '../../../regions/topology/topology.ts';
import type { CallFault } from '../client/call-faults.ts';
import { profiles } from '../installation/installation.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import { always, aRegion } from './targets.ts';

/** A nemesis that applies the drawn fault to whole calls. */
export function callFaultNemesis(
  named: Pick<Nemesis, 'name' | 'place' | 'description' | 'lastsMs'>,
  draw: (scene: Scene) => CallFault,
): Nemesis {
  return {
    ...named,
    profiles,
    alone: false,
    whyNot: always,
    aim: (scene) => Promise.resolve(callFaultStrike(scene, draw(scene))),
  };
}

/** Draws mostly one router, sometimes all of them. */
export function drawRouter(scene: Scene): RegionName | undefined {
  return scene.random.chance(0.3) ? undefined : aRegion(scene);
}

/** Applies a fault to whole calls while it lasts. */
export function callFaultStrike({ calls }: Pick<Scene, 'calls'>, fault: CallFault): Strike {
  let end: (() => void) | undefined;
  return {
    targets: [`calls through ${fault.router ?? 'any router'}`],
    harms: [fault.router === undefined ? {} : { router: fault.router }],
    begin: () => {
      end ??= calls.add(fault);
      return Promise.resolve();
    },
    end: () => {
      end?.();
      end = undefined;
      return Promise.resolve();
    },
  };
}
