import type { Faults } from '../faults/faults.ts';
import type { RegionName } from '../topology/layout.ts';
import type { ClusterState } from '../topology/state.ts';
import type { RecordedCall } from './load/call-log.ts';
import type { TimelineMark } from './report.ts';
import type { Scenario } from './scenario.ts';

export interface DrillOptions {
  readonly scenario: Scenario;
  /** Of the installation that is broken: a replicated one that is ready. */
  readonly state: ClusterState;
  readonly faults: Faults;
  /** The region that is broken. */
  readonly region: RegionName;
  /** Transfers a second in each region. */
  readonly ratePerRegion: number;
  /** How long payments run undisturbed before the fault, and again after the repair. */
  readonly steadySeconds: number;
  readonly by: string;
  readonly why: string;
  /** A folder for the drill is made in it. */
  readonly outDir: string;
  /** Ends the drill early: what is broken is repaired first. */
  readonly signal: AbortSignal;
  readonly view: DrillView;
}

/** Receives the progress of a drill. */
export interface DrillView {
  phase(text: string): void;
  mark(mark: TimelineMark): void;
  called(call: RecordedCall): void;
}
