import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeRun } from './checkers/all.ts';
import { gatherEvidence } from './checkers/evidence.ts';
import { readFinalReads } from './history/final-file.ts';
import { type RunHistory, readHistory } from './history/read-history.ts';
import { endOf, type JudgedRun } from './report/judged-run.ts';

/** Files in the folder of a run that verdicts need. */
export const historyFile = (folder: string) => join(folder, 'history.jsonl');
export const finalFolder = (folder: string) => join(folder, 'final');
export const optionsFile = (folder: string) => join(folder, 'options.json');

/** Information about a run that is neither in its history nor in its final reads. */
type Known = Partial<Pick<JudgedRun, 'notRun' | 'endedAt'>>;

/**
 * Judges a run by the files in its folder.
 *
 * Throws Error when there is no history, or an unreadable one.
 */
export async function judgeFolder(folder: string, known: Known = {}): Promise<JudgedRun> {
  const history = await readHistory(historyFile(folder));
  const { header } = history;
  const reads = await readFinalReads(finalFolder(folder), header.books);
  const evidence = gatherEvidence(history, reads);
  return {
    // The options that workloads drew are known only after the header of the history is written.
    history: { ...history, header: { ...header, options: optionsOf(folder) ?? header.options } },
    verdicts: judgeRun(evidence),
    missing: evidence.missing,
    notRun: known.notRun ?? [],
    endedAt: known.endedAt ?? endText(history),
    logs: [historyFile(folder), finalFolder(folder), join(folder, 'logs')],
  };
}

function endText(history: RunHistory): string {
  const endMs = Date.parse(history.header.startedAt) + endOf(history) / 1e6;
  return new Date(endMs).toISOString();
}

/** Undefined: the run ended before it had any. */
function optionsOf(folder: string): Record<string, unknown> | undefined {
  const path = optionsFile(folder);
  if (!existsSync(path)) return undefined;
  const options: Record<string, unknown> = JSON.parse(readFileSync(path, 'utf8'));
  return options;
}
