import type { DrillReport } from '../report.ts';
import { drawSvg } from '../../report/draw.ts';
import type { Html } from '../../report/html.ts';
import { pictureOptions } from './picture-options.ts';

/**
 * The timeline as SVG: the moments, then the rate and the latency of each region, all above one
 * axis of seconds. `description` is read out instead of it.
 */
export function picture(report: DrillReport, description: string): Html {
  return drawSvg(pictureOptions(report), 'Timeline of the drill', description);
}
