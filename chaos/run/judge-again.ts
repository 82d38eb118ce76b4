import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure, ExitCode } from '../../regions/terminal/failure.ts';
import { readReport } from '../judge/report/read-reports.ts';
import { historyFile, judgeFolder } from '../judge/judge-folder.ts';
import { printVerdict } from './print-verdict.ts';

/**
 * Judges a finished run again, from the files in its folder. Starts nothing and writes
 * nothing. Throws CommandFailure when it is not the folder of a run.
 */
export async function judgeAgain(folder: string, json: boolean): Promise<ExitCode> {
  if (!existsSync(historyFile(folder))) {
    throw new CommandFailure(
      ExitCode.usage,
      `${folder} has no ${historyFile('')}: it is not the folder of a run`,
    );
  }
  const report = join(folder, 'report.json');
  const known = existsSync(report) ? readReport(report) : undefined;
  return printVerdict(await judgeFolder(folder, known), json);
}
