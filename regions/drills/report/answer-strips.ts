import type { BarSeriesOption, LineSeriesOption } from 'echarts/charts';
import type { DrillReport, RegionSeries, SeriesPoint } from '../report.ts';
import { fontSize, type Group, ink, line, soft } from './strip.ts';

const names = {
  acknowledged: 'acknowledged',
  errors: 'faults',
  p50: 'half of the answers within (p50)',
  p99: '99 of 100 answers within (p99)',
} as const;

const centre = (point: SeriesPoint, zeroMs: number) => point.second + 0.5 - zeroMs / 1000;

/** How many answers each region got in each second, and how many of them were faults. */
export function rateStrips({ series }: DrillReport, zeroMs: number): Group {
  const highest = series
    .flatMap(({ points }) => points.map((point) => point.acknowledged + point.errors))
    .reduce((high, value) => Math.max(high, value), 1);
  const bars = (
    { region, points }: RegionSeries,
    of: 'acknowledged' | 'errors',
  ): BarSeriesOption => ({
    name: names[of],
    type: 'bar',
    stack: region,
    barCategoryGap: '12%',
    itemStyle: { color: of === 'errors' ? 'var(--bad)' : 'var(--answered)' },
    data: points.map((point) => [centre(point, zeroMs), point[of] === 0 ? '-' : point[of]]),
  });
  return {
    title: 'Answers per second',
    legend: [names.acknowledged, names.errors],
    strips: series.map((each) => ({
      yAxis: {
        ...axisOf(each.region),
        type: 'value',
        min: 0,
        max: highest,
        interval: highest,
        axisLabel: scaleText,
      },
      series: [bars(each, 'acknowledged'), bars(each, 'errors')],
    })),
  };
}

/** How long they took, on one logarithmic scale for all regions. */
export function latencyStrips({ series }: DrillReport, zeroMs: number): Group {
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
  const curve = (points: readonly SeriesPoint[], of: 'p50' | 'p99'): LineSeriesOption => ({
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
        value: [centre(point, zeroMs), ms === null ? '-' : Math.max(ms, low)],
        // Between two gaps there is no line, so the point itself must be seen.
        symbol: alone ? 'circle' : 'none',
      };
    }),
  });
  return {
    title: 'Latency (each step is ten times)',
    // Curves have no dots, so the legend has none.
    legend: [names.p50, names.p99].map((name) => ({ name, itemStyle: { opacity: 0 } })),
    strips: series.map(({ region, points }) => ({
      yAxis: {
        ...axisOf(region),
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

/** What the scales of a region's strips have in common. */
function axisOf(region: string) {
  return {
    name: region,
    nameLocation: 'middle' as const,
    nameRotate: 0,
    nameGap: 52,
    nameTextStyle: { color: ink, fontSize, align: 'right' as const },
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { show: true, lineStyle: { color: line } },
  };
}

const scaleText = { color: soft, fontSize: fontSize - 2 };
