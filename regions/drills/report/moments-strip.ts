import type { LineSeriesOption, ScatterSeriesOption } from 'echarts/charts';
import type { MarkKind, TimelineMark } from '../report.ts';
import { kindNames, momentsOf, type Room } from './moments.ts';
import { fontSize, ink, laneAxis, soft, type Strip } from '../../report/strip.ts';

/** They differ in form and in colour. */
const looks: Readonly<Record<MarkKind, { symbol: string; size: number; color: string }>> = {
  injected: { symbol: 'triangle', size: 12, color: 'var(--bad)' },
  detected: { symbol: 'diamond', size: 12, color: ink },
  fenced: { symbol: 'rect', size: 9, color: ink },
  promoted: { symbol: 'path://M0 0L8 5L0 10Z', size: 11, color: ink },
  'first-good-write': { symbol: 'circle', size: 11, color: 'var(--good)' },
  healed: { symbol: 'path://M4 0H8V4H12V8H8V12H4V8H0V4H4Z', size: 12, color: 'var(--good)' },
  other: { symbol: 'circle', size: 6, color: soft },
};

/** The moments, a lane for each kind. */
export function momentsStrip(
  timeline: readonly TimelineMark[],
  lanes: readonly MarkKind[],
  zeroMs: number,
  room: Room,
): Strip {
  const series = lanes.map((kind): ScatterSeriesOption => {
    const moments = momentsOf(timeline, kind, zeroMs, room);
    const { symbol, size, color } = looks[kind];
    return {
      type: 'scatter',
      symbol,
      symbolSize: size,
      itemStyle: { color, opacity: 1 },
      data: moments.flatMap(({ at, label, side }) =>
        at.map((seconds, index) => ({
          value: [seconds, kindNames[kind]],
          label: {
            show: index === (side === 'left' ? 0 : at.length - 1),
            position: side,
            // A function, because braces in a text would be interpreted as a template.
            formatter: () => label,
          },
        })),
      ),
      label: {
        color: ink,
        fontSize,
        distance: 7,
        // The vertical lines of other marks pass behind the text.
        textBorderColor: 'var(--paper)',
        textBorderWidth: 4,
      },
      clip: false,
      z: 10,
    };
  });
  return { yAxis: laneAxis(lanes.map((kind) => kindNames[kind])), series };
}

/** Without one, times count from the start. */
export const hasInjection = (timeline: readonly TimelineMark[]) =>
  timeline.some(({ kind }) => kind === 'injected');

/** The vertical lines of the moments, and the shade from the injection to the healing. */
export function rules(
  timeline: readonly TimelineMark[],
  zeroMs: number,
  panel: number,
): LineSeriesOption {
  const seconds = (mark: TimelineMark) => (mark.atMs - zeroMs) / 1000;
  const healed = timeline.findLast(({ kind }) => kind === 'healed');
  return {
    type: 'line',
    xAxisIndex: panel,
    yAxisIndex: panel,
    silent: true,
    data: [],
    z: 1,
    markLine: {
      silent: true,
      symbol: 'none',
      label: { show: false },
      data: timeline
        .filter(({ kind }) => kind !== 'other')
        .map((mark) => {
          const bold = looks[mark.kind].color !== ink;
          return {
            xAxis: seconds(mark),
            lineStyle: {
              color: bold ? looks[mark.kind].color : soft,
              width: bold ? 1.5 : 1,
              type: mark.kind === 'injected' ? 'solid' : [3, 3],
            },
          };
        }),
    },
    ...(hasInjection(timeline) && healed !== undefined
      ? {
          markArea: {
            silent: true,
            itemStyle: { color: 'var(--shade)' },
            data: [[{ xAxis: 0 }, { xAxis: seconds(healed) }]],
          },
        }
      : {}),
  };
}
