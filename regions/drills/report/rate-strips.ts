import type { BarSeriesOption } from 'echarts/charts';
import type { DrillReport, RegionSeries } from '../report.ts';
import { type Group, regionAxis, scaleText } from '../../report/strip.ts';

const names = { acknowledged: 'acknowledged', errors: 'faults' } as const;

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
    data: points.map((point) => [
      point.second + 0.5 - zeroMs / 1000,
      point[of] === 0 ? '-' : point[of],
    ]),
  });
  return {
    title: 'Answers per second',
    legend: [names.acknowledged, names.errors],
    strips: series.map((each) => ({
      yAxis: {
        ...regionAxis(each.region),
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
