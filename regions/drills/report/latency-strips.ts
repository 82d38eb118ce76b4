import type { LineSeriesOption } from 'echarts/charts';
import { type Group, regionAxis, scaleText } from '../../report/strip.ts';

/** The latency of a region's answers over time. */
export interface Latencies {
  readonly name: string;
  readonly points: readonly {
    /** Seconds on the picture's axis. */
    readonly at: number;
    /** Null: nothing was answered. */
    readonly p50Ms: number | null;
    readonly p99Ms: number | null;
  }[];
}

const names = {
  p50: 'half of the answers within (p50)',
  p99: '99 of 100 answers within (p99)',
} as const;

/** Latencies, on one logarithmic scale for all regions. */
export function latencyStrips(series: readonly Latencies[]): Group {
  const all = series
    .flatMap(({ points }) => points.flatMap(({ p50Ms, p99Ms }) => [p50Ms, p99Ms]))
    .filter((ms) => ms !== null);
  if (all.length === 0) return { title: '', legend: [], strips: [] };
  const low =
    10 **
    Math.floor(
      Math.log10(
        Math.max(
          1,
          all.reduce((a, b) => Math.min(a, b)),
        ),
      ),
    );
  const high =
    10 **
    Math.ceil(
      Math.log10(
        Math.max(
          10 * low,
          all.reduce((a, b) => Math.max(a, b)),
        ),
      ),
    );
  const curve = (points: Latencies['points'], of: 'p50' | 'p99'): LineSeriesOption => ({
    name: names[of],
    type: 'line',
    lineStyle: {
      color: `var(--${of})`,
      width: of === 'p50' ? 2 : 1.5,
      type: of === 'p50' ? 'solid' : [4, 2],
    },
    itemStyle: { color: `var(--${of})` },
    symbol: 'none',
    symbolSize: 5,
    data: points.map((point, index) => {
      const ms = point[`${of}Ms`];
      const alone = [points[index - 1], points[index + 1]].every(
        (next) => next === undefined || next[`${of}Ms`] === null,
      );
      return {
        value: [point.at, ms === null ? '-' : Math.max(ms, low)],
        // Between two gaps there is no line, so the point itself must be seen.
        symbol: alone ? 'circle' : 'none',
      };
    }),
  });
  return {
    title: 'Latency (each step is ten times)',
    // Curves have no dots, so the legend has none.
    legend: [names.p50, names.p99].map((name) => ({ name, itemStyle: { opacity: 0 } })),
    strips: series.map(({ name, points }) => ({
      yAxis: {
        ...regionAxis(name),
        type: 'log',
        min: low,
        max: high,
        axisLabel: { ...scaleText, formatter: latencyText },
      },
      series: [curve(points, 'p99'), curve(points, 'p50')],
    })),
  };
}

const latencyText = (ms: number) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`);
