import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ClusterEvent,
  startCluster,
} from '../../../regions/supervisor/embedded/embedded-cluster.ts';
import type { Faults } from '../../../regions/faults/faults.ts';
import { findFreeBase } from '../../../regions/processes/ports.ts';
import type { ClusterState } from '../../../regions/topology/state.ts';
import { startReplicatedCluster } from '../../../regions/supervisor/replicated/replicated-cluster.ts';
import type { ProcessSettings } from '../../../regions/config/process-settings.ts';
import type { Topology } from '../../../regions/topology/topology.ts';
import { clockFile, writeShift } from '../programs/skewed-clock.ts';
import { writePrograms } from '../programs/write-programs.ts';
import { describeCopies } from './describe-copies.ts';
import type { Profile } from '../../../regions/config/scale.ts';
import type { Copy, Installation, OwnMeans } from './installation.ts';

export interface OwnOptions {
  readonly profile: Profile;
  /** Folder of the whole installation; created if it is absent. Every user may enter it. */
  readonly folder: string;
  /** Regions, books and delays; default `defaultTopology`. */
  readonly topology?: Topology | undefined;
  /** Default: those of this machine. */
  readonly settings?: ProcessSettings | undefined;
  /** The deliberate bug that its servers have; undefined: none. */
  readonly bug?: string | undefined;
  /** Aborting it during the start ends the start in order. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: ClusterEvent) => void) | undefined;
}

export interface OwnInstallation extends Installation {
  readonly own: OwnMeans;
  /** Its data folder. */
  readonly dataDir: string;
  /** Stops everything in order. Data stays. Safe to call again. */
  stop(): Promise<void>;
}

interface Started {
  readonly dataDir: string;
  readonly faults: Faults;
  state(): ClusterState;
  stop(): Promise<void>;
}

/**
 * Starts an installation for a run, with links that can be cut and wall clocks that can be shifted.
 * Throws the errors of startCluster and startReplicatedCluster, which state what to do.
 */
export async function startOwn(options: OwnOptions): Promise<OwnInstallation> {
  const { profile, folder, bug } = options;
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const clocks = join(folder, 'clocks');
  mkdirSync(clocks, { recursive: true, mode: 0o755 });
  const programs = writePrograms(join(folder, 'programs'), { clocks, bug });
  const { signal, onEvent, topology, settings } = options;
  const dataDir = join(folder, 'data');
  const common = { dataDir, basePort: await findFreeBase(), programs, settings, signal, onEvent };
  const started: Started =
    profile === 'embedded'
      ? await startCluster({ ...common, topology, links: true })
      : await startReplicatedCluster({ ...common, topology });
  const copies = describeCopies(started.state());
  return {
    profile,
    state: () => started.state(),
    faults: started.faults,
    copies,
    hasLinks: true,
    own: {
      shiftClock: (process, byMs) => writeShift(clockOf(clocks, copies, process), byMs),
    },
    dataDir: started.dataDir,
    stop: () => started.stop(),
  };
}

function clockOf(clocks: string, copies: readonly Copy[], process: string): string {
  const copy = copies.find(({ processes }) => processes.ledger === process);
  if (copy !== undefined) return clockFile(clocks, copy.region, copy.book);
  const router = copies.find(({ region }) => process === `${region}/router`);
  if (router !== undefined) return clockFile(clocks, router.region, undefined);
  throw new Error(`${process} is neither a ledger server nor a router: it has no clock to shift`);
}
