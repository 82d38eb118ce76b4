import type {
  BarSeriesOption,
  CustomSeriesOption,
  LineSeriesOption,
  ScatterSeriesOption,
} from 'echarts/charts';
import type {
  GridComponentOption,
  LegendComponentOption,
  TitleComponentOption,
} from 'echarts/components';
import type { ComposeOption } from 'echarts/core';

/** The input of the drawing library for a picture. */
export type PictureOption = ComposeOption<
  | BarSeriesOption
  | CustomSeriesOption
  | LineSeriesOption
  | ScatterSeriesOption
  | GridComponentOption
  | LegendComponentOption
  | TitleComponentOption
>;
type List<T> = T extends readonly (infer Each)[] ? Each : T;
export type XAxis = List<NonNullable<PictureOption['xAxis']>>;
type YAxis = List<NonNullable<PictureOption['yAxis']>>;
export type Series = List<NonNullable<PictureOption['series']>>;

/** One strip of the picture; all have the same axis of seconds. */
export interface Strip {
  readonly yAxis: YAxis;
  readonly series: readonly Series[];
}

/** Stacked strips that show the same quantity of each region. */
export interface Group {
  readonly title: string;
  readonly legend: NonNullable<LegendComponentOption['data']>;
  readonly strips: readonly Strip[];
}

export const fontSize = 12;

/** Colours are the page's, so that they follow its light, dark and printed forms. */
export const ink = 'var(--ink)';
export const soft = 'var(--soft)';
export const line = 'var(--line)';

/** The common options of the scales of a region's strips. */
export function regionAxis(region: string) {
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

export const scaleText = { color: soft, fontSize: fontSize - 2 };

/** The common options of the axes of lanes. */
export function laneAxis(names: readonly string[]) {
  return {
    type: 'category' as const,
    data: [...names],
    inverse: true,
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: ink, fontSize },
    splitLine: { show: true, lineStyle: { color: line, opacity: 0.5 } },
  };
}
