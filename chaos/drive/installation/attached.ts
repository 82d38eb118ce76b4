import { connectFaults } from '../../../regions/faults/control.ts';
import { type ClusterState, readState } from '../../../regions/topology/state.ts';
import { describeCopies } from './describe-copies.ts';
import type { Installation } from './installation.ts';

/**
 * Connects to a user's own installation, which runs in another process with its data in this
 * folder. Throws Error that states what to do when none runs there, or when it is not ready.
 */
export function attach(dataDir: string): Installation {
  const state = requireRunning(dataDir);
  if (state.status !== 'ready') {
    throw new Error(
      `the installation in ${dataDir} is ${state.status}; try again when it is ready`,
    );
  }
  return {
    profile: state.replicated === undefined ? 'embedded' : 'replicated',
    state: () => requireRunning(dataDir),
    faults: connectFaults(state.controlSocket),
    copies: describeCopies(state),
    hasLinks: state.links.length > 0,
    own: undefined,
  };
}

function requireRunning(dataDir: string): ClusterState {
  const state = readState(dataDir);
  if (state !== undefined) return state;
  throw new Error(
    `no installation runs with its data in ${dataDir}; start one with "meridian up", name its ` +
      'folder with --data, or leave --data out to have one started for the run',
  );
}
