import type { BarSeriesOption, LineSeriesOption, ScatterSeriesOption } from 'echarts/charts';
import type {
  GridComponentOption,
  LegendComponentOption,
  TitleComponentOption,
} from 'echarts/components';
import type { ComposeOption } from 'echarts/core';

/** What the drawing library takes for a picture. */
export type PictureOption = ComposeOption<
  | BarSeriesOption
  | LineSeriesOption
  | ScatterSeriesOption
  | GridComponentOption
  | LegendComponentOption
  | TitleComponentOption
>;
type List<T> = T extends readonly (infer Each)[] ? Each : T;
export type XAxis = List<NonNullable<PictureOption['xAxis']>>;
type YAxis = List<NonNullable<PictureOption['yAxis']>>;
type Series = List<NonNullable<PictureOption['series']>>;

/** One strip of the picture; all have the same axis of seconds. */
export interface Strip {
  readonly yAxis: YAxis;
  readonly series: readonly Series[];
}

/** Strips below each other that show the same of each region. */
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
