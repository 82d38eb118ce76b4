import type { DrillReport } from '../report.ts';
import { facts, list, section } from '../../report/elements.ts';
import { Html, html } from '../../report/html.ts';
import { booksTable, collateralTable, timeline } from './outage.ts';
import { checksTable, proof } from './proof.ts';
import { timeText } from '../../report/quantities.ts';
import { documentText } from '../../report/document.ts';
import { figures, verdictBox } from './drill-summary.ts';

/**
 * The report of a drill as one self-contained HTML page: no script, no network. All
 * texts of the report are escaped.
 */
export function renderReport(report: DrillReport): string {
  return documentText({
    title: `${report.scenario}: ${report.verdict} (${report.id})`,
    heading: `Drill: ${report.scenario}`,
    under: `${timeText(report.startedAt)} to ${timeText(report.endedAt)}, by ${report.operator}: ${report.why}`,
    main: html`
      ${verdictBox(report)}
      <p>${report.breaks} <span class="soft">The hypothesis:</span> ${report.hypothesis}</p>
      ${figures(report)} ${timeline(report)} ${booksTable(report)} ${collateralTable(report)}
      ${checksTable(report)} ${proof(report)}
      ${section('What was not tested', list(report.notTested))}
      ${section('The plan', list(report.steps, true), abortRule(report))} ${again(report)}
    `,
  });
}

function abortRule({ abortConditions }: DrillReport): Html {
  return html`${abortConditions.length > 0 ? html`<p>It is aborted when:</p>` : ''}${list(abortConditions)}`;
}

function again(report: DrillReport): Html {
  return section(
    'How to run it again',
    html`<pre><code>npx meridian drill run ${report.scenario}${optionsText(report.config)}</code></pre>
      <p class="small soft">
        With <code>--start</code> it makes an installation of its own for the drill, and removes it
        afterwards.
      </p>`,
    facts([
      ['settings', settingsText(report.config)],
      ['commit', html`<code>${report.commit === '' ? 'not known' : report.commit}</code>`],
      ['versions', settingsText(report.versions)],
      ['drill', html`<code>${report.id}</code>`],
    ]),
    report.logs.length > 0 ? html`<p>Files with the details:</p>` : html``,
    list(report.logs.map((file) => html`<code>${file}</code>`)),
  );
}

function settingsText(record: Readonly<Record<string, string>>): string {
  return Object.entries(record)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** Settings that are command options with the same name. */
const optionNames = ['region', 'rate', 'seconds'];

function optionsText(config: DrillReport['config']): string {
  return optionNames
    .map((name) => [name, config[name] ?? ''] as const)
    .filter(([, value]) => /^[\w-]+$/u.test(value))
    .map(([name, value]) => ` --${name} ${value}`)
    .join('');
}
