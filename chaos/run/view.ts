import type { EndedCall } from '../judge/history/recorder.ts';

/** Receives the progress of a run. */
export interface RunView {
  phase(text: string): void;
  /** A fault begins or ends. */
  fault(what: string, targets: readonly string[], begins: boolean): void;
  called(call: EndedCall): void;
}
