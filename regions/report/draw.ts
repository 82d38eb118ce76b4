import { BarChart, CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
} from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { Html, escapeHtml } from './html.ts';
import type { Picture } from './picture.ts';

use([BarChart, CustomChart, LineChart, ScatterChart]);
use([GridComponent, LegendComponent, TitleComponent, MarkAreaComponent, MarkLineComponent]);
use([SVGRenderer]);

/**
 * A picture as SVG, drawn without a browser. `description` is its text alternative. A page can
 * have only one, because the ids of its parts are fixed.
 */
export function drawSvg(
  { width, height, option }: Picture,
  title: string,
  description: string,
): Html {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option);
    const svg = chart.renderToSVGString({ useViewBox: true });
    const named =
      '<svg role="img" aria-labelledby="picture-title picture-description" ' +
      'preserveAspectRatio="xMidYMin meet" ';
    const texts =
      `<title id="picture-title">${escapeHtml(title)}</title>` +
      `<desc id="picture-description">${escapeHtml(description)}</desc>`;
    return new Html(
      svg.replace('<svg ', named).replace(/^<svg[^>]*>/u, (open) => `${open}\n${texts}`),
    );
  } finally {
    chart.dispose();
  }
}
