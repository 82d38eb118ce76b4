import type { EndedCall } from '../judge/history/recorder.ts';

/** Who is told how a run goes. */
export interface RunView {
  phase(text: string): void;
  /** A fault begins or ends. */
  fault(what: string, targets: readonly string[], begins: boolean): void;
  called(call: EndedCall): void;
}
