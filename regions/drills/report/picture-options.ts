import type { LegendComponentOption, TitleComponentOption } from 'echarts/components';
import type { DrillReport } from '../report.ts';
import { latencyStrips, rateStrips } from './answer-strips.ts';
import { lanesOf, zeroOf } from './moments.ts';
import { hasInjection, momentsStrip, rules } from './moments-strip.ts';
import { fontSize, ink, line, type PictureOption, soft, type Strip, type XAxis } from './strip.ts';

/** A strip in its place. */
interface Panel extends Strip {
  readonly top: number;
  readonly height: number;
}

const width = 1120;
const left = 118;
/** Room for the time of a mark at the end. */
const right = 76;
const laneHeight = 24;
const panelHeight = 58;
const panelGap = 18;
const headHeight = 38;

/** What is drawn, for the drawing library, and how large it becomes, in pixels. */
export function pictureOptions(report: DrillReport): {
  width: number;
  height: number;
  option: PictureOption;
} {
  const zeroMs = zeroOf(report);
  const axis = timeAxis(report, zeroMs);
  const titles: TitleComponentOption[] = [];
  const legends: LegendComponentOption[] = [];
  const panels: Panel[] = [];
  let top = 4;

  const lanes = lanesOf(report.timeline);
  if (lanes.length > 0) {
    const secondsPerPixel = (axis.max - axis.min) / (width - left - right);
    const room = {
      end: axis.max + right * secondsPerPixel,
      secondsPerCharacter: secondsPerPixel * fontSize * 0.56,
    };
    const height = lanes.length * laneHeight;
    panels.push({ ...momentsStrip(report.timeline, lanes, zeroMs, room), top, height });
    top += height + 10;
  }
  const groups = [rateStrips(report, zeroMs), latencyStrips(report, zeroMs)];
  for (const { title, legend, strips } of groups.filter((group) => group.strips.length > 0)) {
    titles.push({
      text: title,
      left: 0,
      top: top + 8,
      textStyle: { color: ink, fontSize: fontSize + 2 },
    });
    legends.push({
      data: legend,
      selectedMode: false,
      right,
      top: top + 8,
      itemWidth: 22,
      itemHeight: 10,
      textStyle: { color: soft, fontSize },
    });
    top += headHeight;
    for (const strip of strips) {
      panels.push({ ...strip, top, height: panelHeight });
      top += panelHeight + panelGap;
    }
  }
  const height = top + 34;
  return { width, height, option: assemble(panels, axis, titles, legends, report, zeroMs) };
}

interface TimeAxis {
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

/** From the first to the last that happened, in seconds since the zero, at whole steps. */
function timeAxis({ series, timeline }: DrillReport, zeroMs: number): TimeAxis {
  const seconds = series.flatMap(({ points }) => points.map((point) => point.second));
  const moments = timeline.map(({ atMs }) => atMs / 1000);
  const all = [0, ...seconds, ...seconds.map((second) => second + 1), ...moments];
  // Spreading a long list into Math.min would overflow the stack.
  const from = all.reduce((low, value) => Math.min(low, value), Infinity) - zeroMs / 1000;
  const to = all.reduce((high, value) => Math.max(high, value), -Infinity) - zeroMs / 1000;
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((each) => (to - from) / each <= 14) ?? 7200;
  const min = Math.floor(from / step) * step;
  return { min, max: Math.max(Math.ceil(to / step) * step, min + step), step };
}

function assemble(
  panels: readonly Panel[],
  axis: TimeAxis,
  title: TitleComponentOption[],
  legend: LegendComponentOption[],
  { timeline }: DrillReport,
  zeroMs: number,
): PictureOption {
  const xAxis = panels.map((_panel, index): XAxis => {
    const isLast = index === panels.length - 1;
    return {
      type: 'value',
      gridIndex: index,
      min: axis.min,
      max: axis.max,
      interval: axis.step,
      // Bars must not widen the axis: all strips have the same one.
      containShape: false,
      splitLine: { show: true, lineStyle: { color: line, opacity: 0.5 } },
      axisLine: { show: true, onZero: false, lineStyle: { color: soft } },
      axisTick: { show: isLast, lineStyle: { color: soft } },
      axisLabel: { show: isLast, color: soft, fontSize },
      ...(isLast
        ? {
            name: hasInjection(timeline)
              ? 'seconds since the injection'
              : 'seconds since the start',
            nameLocation: 'middle' as const,
            nameGap: 24,
            nameTextStyle: { color: soft, fontSize },
          }
        : {}),
    };
  });
  return {
    animation: false,
    color: [ink],
    title,
    legend,
    grid: panels.map(({ top, height }) => ({ top, height, left, right, containLabel: false })),
    xAxis,
    yAxis: panels.map((panel, index) => ({ ...panel.yAxis, gridIndex: index })),
    series: panels.flatMap((panel, index) => [
      rules(timeline, zeroMs, index),
      ...panel.series.map((series) => ({
        z: 3,
        ...series,
        xAxisIndex: index,
        yAxisIndex: index,
        silent: true,
      })),
    ]),
  };
}
