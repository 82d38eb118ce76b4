import { ExitCode } from '../../regions/terminal/failure.ts';
import { print, printJson } from '../../regions/terminal/print.ts';
import { type JudgedRun, type VerdictState, verdictOf } from '../judge/report/judged-run.ts';
import { reportJson } from '../judge/report/report-json.ts';
import { verdictText } from '../judge/report/text.ts';

const codes: Readonly<Record<VerdictState, ExitCode>> = {
  pass: ExitCode.ok,
  fail: ExitCode.refused,
  unknown: ExitCode.environment,
};

/** Prints the verdict to stdout, as text or as JSON. Returns the exit code that states it. */
export async function printVerdict(judged: JudgedRun, json: boolean): Promise<ExitCode> {
  await (json ? printJson(reportJson(judged)) : print(verdictText(judged)));
  return codes[verdictOf(judged)];
}
