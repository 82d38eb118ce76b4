import type { CustomSeriesOption, LineSeriesOption } from 'echarts/charts';
import { drawSvg } from '../../../regions/report/draw.ts';
import type { Html } from '../../../regions/report/html.ts';
import { latencyStrips } from '../../../regions/drills/report/latency-strips.ts';
import {
  layOut,
  secondsPerCharacter,
  secondsPerPixel,
  type TimeAxis,
  timeAxis,
} from '../../../regions/report/picture.ts';
import {
  fontSize,
  type Group,
  laneAxis,
  regionAxis,
  scaleText,
  type Strip,
} from '../../../regions/report/strip.ts';
import { countOf, countText } from '../../../regions/report/quantities.ts';
import type { RunHistory } from '../history/read-history.ts';
import { endOf } from './judged-run.ts';
import { type Bin, ratesOf, type RouterRates } from './rates.ts';
import { type LaneSpan, spansOf } from './spans.ts';

/** The run over time as SVG: its phases, leaders and faults, then the answers of each router. */
export function timelinePicture(history: RunHistory): { svg: Html; binSeconds: number } {
  const axis = timeAxis(0, endOf(history) / 1e9, 'seconds since the run began');
  const spans = spansOf(history);
  const { binSeconds, routers } = ratesOf(history);
  const ofKind = (...kinds: readonly LaneSpan['kind'][]) =>
    spans.filter(({ kind }) => kinds.includes(kind));
  const faults = ofKind('fault');
  const layout = layOut({
    axis,
    lanes: [lanesOf(ofKind('phase', 'leader'), axis), lanesOf(faults, axis)],
    groups: [
      rateStrips(routers),
      latencyStrips(routers.map(({ router, bins }) => ({ name: router, points: bins }))),
    ],
    behind: (panel) => shades(faults, panel),
  });
  const svg = drawSvg(layout, 'Timeline of the run', description(history, routers));
  return { svg, binSeconds };
}

const LANE_NAME_MAX = 17;
const BAR_HEIGHT = 16;
const fills = { phase: 'var(--line)', leader: 'var(--led)', fault: 'var(--bad)' } as const;
const inks = { phase: 'var(--ink)', leader: 'var(--ink)', fault: 'var(--paper)' } as const;

/** Bars, one lane for each subject. */
function lanesOf(spans: readonly LaneSpan[], axis: TimeAxis): { strip: Strip; count: number } {
  const lanes = [...new Set(spans.map(({ lane }) => lane))];
  const shownLanes = lanes.map(laneName);
  const wide = secondsPerPixel(axis);
  const series: CustomSeriesOption = {
    type: 'custom',
    // The library only gets the place of a bar; the rest is looked up.
    data: spans.map(({ lane, from }) => [from, lanes.indexOf(lane)]),
    encode: { x: 0, y: 1 },
    clip: false,
    renderItem: ({ dataIndex }, api) => {
      const span = spans[dataIndex];
      if (span === undefined) return;
      const [x = 0, y = 0] = api.coord([span.from, lanes.indexOf(span.lane)]);
      // A short span must still be visible.
      const width = Math.max(2, (span.to - span.from) / wide - 1);
      const fits = (span.label.length + 1) * secondsPerCharacter(axis) <= span.to - span.from;
      return {
        type: 'group',
        children: [
          {
            type: 'rect',
            shape: { x, y: y - BAR_HEIGHT / 2, width, height: BAR_HEIGHT },
            style: { fill: fills[span.kind] },
          },
          ...(fits
            ? [
                {
                  type: 'text' as const,
                  style: {
                    text: span.label,
                    x: x + 4,
                    y,
                    fill: inks[span.kind],
                    fontSize,
                    verticalAlign: 'middle' as const,
                  },
                },
              ]
            : []),
        ],
      };
    },
  };
  return { strip: { yAxis: laneAxis(shownLanes), series: [series] }, count: lanes.length };
}

/** The end of a long name is more distinctive than its beginning; the table below has all of it. */
function laneName(name: string): string {
  return name.length <= LANE_NAME_MAX ? name : `…${name.slice(1 - LANE_NAME_MAX)}`;
}

const rateNames = { ok: 'answered', fail: 'not applied', info: 'unknown' } as const;
const rateFills = { ok: 'var(--answered)', fail: 'var(--bad)', info: 'var(--ink)' } as const;

/** Calls per second through each router, stacked by outcome. */
function rateStrips(routers: readonly RouterRates[]): Group {
  const highest = routers
    .flatMap(({ bins }) => bins.map(({ ok, fail, info }) => ok + fail + info))
    .reduce((high, value) => Math.max(high, value), 1);
  const top = Math.ceil(highest);
  const area = ({ router, bins }: RouterRates, of: keyof typeof rateNames): LineSeriesOption => ({
    name: rateNames[of],
    type: 'line',
    step: 'middle',
    stack: router,
    symbol: 'none',
    lineStyle: { width: 0, color: rateFills[of] },
    areaStyle: { color: rateFills[of], opacity: 1 },
    itemStyle: { color: rateFills[of] },
    data: bins.map((bin: Bin) => [bin.at, bin[of]]),
  });
  return {
    title: 'Calls per second',
    legend: Object.values(rateNames).map((name) => ({ name, icon: 'rect' })),
    strips: routers.map((each) => ({
      yAxis: {
        ...regionAxis(each.router),
        type: 'value',
        min: 0,
        max: top,
        interval: top,
        axisLabel: scaleText,
      },
      series: [area(each, 'ok'), area(each, 'fail'), area(each, 'info')],
    })),
  };
}

/** Shades all strips during faults, darker where several overlap. */
function shades(faults: readonly LaneSpan[], panel: number): LineSeriesOption {
  const times = new Map(faults.map(({ from, to }) => [`${from} ${to}`, { from, to }]));
  return {
    type: 'line',
    xAxisIndex: panel,
    yAxisIndex: panel,
    silent: true,
    data: [],
    z: 1,
    markArea: {
      silent: true,
      itemStyle: { color: 'var(--shade)' },
      data: [...times.values()].map(({ from, to }) => [{ xAxis: from }, { xAxis: to }]),
    },
  };
}

/** Description of the picture for screen readers. */
function description({ faults, epochs }: RunHistory, routers: readonly RouterRates[]): string {
  const ofRouters = routers.map(({ router, bins }) => {
    const highest = bins.reduce((high, { ok }) => Math.max(high, ok), 0);
    const silent = bins.filter(({ ok }) => ok === 0).length;
    return `${router}: up to ${countText(highest)} answers per second, none in ${silent} of ${bins.length} intervals.`;
  });
  return [
    'Steps of the run, leaders of the books and faults by what they hit, then calls per second and latency of each router over time.',
    `${countOf(faults.length, 'fault')}, ${countOf(epochs.length, 'epoch')}.`,
    ...ofRouters,
    'Faults and epochs are in the tables below.',
  ].join(' ');
}
