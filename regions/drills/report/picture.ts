import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
} from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { DrillReport } from '../report.ts';
import { Html, escapeHtml } from './html.ts';
import { pictureOptions } from './picture-options.ts';

use([BarChart, LineChart, ScatterChart]);
use([GridComponent, LegendComponent, TitleComponent, MarkAreaComponent, MarkLineComponent]);
use([SVGRenderer]);

/**
 * The timeline as SVG: the moments, then the rate and the latency of each region, all above one
 * axis of seconds. It is drawn here, without a browser. `description` is read out instead of it.
 */
export function picture(report: DrillReport, description: string): Html {
  const { width, height, option } = pictureOptions(report);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option);
    const svg = chart.renderToSVGString({ useViewBox: true });
    const named =
      '<svg role="img" aria-labelledby="picture-title picture-description" ' +
      'preserveAspectRatio="xMidYMin meet" ';
    const title =
      '<title id="picture-title">Timeline of the drill</title>' +
      `<desc id="picture-description">${escapeHtml(description)}</desc>`;
    return new Html(
      svg.replace('<svg ', named).replace(/^<svg[^>]*>/u, (open) => `${open}\n${title}`),
    );
  } finally {
    chart.dispose();
  }
}
