import { Standstill } from '../../regions/faults/standstill.ts';
import type { HistoryRecorder } from '../judge/history/recorder.ts';

/** A process that is scheduled this late is recorded as a fault of the machine. */
const LATE_MS = 1_500;

/**
 * Records a fault when this process was not scheduled for a while: a machine that stands still
 * affects every call, and only the machine is to blame.
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
