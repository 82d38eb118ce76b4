import type { DrillReport } from '../report.ts';
import { rateStrips } from './rate-strips.ts';
import { latencyStrips } from './latency-strips.ts';
import {
  endOfRoom,
  type Picture,
  layOut,
  secondsPerCharacter,
  type TimeAxis,
  timeAxis,
} from '../../report/picture.ts';
import { lanesOf, zeroOf } from './moments.ts';
import { hasInjection, momentsStrip, rules } from './moments-strip.ts';

/** The moments of a drill, then the answers of each region and their latency. */
export function pictureOptions(report: DrillReport): Picture {
  const { timeline, series } = report;
  const zeroMs = zeroOf(report);
  const axis = axisOf(report, zeroMs);
  const kinds = lanesOf(timeline);
  const room = { end: endOfRoom(axis), secondsPerCharacter: secondsPerCharacter(axis) };
  const latencies = series.map(({ region, points }) => ({
    name: region,
    points: points.map(({ second, p50Ms, p99Ms }) => ({
      at: second + 0.5 - zeroMs / 1000,
      p50Ms,
      p99Ms,
    })),
  }));
  return layOut({
    axis,
    lanes: [{ strip: momentsStrip(timeline, kinds, zeroMs, room), count: kinds.length }],
    groups: [rateStrips(report, zeroMs), latencyStrips(latencies)],
    behind: (panel) => rules(timeline, zeroMs, panel),
  });
}

/** From the first to the last that happened, in seconds since the zero. */
function axisOf({ series, timeline }: DrillReport, zeroMs: number): TimeAxis {
  const seconds = series.flatMap(({ points }) => points.map((point) => point.second));
  const moments = timeline.map(({ atMs }) => atMs / 1000);
  const all = [0, ...seconds, ...seconds.map((second) => second + 1), ...moments];
  // Spreading a long list into Math.min would overflow the stack.
  const from = all.reduce((low, value) => Math.min(low, value), Infinity) - zeroMs / 1000;
  const to = all.reduce((high, value) => Math.max(high, value), -Infinity) - zeroMs / 1000;
  const zero = hasInjection(timeline) ? 'the injection' : 'the start';
  return timeAxis(from, to, `seconds since ${zero}`);
}
