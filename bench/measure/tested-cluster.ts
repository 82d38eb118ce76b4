import type { ClusterProcesses } from '../../regions/supervisor/embedded/embedded-cluster.ts';
import type { BookEndpoints, RegionState } from '../../regions/topology/state.ts';

/** A running installation as far as the benchmark needs it, whatever supervises it. */
export interface TestedCluster {
  readonly dataDir: string;
  readonly regions: readonly RegionState[];
  /** By number. */
  readonly books: readonly BookEndpoints[];
  readonly processes: Pick<ClusterProcesses, 'names' | 'pid' | 'starts'>;
  /** Stops everything in order. Data stays. */
  stop(): Promise<void>;
}
