import { durationText } from '../../../regions/report/quantities.ts';
import type { RunHistory } from '../history/read-history.ts';
import { isStopped, type JudgedRun, type VerdictState } from './judged-run.ts';
import { fieldsText, shown, valueText } from './plain-words.ts';

/** Counts of violated and undecided invariants, and whether the run was stopped early. */
export function summary(run: JudgedRun): string {
  return isStopped(run) ? `${held(run)}; the run was stopped before its time` : held(run);
}

function held({ verdicts }: JudgedRun): string {
  const of = (state: VerdictState) =>
    [...verdicts.values()].filter((verdict) => verdict.state === state).length;
  const [failed, unknown] = [of('fail'), of('unknown')];
  if (verdicts.size === 0) return 'nothing was judged';
  if (failed === 0 && unknown === 0) return `all ${verdicts.size} invariants hold`;
  const parts = [
    failed === 0 ? '' : `${failed} of ${verdicts.size} invariants violated`,
    unknown === 0 ? '' : `${unknown} of ${verdicts.size} cannot be decided`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

export function lengthText({ history: { header }, endedAt }: JudgedRun): string {
  return durationText(Date.parse(endedAt) - Date.parse(header.startedAt));
}

/** Every option of the run by its name, including those drawn from the seed. */
export function optionTexts({ header: { options } }: RunHistory): (readonly [string, string])[] {
  return Object.entries(options).map(([name, value]) => [shown(name), optionText(value)]);
}

const LONGEST = 2_000;

function optionText(value: unknown): string {
  if (Array.isArray(value)) return shown(value.map(valueText).join(', '), LONGEST);
  const isRecord = typeof value === 'object' && value !== null;
  return shown(isRecord ? fieldsText({ ...value }) : valueText(value), LONGEST);
}
