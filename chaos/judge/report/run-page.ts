import { facts, list, resultMark, section, table } from '../../../regions/report/elements.ts';
import { Html, html, nothing } from '../../../regions/report/html.ts';
import { countOf, countText, timeText } from '../../../regions/report/quantities.ts';
import { documentText } from '../../../regions/report/document.ts';
import type { Verdict } from '../checkers/verdict.ts';
import { type JudgedRun, replayCommand, sentenceOf, verdictOf } from './judged-run.ts';
import { nemesisTable, type NemesisTable, type FaultCounts } from './nemesis-table.ts';
import { NEMESIS_NOTE } from './nemesis-text.ts';
import { pageStyle } from './page-style.ts';
import { timeline } from './page-timeline.ts';
import { violations } from './page-violations.ts';
import { fieldsText } from './plain-words.ts';
import { lengthText, optionTexts, summary } from './summary.ts';

/**
 * The report of a run as one self-contained HTML page: no script, no network. All texts are
 * escaped, and data that grows with the load is shown as sums, so that any run fits.
 */
export function renderPage(run: JudgedRun): string {
  const { history, notRun, missing, logs, endedAt } = run;
  const { header } = history;
  const verdict = verdictOf(run);
  const nemeses = nemesisTable(run);
  return documentText({
    title: `Chaos, seed ${header.seed}: ${verdict}`,
    heading: `Chaos, seed ${header.seed}`,
    under: `${timeText(header.startedAt)} to ${timeText(endedAt)}, ${lengthText(run)}`,
    style: pageStyle,
    main: html`
      ${verdictBox(run)} ${figures(run, nemeses)} ${timeline(history)} ${invariantTable(run)}
      ${violations(run)} ${nemesisSection(nemeses)} ${section('Not read at the end', list(missing))}
      ${section(
        'Not run here',
        table(
          ['nemesis', 'name', 'why'],
          notRun.map(({ place, name, why }) => [place, name, why]),
        ),
      )}
      ${again(run)} ${section('Files', list(logs.map((file) => html`<code>${file}</code>`)))}
    `,
  });
}

const signs = { pass: '✓', fail: '✗', unknown: '?' } as const;

function verdictBox(run: JudgedRun): Html {
  const verdict = verdictOf(run);
  const text = summary(run);
  const wrong = [...run.verdicts].filter(([, { state }]) => state !== 'pass');
  const points = wrong.map(
    ([name, one]) => html`<b>${name}</b> ${sentenceOf(name)}: ${found(one)}`,
  );
  return html`<div class="verdict ${verdict}" role="status">
    <strong>${signs[verdict]} ${text.charAt(0).toUpperCase()}${text.slice(1)}.</strong>
    ${list(points)}
  </div> `;
}

/** The finding of a checker, in a few words. */
function found(verdict: Verdict): string {
  if (verdict.state === 'fail') return countOf(verdict.total, 'violation');
  if (verdict.state === 'unknown') return verdict.why.join('; ');
  return verdict.checked === 0 ? 'nothing to check' : `${countText(verdict.checked)} checked`;
}

function figures({ history }: JudgedRun, { rows, total }: NemesisTable): Html {
  const { operations, unknown, violations: wrong } = total;
  const tiles = [
    { name: 'Operations', value: operations, tone: '' },
    { name: 'Unknown outcomes at first', value: unknown, tone: '' },
    { name: 'Faults', value: history.faults.length, tone: '', of: countOf(rows.length, 'kind') },
    { name: 'Epochs begun', value: history.epochs.length, tone: '' },
    { name: 'Violations', value: wrong, tone: wrong > 0 ? 'fail' : '' },
  ];
  return html`<dl class="figures">
    ${tiles.map(
      ({ name, value, tone, of = '' }) =>
        html`<div class="figure">
          <dt>${name}</dt>
          <dd class="value ${tone}">${countText(value)}</dd>
          <dd class="small soft">${of}</dd>
        </div> `,
    )}
  </dl>`;
}

function invariantTable({ verdicts }: JudgedRun): Html {
  return section(
    'Invariants',
    table(
      ['', 'what must hold', 'verdict', 'what the checker found'],
      [...verdicts].map(([name, verdict]) => [
        name,
        sentenceOf(name),
        resultMark(verdict.state),
        found(verdict),
      ]),
    ),
  );
}

const number = (title: string) => ({ title, number: true }) as const;

const cells = ({ operations, unknown, violations: wrong }: FaultCounts) =>
  [operations, unknown, wrong].map(countText);

function nemesisSection({ rows, none, total }: NemesisTable): Html {
  const times = rows.reduce((sum, row) => sum + row.times, 0);
  return section(
    'Nemeses',
    table(
      ['nemesis', number('times'), number('operations'), number('unknown'), number('violations')],
      [
        ...rows.map((row) => [row.what, countText(row.times), ...cells(row)]),
        ['no fault', '', ...cells(none)],
        [html`<b>all</b>`, countText(times), ...cells(total)],
      ],
    ),
    html`<p class="small soft">${NEMESIS_NOTE}</p>`,
  );
}

function again({ history }: JudgedRun): Html {
  const { commit, versions } = history.header;
  const options = optionTexts(history);
  return section(
    'How to run it again',
    html`<pre><code>${replayCommand(history)}</code></pre>`,
    facts([
      ['commit', html`<code>${commit === '' ? 'not known' : commit}</code>`],
      ['versions', fieldsText(versions)],
    ]),
    options.length === 0 ? nothing : html`<h3>Options, including those drawn from the seed</h3>`,
    options.length === 0 ? nothing : facts(options),
  );
}
