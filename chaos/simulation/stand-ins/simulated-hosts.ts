import type { World } from '../world.ts';
import type { RedisStore } from './redis-store.ts';

/** Hosts that the stand-ins of the drivers connect to, by host name. */
export interface SimulatedHosts {
  readonly world: World;
  readonly redises: ReadonlyMap<string, RedisStore>;
}

let entered: SimulatedHosts | undefined;

/** Sets the hosts of all later connections. */
export function enterHosts(hosts: SimulatedHosts | undefined): void {
  entered = hosts;
}

/** @throws Error outside of a simulation */
export function simulatedHosts(): SimulatedHosts {
  if (entered === undefined) throw new Error('no simulation is running');
  return entered;
}
