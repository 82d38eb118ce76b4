import type { CallSet, DrillReport, DrillEvidence } from '../report.ts';
import { facts, list, resultMark, section, table } from '../../report/elements.ts';
import { Html, html, nothing } from '../../report/html.ts';
import { zeroOf } from './moments.ts';
import {
  countOf,
  countText,
  durationText,
  minorText,
  offsetText,
} from '../../report/quantities.ts';

/** The evidence that was read back after the repair, and what it proves. */

const number = (title: string) => ({ title, number: true }) as const;

/** The conditions that had to hold. */
export function checksTable({ checks }: DrillReport): Html {
  return section(
    'Checks',
    table(
      ['check', number('must be'), number('measured'), 'result'],
      checks.map(({ name, limit, measured, result }) => [
        name,
        limit,
        measured,
        resultMark(result),
      ]),
    ),
  );
}

/** The evidence; the page states its absence as well. */
export function proof(report: DrillReport): Html {
  const { evidence } = report;
  if (evidence === null) {
    return section('Evidence', html`<p>Nothing was read back, so nothing is proven.</p>`);
  }
  return html`${calls(evidence)}${invariants(evidence)}${transit(evidence)}${copies(evidence)}${epochs(report, evidence)}`;
}

function calls(evidence: DrillEvidence): Html {
  const { healedAfterMs } = evidence;
  return section(
    'Evidence',
    evidence.complete
      ? html`<p>All journals and copies were read.</p>`
      : html`<p class="unknown"><b>Not everything could be read, so this is not a proof:</b></p>
          ${list(evidence.unread)}`,
    facts([
      ['calls of the load', countText(evidence.calls)],
      ['acknowledged', countText(evidence.acknowledged)],
      ['acknowledged and missing', callSetText(evidence.missing)],
      ['posted twice', callSetText(evidence.duplicates)],
      ['journal disagrees', callSetText(evidence.contradicted)],
      ['refused, yet applied', callSetText(evidence.falselyRefused)],
      ['applied, yet never sent', callSetText(evidence.phantoms)],
      ['acknowledged by a deposed leader', callSetText(evidence.deposed)],
      ['unknown to their callers', countText(evidence.unknownBefore)],
      ['unknown after asking again', countText(evidence.unknownAfter)],
      [
        'what they had been',
        `${countText(evidence.unknownWereApplied)} applied, ${countText(evidence.unknownWereNot)} not applied`,
      ],
      [
        'everything serves again',
        healedAfterMs === null
          ? 'not while the drill waited'
          : `${durationText(healedAfterMs)} after the healing`,
      ],
    ]),
  );
}

function invariants({ audit, invariants: meanings }: DrillEvidence): Html {
  const found = audit?.violations.map(({ invariant }) => invariant) ?? [];
  const rows = [...new Set([...Object.keys(meanings), ...found])].map((name) => {
    const violations = audit?.violations.filter(({ invariant }) => invariant === name) ?? [];
    const where = violations.map(
      ({ place, seq, text }) => html`<br />${place}${seq > 0 ? ` at seq ${seq}` : ''}: ${text}`,
    );
    const result = audit === null ? 'unknown' : violations.length > 0 ? 'fail' : 'pass';
    return [name, html`${meanings[name] ?? ''}${where}`, resultMark(result)];
  });
  const shown = audit?.violations.length ?? 0;
  const note =
    audit === null
      ? 'The audit could not be run.'
      : `${countOf(audit.rows, 'journal row')} of all books, from their first: ${countOf(audit.violationsTotal, 'violation')}${
          audit.violationsTotal > shown ? `, of which ${countText(shown)} are shown` : ''
        }.`;
  return section('Invariants', html`<p>${note}</p>`, table(['', 'invariant', 'result'], rows));
}

function transit({ inTransit }: DrillEvidence): Html {
  if (inTransit.length === 0) {
    return section('In transit after the healing', html`<p>Nothing.</p>`);
  }
  return section(
    'In transit after the healing',
    table(
      ['from', 'to', 'asset', number('transfers'), number('amount in minor units')],
      inTransit.map(({ from, to, asset, transfers, amountMinor }) => [
        from,
        to,
        asset,
        countText(transfers),
        minorText(amountMinor),
      ]),
    ),
  );
}

const copyResults = { prefix: 'pass', differs: 'fail', unread: 'unknown' } as const;
const copyTexts = {
  prefix: 'the same as its primary, up to its own position',
  differs: 'differs from its primary',
  unread: 'could not be read',
} as const;

function copies({ copies: all }: DrillEvidence): Html {
  return section(
    'Copies of the books',
    table(
      ['book', 'in', 'role', number('seq'), 'content', 'result'],
      all.map(({ book, region, role, seq, state, text }) => [
        book,
        region,
        role,
        seq === null ? '–' : countText(seq),
        html`${copyTexts[state]}${text === '' ? nothing : `: ${text}`}`,
        resultMark(copyResults[state]),
      ]),
    ),
  );
}

function epochs(report: DrillReport, { epochs: all }: DrillEvidence): Html {
  const zeroMs = zeroOf(report);
  const at = (ms: number | null) => (ms === null ? '–' : offsetText(ms - zeroMs));
  return section(
    'Acknowledgements by epoch',
    table(
      ['book', number('epoch'), 'leader', number('acknowledged'), number('first'), number('last')],
      all.map(({ book, epoch, leader, acknowledged, firstAtMs, lastAtMs }) => [
        book,
        epoch,
        leader === '' ? 'not known' : html`<span class="key">${leader}</span>`,
        countText(acknowledged),
        at(firstAtMs),
        at(lastAtMs),
      ]),
    ),
  );
}

/** How many calls, their amount, and the keys of the first of them. */
function callSetText({ count, amountMinor, keys }: CallSet): Html {
  if (count === 0) return html`0`;
  const more = count - keys.length;
  return html`${countOf(count, 'transfer')} of together ${minorText(amountMinor)} minor units:
  ${keys.map((key, at) => html`${at > 0 ? ', ' : ''}<span class="key">${key}</span>`)}${
    more > 0 ? ` and ${countOf(more, 'key')} more` : ''
  }`;
}
