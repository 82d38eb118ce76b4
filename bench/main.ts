// npm run bench: measures Meridian on this machine.
import { Command, InvalidArgumentError, Option } from 'commander';
import { configOf } from '../regions/cli/config-option.ts';
import { type ProcessSettings, processSettings } from '../regions/config/process-settings.ts';
import { parseWhole } from '../regions/cli/connection.ts';
import { note, print, printJson } from '../regions/terminal/print.ts';
import { defaultDataDir } from '../regions/topology/layout.ts';
import { compareCommits } from './compare/compare-commits.ts';
import { comparisonTable, isSound } from './compare/comparison.ts';
import { type ComparedPart, comparedParts } from './compare/run-figures.ts';
import { deleteBenchData } from './measure/measured-installation.ts';
import { type PartName, partNames, type ProfileName, profileNames, profiles } from './profile.ts';
import { newestResult, writeComparison, writeResult } from './result-files.ts';
import { writeReadme } from './result/readme.ts';
import { runBench } from './run-parts.ts';
import { markdownTable } from './result/markdown-table.ts';

/** 1: figures are void, or a part fell. 3: it could not be measured. 130: Ctrl-C, as shells have it. */
const EXIT = { ok: 0, void: 1, failed: 3, interrupted: 130 } as const;
/** Apart from the ports of `npm start` and of the tests. */
const DEFAULT_PORT = 8_600;
const DEFAULT_ROUNDS = 4;
const ROUNDS_MAX = 100;
const PORT_MIN = 1_024;
const PORT_MAX = 65_400;

interface Options {
  readonly profile: ProfileName;
  readonly full?: boolean;
  readonly only?: ReadonlySet<PartName>;
  readonly against?: string;
  readonly rounds: number;
  readonly json?: boolean;
  readonly save: boolean;
  readonly data: string;
  readonly port: number;
  readonly cpuProfile?: boolean;
  readonly config?: string;
  readonly readme?: boolean;
}

const PARTS_HELP = `
Parts:
  a  the ceiling: a bare loop of the posting transaction, without gRPC and Redis
  b  CreateTransfers through router and ledger server, one book
  c  the same with one account in every transfer
  d  CreateTransfer, one transfer per call, at fixed rates
  e  a tenth of the transfers across regions, three books, waiting for settlement
  f  memory of a ledger server once a million accounts were touched (not in quick)
  g  as b, with 30 % holds and their ends, and 10 % groups of three legs

Each figure is void unless the books balance and have exactly what was acknowledged.
The result is written to bench/results as JSON.

Comparing, for example with --against main --only a,b,c:
  Measures parts a, b, c and d of an earlier commit and of this checkout in turns, each with its
  own benchmark, and prints how fast this one is by the earlier one. Exit code 1 if the median of
  a part's ratios is below 0.90. Of d the latency at 1,000 calls a second is compared. With
  quick, a round takes about 5 minutes. The commit is checked out into a temporary folder, with
  the packages of this checkout linked into it; if its package-lock.json differs, this is reported.`;

function parseParts(text: string): ReadonlySet<PartName> {
  const parts = new Set<PartName>();
  for (const letter of text.split(',')) {
    const part = partNames.find((name) => name === letter.trim());
    if (part === undefined) {
      throw new InvalidArgumentError(`It must be letters out of ${partNames.join(', ')}.`);
    }
    parts.add(part);
  }
  return parts;
}

