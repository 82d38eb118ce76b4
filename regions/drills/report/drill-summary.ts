import type { CallSet, DrillReport } from '../report.ts';
import { list } from '../../report/elements.ts';
import { Html, html, nothing } from '../../report/html.ts';
import { countOf, countText, durationText, minorText } from '../../report/quantities.ts';

/** What a reader must know first: the verdict, and the figures behind it. */

const signs = { pass: '✓', fail: '✗', aborted: '!' } as const;

/** The verdict as text. */
export function verdictBox(report: DrillReport): Html {
  return html`<div class="verdict ${report.verdict}" role="status">
    <strong>${signs[report.verdict]} ${headline(report)}</strong>
    ${explanation(report)}
  </div> `;
}

/** The page in one sentence. */
export function headline({ verdict, checks }: DrillReport): string {
  if (verdict === 'aborted') return 'Aborted: this drill proves nothing.';
  if (verdict === 'pass') return 'Passed: everything held that this drill checks.';
  const [failed, notMade] = [count(checks, 'fail'), count(checks, 'unknown')];
  if (failed === 0) return `Failed: ${countOf(notMade, 'check')} could not be made.`;
  const rest = notMade > 0 ? `, and ${countText(notMade)} could not be made` : '';
  return `Failed: ${countText(failed)} of ${countOf(checks.length, 'check')} did not hold${rest}.`;
}

function explanation(report: DrillReport): Html {
  if (report.verdict === 'aborted') return html`<p>${report.aborted}</p>`;
  const wrong = report.checks.filter(({ result }) => result !== 'pass');
  const points = wrong.map(
    ({ name, limit, measured }) => html`<b>${name}</b>: ${measured}, must be ${limit}`,
  );
  return html`${list(points)}
    <p>${lossSentence(report)}</p>`;
}

/** What became of the acknowledged transfers, only as far as the evidence shows. */
export function lossSentence({ evidence }: DrillReport): string {
  if (evidence === null) return 'Nothing was read back, so it is not known what was lost.';
  const of = `${countText(evidence.acknowledged)} acknowledged transfers`;
  const { count: missing, amountMinor } = evidence.missing;
  const amount = `${minorText(amountMinor)} minor units`;
  if (missing > 0) return `Of ${of}, ${countText(missing)} are missing, together ${amount}.`;
  return evidence.complete
    ? `Of ${of}, none is missing: all of them are in the journals.`
    : `Of ${of}, none was found missing, but not everything could be read.`;
}

const count = (checks: DrillReport['checks'], result: string) =>
  checks.filter((check) => check.result === result).length;

interface Figure {
  readonly name: string;
  readonly value: string;
  readonly text: string;
  readonly tone: 'pass' | 'fail' | 'unknown' | '';
}

/** The figures at the head of the page; none for an aborted drill without them. */
export function figures(report: DrillReport): Html {
  const shown = [lost(report), rto(report), twice(report), unknown(report), collateral(report)];
  const tiles = shown
    .filter((figure) => figure !== undefined)
    .map(
      ({ name, value, text, tone }) =>
        html`<div class="figure">
          <dt>${name}</dt>
          <dd class="value ${tone}">${value}</dd>
          <dd class="small soft">${text}</dd>
        </div> `,
    );
  return tiles.length === 0 ? nothing : html`<dl class="figures">${tiles}</dl>`;
}

/** A count of zero is good only if everything could be read. */
function toneOf({ count: found }: CallSet, complete: boolean): Figure['tone'] {
  if (found > 0) return 'fail';
  return complete ? 'pass' : 'unknown';
}

const ofSet = ({ count: found, amountMinor }: CallSet, complete: boolean) =>
  `${minorText(amountMinor)} minor units${found === 0 && !complete ? '; not all was read' : ''}`;

function lost({ evidence }: DrillReport): Figure | undefined {
  if (evidence === null) return undefined;
  const { missing, acknowledged, complete } = evidence;
  return {
    name: 'Acknowledged and missing (RPO)',
    value: countText(missing.count),
    text: `of ${countText(acknowledged)}; ${ofSet(missing, complete)}`,
    tone: toneOf(missing, complete),
  };
}

function rto({ books }: DrillReport): Figure | undefined {
  const affected = books.filter((book) => book.affected);
  if (affected.length === 0) return undefined;
  const never = affected.find(({ rtoMs }) => rtoMs === null);
  const slowest = never ?? affected.reduce((a, b) => ((a.rtoMs ?? 0) >= (b.rtoMs ?? 0) ? a : b));
  return {
    name: 'Writable again after (RTO)',
    value: never ? 'not at all' : durationText(slowest.rtoMs),
    text: `${slowest.name}${affected.length > 1 ? `, the slowest of ${affected.length} books` : ''}`,
    tone: '',
  };
}

function twice({ evidence }: DrillReport): Figure | undefined {
  if (evidence === null) return undefined;
  const { duplicates, complete } = evidence;
  return {
    name: 'Posted twice',
    value: countText(duplicates.count),
    text: ofSet(duplicates, complete),
    tone: toneOf(duplicates, complete),
  };
}

function unknown({ evidence }: DrillReport): Figure | undefined {
  if (evidence === null) return undefined;
  const { unknownBefore, unknownAfter, unknownWereApplied, unknownWereNot } = evidence;
  return {
    name: 'Unknown outcomes',
    value: `${countText(unknownBefore)} → ${countText(unknownAfter)}`,
    text: `before and after asking again: ${countText(unknownWereApplied)} had been applied, ${countText(unknownWereNot)} had not`,
    tone: unknownAfter > 0 ? 'fail' : 'pass',
  };
}

function collateral({ collateral: regions }: DrillReport): Figure | undefined {
  const [first, ...rest] = regions;
  if (first === undefined) return undefined;
  const worst = rest.reduce(
    (a, b) => ((b.longestPauseMs ?? Infinity) > (a.longestPauseMs ?? Infinity) ? b : a),
    first,
  );
  const errors = regions.reduce((sum, region) => sum + region.errors, 0);
  const calls = regions.reduce((sum, region) => sum + region.calls, 0);
  return {
    name: 'Longest pause elsewhere',
    value: worst.longestPauseMs === null ? 'not known' : durationText(worst.longestPauseMs),
    text: `${worst.region}; ${countOf(errors, 'fault')} in ${countOf(calls, 'call')} of healthy regions`,
    tone: '',
  };
}
