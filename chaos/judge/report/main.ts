import { parseArgs } from 'node:util';
import {
  endQuietlyWhenPipeCloses,
  note,
  print,
  printJson,
} from '../../../regions/terminal/print.ts';
import { countOf, durationText } from '../../../regions/report/quantities.ts';
import { addUp, type Sum } from './add-up.ts';
import { NEMESIS_NOTE, nemesisText } from './nemesis-text.ts';
import { readReport, reportsBelow } from './read-reports.ts';

const HELP = `Adds up runs of the chaos suite: nemesis, runs, operations, unknown outcomes, violations.

  node chaos/judge/report/main.ts FOLDER... [options]

  FOLDER    every report.json in it and below is taken
  --json    the sum as JSON
  --help

Exit code: 0 added up, whatever the verdicts are; 1 a report cannot be read; 2 wrong arguments.`;

function refuse(why: string): never {
  note(why);
  process.exit(2);
}

function argumentsOf() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function pathsOf(folders: readonly string[]): string[] {
  try {
    // A folder may be listed twice, or be inside another.
    return [...new Set(folders.flatMap(reportsBelow))];
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function sumText({ runs, verdicts, seeds, seconds, invariants, nemeses }: Sum): string {
  const { pass, fail, unknown } = verdicts;
  const violated = Object.entries(invariants).map(
    ([name, counts]) => `${name} violated in ${counts.fail}, unknown in ${counts.unknown}`,
  );
  return [
    nemesisText(nemeses),
    NEMESIS_NOTE,
    `${countOf(runs, 'run')} of ${countOf(new Set(seeds).size, 'seed')}, ${durationText(seconds * 1_000)} in all: ${pass} pass, ${fail} fail, ${unknown} unknown`,
    ...violated,
  ].join('\n');
}

endQuietlyWhenPipeCloses();
const { values, positionals } = argumentsOf();
if (values.help) {
  await print(HELP);
} else {
  if (positionals.length === 0) refuse('which folders? See --help.');
  const paths = pathsOf(positionals);
  if (paths.length === 0) refuse(`there is no report.json in ${positionals.join(', ')}`);
  try {
    const sum = addUp(paths.map(readReport));
    await (values.json ? printJson(sum) : print(sumText(sum)));
  } catch (error) {
    note(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
