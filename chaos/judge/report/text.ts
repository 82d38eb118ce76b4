import { count, fieldLines, styled } from '../../../regions/terminal/print.ts';
import { countOf } from '../../../regions/report/quantities.ts';
import type { Verdict, Witness } from '../checkers/verdict.ts';
import type { FaultSpan, RunHistory } from '../history/read-history.ts';
import { type JudgedRun, replayCommand, sentenceOf, verdictOf } from './judged-run.ts';
import { neighbours, nemesisTable } from './nemesis-table.ts';
import { NEMESIS_NOTE, nemesisText } from './nemesis-text.ts';
import { operationWords } from './operation-words.ts';
import { secondsText, shown } from './plain-words.ts';
import { rowWords } from './row-words.ts';
import { lengthText, optionTexts, summary } from './summary.ts';

/** The verdict on a run for a terminal. Colours are added only if they are enabled. */
export function verdictText(run: JudgedRun): string {
  const { history, verdicts, notRun, missing, logs } = run;
  const nemeses = nemesisTable(run);
  const { total } = nemeses;
  const operations = `${countOf(total.operations, 'operation')}, ${count(total.unknown)} of them unknown at first`;
  return [
    ...[...verdicts].map(([name, verdict]) => invariantText(name, verdict, history)),
    '',
    nemesisText(nemeses),
    styled('dim', NEMESIS_NOTE),
    ...section(
      'Options',
      optionTexts(history).map(([name, value]) => `${name}: ${value}`),
    ),
    ...section(
      'Not run here',
      notRun.map(({ place, name, why }) => shown(`${place} ${name}: ${why}`)),
    ),
    ...section(
      'Not read at the end',
      missing.map((why) => shown(why)),
    ),
    ...section('Files', logs),
    '',
    fieldLines([
      ['verdict', `${styled(colours[verdictOf(run)], verdictOf(run))}, ${summary(run)}`],
      ['load', `${operations}, ${lengthText(run)}`],
      ['again', replayCommand(history)],
    ]),
  ].join('\n');
}

const marks = { pass: '✓', fail: '✗', unknown: '?' } as const;
const colours = { pass: 'green', fail: 'red', unknown: 'yellow' } as const;

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', styled('bold', title), ...lines.map((each) => `  ${each}`)];
}

function invariantText(name: string, verdict: Verdict, history: RunHistory): string {
  const { state } = verdict;
  const head = `${styled(colours[state], marks[state])} ${name.padEnd(4)} ${sentenceOf(name)}`;
  if (verdict.state === 'pass') {
    const looked = verdict.checked === 0 ? 'nothing to check' : `${count(verdict.checked)} checked`;
    return `${head}  ${styled('dim', looked)}`;
  }
  if (verdict.state === 'unknown') {
    return [head, ...verdict.why.map((why) => `       ${styled('yellow', shown(why))}`)].join('\n');
  }
  const [smallest] = verdict.witnesses;
  return [
    `${head}  ${styled('red', countOf(verdict.total, 'violation'))}`,
    ...(smallest === undefined ? [] : witnessLines(smallest, history)),
  ].join('\n');
}

/** Lines of one witness in a terminal; the report page and report.json have all of it. */
const LINES_MAX = 12;

function witnessLines(witness: Witness, history: RunHistory): string[] {
  const { operations, rows, faults } = witness;
  const names = new Map(history.header.books.map(({ number, name }) => [number, name]));
  const calls = operations.map((operation) => {
    const { at, took, client, router, asked, answer } = operationWords(operation);
    return `${at}  client ${client} by ${router}: ${asked}\n         after ${took}: ${answer}`;
  });
  const journal = rows.map((row) => {
    const { book, seq, epoch, at, what, name, moved, outcome } = rowWords(row, names.get(row.book));
    return `${book} seq ${seq} epoch ${epoch} at ${at}: ${what} ${name}, ${moved}, ${outcome}`;
  });
  const spans = [...faults, ...neighbours(witness, history)].map(faultText);
  const lines = [...cut(calls, 'operations'), ...cut(journal, 'rows'), ...cut(spans, 'faults')];
  return [styled('red', shown(witness.text)), ...lines].map((text) => `       ${text}`);
}

function cut(lines: readonly string[], what: string): string[] {
  const more = lines.length - LINES_MAX;
  return [...lines.slice(0, LINES_MAX), ...(more > 0 ? [`and ${more} more ${what}`] : [])];
}

function faultText({ what, targets, startedNs, endedNs }: FaultSpan): string {
  return shown(
    `${secondsText(startedNs)} to ${secondsText(endedNs)}  ${what} on ${targets.join(', ')}`,
  );
}
