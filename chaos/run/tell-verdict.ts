import { ExitCode } from '../../regions/terminal/failure.ts';
import { print, printJson } from '../../regions/terminal/print.ts';
import { type JudgedRun, type State, verdictOf } from '../judge/report/judged-run.ts';
import { reportJson } from '../judge/report/report-json.ts';
import { verdictText } from '../judge/report/text.ts';

const codes: Readonly<Record<State, ExitCode>> = {
  pass: ExitCode.ok,
  fail: ExitCode.refused,
  unknown: ExitCode.environment,
};

/** Prints what was decided to stdout, for people or as JSON. Gives the exit code that says it. */
export async function tellVerdict(judged: JudgedRun, json: boolean): Promise<ExitCode> {
  await (json ? printJson(reportJson(judged)) : print(verdictText(judged)));
  return codes[verdictOf(judged)];
}
