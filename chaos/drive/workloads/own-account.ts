import type { RegionName } from '../../../regions/topology/layout.ts';

/** An account that a workload has opened for itself. */
export interface OwnAccount {
  readonly id: bigint;
  readonly book: number;
  readonly region: RegionName;
}
