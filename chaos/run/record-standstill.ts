import { Standstill } from '../../regions/faults/standstill.ts';
import type { HistoryRecorder } from '../judge/history/recorder.ts';

/** A machine that is this busy with other work is a fault of its own. */
const LATE_MS = 1_500;

/**
 * Records as a fault when this process was not run for a while: a machine that stands still
 * affects every call, and only the machine is to blame for it.
 */
export function recordStandstill(
  recorder: HistoryRecorder,
  report: (text: string) => void,
): Standstill {
  return new Standstill((lateMs) => {
    if (lateMs < LATE_MS) return;
    report(`the machine stood still for ${(lateMs / 1_000).toFixed(1)} s`);
    recorder.fault('the machine stood still', ['machine'], [{}])();
  });
}
