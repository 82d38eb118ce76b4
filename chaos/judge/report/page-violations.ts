import { section, table } from '../../../regions/report/elements.ts';
import { type Html, html, nothing } from '../../../regions/report/html.ts';
import { countOf, countText } from '../../../regions/report/quantities.ts';
import type { Verdict, Witness } from '../checkers/verdict.ts';
import type { FaultSpan, RunHistory } from '../history/read-history.ts';
import { type JudgedRun, sentenceOf } from './judged-run.ts';
import { neighbours } from './nemesis-table.ts';
import { operationWords } from './operation-words.ts';
import { secondsText, shown } from './plain-words.ts';
import { rowWords } from './row-words.ts';

const number = (title: string) => ({ title, number: true }) as const;

/** More would not help a reader; report.json has them. */
const SHOWN_MAX = 50;

/** Shows the smallest witness of each violated invariant. */
export function violations({ verdicts, history }: JudgedRun): Html {
  return section(
    'Violations',
    ...[...verdicts].map(([name, verdict]) => violation(name, verdict, history)),
  );
}

function violation(name: string, verdict: Verdict, history: RunHistory): Html {
  if (verdict.state !== 'fail') return nothing;
  const [smallest, ...others] = verdict.witnesses;
  const more =
    others.length === 0
      ? nothing
      : html`<details>
          <summary>${countOf(others.length, 'more witness', 'more witnesses')}</summary>
          ${others.map((witness) => witnessTables(witness, history))}
        </details>`;
  return html`<h3>${name}: ${sentenceOf(name)}</h3>
    <p class="soft">${countOf(verdict.total, 'violation')}; the smallest witness:</p>
    ${smallest === undefined ? nothing : witnessTables(smallest, history)} ${more}`;
}

function witnessTables(witness: Witness, history: RunHistory): Html {
  return html`<p class="fail">${shown(witness.text)}</p>
    ${operationTable(witness)} ${rowTable(witness, history)} ${faultTable(witness, history)}`;
}

function operationTable({ operations }: Witness): Html {
  const first = operations.slice(0, SHOWN_MAX).map((operation) => {
    const { at, took, client, router, asked, answer } = operationWords(operation);
    return [at, took, client, router, asked, answer];
  });
  return html`${table(
    [number('asked at'), number('answer after'), number('client'), 'router', 'asked', 'answer'],
    first,
  )}${rest(operations.length, 'operation')}`;
}

function rowTable({ rows }: Witness, { header }: RunHistory): Html {
  const names = new Map(header.books.map(({ number: book, name }) => [book, name]));
  const first = rows.slice(0, SHOWN_MAX).map((row) => {
    const { book, seq, epoch, at, what, name, moved, outcome } = rowWords(row, names.get(row.book));
    return [book, seq, epoch, at, what, name, moved, outcome];
  });
  const columns = [
    'journal of',
    number('seq'),
    number('epoch'),
    "at, by the book's clock",
    'row',
    'key',
    'what it did',
    'outcome',
  ];
  return html`${table(columns, first)}${rest(rows.length, 'row')}`;
}

function faultTable(witness: Witness, history: RunHistory): Html {
  const near = neighbours(witness, history);
  return table(
    ['fault', 'nemesis', 'on', number('from'), number('to')],
    [...witness.faults.map(faultCells('part of it')), ...near.map(faultCells('near'))],
  );
}

const faultCells =
  (why: string) =>
  ({ what, targets, startedNs, endedNs }: FaultSpan) => [
    why,
    what,
    targets.join(', '),
    secondsText(startedNs),
    secondsText(endedNs),
  ];

function rest(count: number, one: string): Html {
  if (count <= SHOWN_MAX) return nothing;
  return html`<p class="small soft">and ${countText(count - SHOWN_MAX)} more ${one}s</p>`;
}