function command(): Command {
  return new Command('bench')
    .description('Measures Meridian on this machine: real processes, real databases.')
    .addOption(
      new Option('--profile <name>', 'how long: about 30 seconds, 4 minutes, 15 minutes')
        .choices(profileNames)
        .default('quick'),
    )
    .option('--full', 'the same as --profile full')
    .addOption(new Option('--only <parts>', 'for example a,b').argParser(parseParts))
    .addOption(
      new Option('--against <commit>', 'compare with an earlier commit; see below').conflicts([
        'cpuProfile',
        'readme',
      ]),
    )
    .addOption(
      new Option('--rounds <count>', 'how often --against measures each commit')
        .default(DEFAULT_ROUNDS)
        .argParser(parseWhole(1, ROUNDS_MAX)),
    )
    .option('--json', 'print the result as JSON instead of a table')
    .option('--no-save', 'write nothing to bench/results')
    .option('--data <dir>', 'folder for the data, deleted afterwards', `${defaultDataDir()}-bench`)
    .addOption(
      new Option('--port <base>', 'first of the 31 ports that are used')
        .default(DEFAULT_PORT)
        .argParser(parseWhole(PORT_MIN, PORT_MAX)),
    )
    .addOption(
      new Option(
        '--config <file>',
        'settings to measure with (default: those without a file)',
      ).conflicts(['against', 'readme']),
    )
    .option('--cpu-profile', 'write processor profiles of all processes to bench/results/profiles')
    .option('--readme', 'measure nothing; put the newest complete result into README.md')
    .addHelpText('after', PARTS_HELP);
}

async function bench(options: Options, signal: AbortSignal): Promise<number> {
  if (options.readme === true) {
    writeReadme(markdownTable(newestResult()));
    note('README.md has the newest result');
    return EXIT.ok;
  }
  const profileName = options.full === true ? 'full' : options.profile;
  if (options.against !== undefined) {
    return compare(options, options.against, profileName, signal);
  }
  const profile = profiles[profileName];
  const result = await runBench({
    profile,
    parts: options.only ?? new Set(profile.parts),
    dataDir: options.data,
    basePort: options.port,
    settings: await settingsOf(options),
    processorProfile: options.cpuProfile === true,
    signal,
  });
  if (options.save) note(`written to ${writeResult(result)}`);
  if (options.json === true) await printJson(result);
  else await print(markdownTable(result));
  if (result.findings.length > 0) {
    note(`figures are void; data and logs are kept in ${options.data}`);
    return EXIT.void;
  }
  await deleteBenchData(options.data);
  return EXIT.ok;
}

/** Undefined: a file that happens to be here must not change figures. */
async function settingsOf({ config }: Options): Promise<ProcessSettings | undefined> {
  if (config === undefined) return undefined;
  const { settings } = await configOf({ config }, { profile: 'embedded' });
  return processSettings(settings);
}

async function compare(
  options: Options,
  against: string,
  profile: ProfileName,
  signal: AbortSignal,
): Promise<number> {
  const { rounds, data: dataDir, port: basePort } = options;
  const parts = comparable(options.only);
  const settings = { against, rounds, profile, parts, dataDir, basePort, signal };
  const comparison = await compareCommits(settings);
  if (options.save) note(`written to ${writeComparison(comparison)}`);
  if (options.json === true) await printJson(comparison);
  else await print(comparisonTable(comparison));
  return isSound(comparison) ? EXIT.ok : EXIT.void;
}

/** The parts to compare, all unless some were chosen. */
function comparable(only: ReadonlySet<PartName> | undefined): readonly ComparedPart[] {
  const parts = comparedParts.filter((part) => only?.has(part) ?? true);
  if (only === undefined || parts.length === only.size) return parts;
  throw new Error(`only ${comparedParts.join(', ')} can be compared; choose another --only`);
}

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The second one does not wait; the guard of the regions stops what is left.
    if (stopping.signal.aborted) process.exit(EXIT.interrupted);
    stopping.abort();
  });
}
const options = command().parse().opts<Options>();
try {
  process.exitCode = await bench(options, stopping.signal);
} catch (error) {
  if (stopping.signal.aborted) {
    await deleteBenchData(options.data);
    process.exitCode = EXIT.interrupted;
  } else {
    note(error instanceof Error ? error.message : String(error));
    process.exitCode = EXIT.failed;
  }
}
