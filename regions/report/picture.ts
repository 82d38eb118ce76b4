import type { LegendComponentOption, TitleComponentOption } from 'echarts/components';
import {
  fontSize,
  type Group,
  ink,
  line,
  type PictureOption,
  type Series,
  soft,
  type Strip,
  type XAxis,
} from './strip.ts';

/** The layout of a picture: strips below each other, above one axis of seconds. */

/** The options of the drawing library, and the size in pixels. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly option: PictureOption;
}

/** Seconds, at whole steps. */
export interface TimeAxis {
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** The text below it. */
  readonly name: string;
}

export interface Content {
  readonly axis: TimeAxis;
  /** Strips of lanes, above all else. */
  readonly lanes: readonly { readonly strip: Strip; readonly count: number }[];
  readonly groups: readonly Group[];
  /** Drawn through a strip behind everything else, such as vertical lines. */
  readonly behind: (panel: number) => Series;
}

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

/** An axis from one moment to another, in seconds. */
export function timeAxis(from: number, to: number, name: string): TimeAxis {
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((each) => (to - from) / each <= 14) ?? 7200;
  const min = Math.floor(from / step) * step;
  return { min, max: Math.max(Math.ceil(to / step) * step, min + step), step, name };
}

/** Seconds per pixel of the strips. */
export function secondsPerPixel({ min, max }: TimeAxis): number {
  return (max - min) / (width - left - right);
}

/** Limit for the end of texts that begin in a strip, in seconds. */
export function endOfRoom(axis: TimeAxis): number {
  return axis.max + right * secondsPerPixel(axis);
}

/** Width of a character in seconds. */
export function secondsPerCharacter(axis: TimeAxis): number {
  return secondsPerPixel(axis) * fontSize * 0.56;
}

export function layOut({ axis, lanes, groups, behind }: Content): Picture {
  const titles: TitleComponentOption[] = [];
  const legends: LegendComponentOption[] = [];
  const panels: Panel[] = [];
  let top = 4;
  for (const { strip, count } of lanes.filter((each) => each.count > 0)) {
    panels.push({ ...strip, top, height: count * laneHeight });
    top += count * laneHeight + 10;
  }
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
  return {
    width,
    height: top + 34,
    option: {
      animation: false,
      color: [ink],
      title: titles,
      legend: legends,
      grid: panels.map((panel) => ({ ...place(panel), left, right, containLabel: false })),
      xAxis: panels.map((_panel, index) => xAxisOf(axis, index, index === panels.length - 1)),
      yAxis: panels.map((panel, index) => ({ ...panel.yAxis, gridIndex: index })),
      series: panels.flatMap((panel, index) => [
        behind(index),
        ...panel.series.map((series) => ({
          z: 3,
          ...series,
          xAxisIndex: index,
          yAxisIndex: index,
          silent: true,
        })),
      ]),
    },
  };
}

const place = ({ top, height }: Panel) => ({ top, height });

function xAxisOf({ min, max, step, name }: TimeAxis, index: number, isLast: boolean): XAxis {
  return {
    type: 'value',
    gridIndex: index,
    min,
    max,
    interval: step,
    // Bars must not widen the axis: all strips have the same one.
    containShape: false,
    splitLine: { show: true, lineStyle: { color: line, opacity: 0.5 } },
    axisLine: { show: true, onZero: false, lineStyle: { color: soft } },
    axisTick: { show: isLast, lineStyle: { color: soft } },
    axisLabel: { show: isLast, color: soft, fontSize },
    ...(isLast
      ? {
          name,
          nameLocation: 'middle' as const,
          nameGap: 24,
          nameTextStyle: { color: soft, fontSize },
        }
      : {}),
  };
}
