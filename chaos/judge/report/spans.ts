import type { RunHistory } from '../history/read-history.ts';
import { endOf } from './judged-run.ts';

/** A span of time in a lane of the picture. */
export interface LaneSpan {
  readonly lane: string;
  /** Seconds since the run began. */
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** Its style. */
  readonly kind: 'phase' | 'leader' | 'fault';
}

/**
 * All spans: the phases of the run, the leaders of each book, and the faults with their targets.
 */
export function spansOf(history: RunHistory): LaneSpan[] {
  const end = endOf(history);
  return [...phaseSpans(history, end), ...leaderSpans(history, end), ...faultSpans(history, end)];
}

export const STEPS = 'steps';

function phaseSpans({ phases }: RunHistory, end: number): LaneSpan[] {
  return phases.map(({ phase, ns }, index) => ({
    lane: STEPS,
    from: ns / 1e9,
    to: (phases[index + 1]?.ns ?? end) / 1e9,
    label: phase.replaceAll('_', ' '),
    kind: 'phase',
  }));
}

function leaderSpans({ epochs, header }: RunHistory, end: number): LaneSpan[] {
  return header.books.flatMap(({ number, name }) => {
    const own = epochs.filter(({ book }) => book === number);
    return own.map(({ epoch, region, ns }, index): LaneSpan => ({
      lane: name,
      from: ns / 1e9,
      to: (own[index + 1]?.ns ?? end) / 1e9,
      label: `${region} ${epoch}`,
      kind: 'leader',
    }));
  });
}

/** Maximum number of targets in a picture. */
const LANES_MAX = 24;

/** A fault is drawn once for each of its targets; if there are too many, once by its name. */
function faultSpans({ faults }: RunHistory, end: number): LaneSpan[] {
  const isByName = new Set(faults.flatMap(({ targets }) => targets)).size > LANES_MAX;
  return faults.flatMap(({ what, targets, startedNs, endedNs }) => {
    const [label = what] = what.split(' ');
    const times = { from: startedNs / 1e9, to: Math.min(endedNs, end) / 1e9 };
    const lanes = isByName || targets.length === 0 ? [what] : targets;
    return lanes.map((lane): LaneSpan => ({ lane, ...times, label, kind: 'fault' }));
  });
}
