// npm run bench: measures Meridian on this machine.
import { Command, InvalidArgumentError, Option } from 'commander';
import { configOf } from '../regions/cli/config-option.ts';
import { type ProcessSettings, processSettings } from '../regions/config/process-settings.ts';
import { parseWhole } from '../regions/cli/connection.ts';
import { note, print, printJson } from '../regions/terminal/print.ts';
import { defaultDataDir } from '../regions/topology/layout.ts';
import { compareCommits } from './compare/compare-commits.ts';
import { comparisonTable, isSound } from './compare/comparison.ts';
import { deleteBenchData } from './measure/measured-installation.ts';
import {
  type BenchProfile,
  load,
  type PartName,
  partNames,
  type ProfileName,
  profileNames,
  profiles,
} from './profile.ts';
import { newestResult, writeComparison, writeResult } from './result-files.ts';
import { writeReadme } from './result/readme.ts';
import { runBench } from './run-parts.ts';
import { installPackages } from '../regions/supervisor/replicated/packages.ts';
import { markdownTable } from './result/markdown-table.ts';

/** 1: figures are void, or one fell. 2: wrong usage. 3: it could not be measured. 130: Ctrl-C, as shells have it. */
const EXIT = { ok: 0, void: 1, usage: 2, failed: 3, interrupted: 130 } as const;
/** Apart from the ports of `npm start` and of the tests. */
const DEFAULT_PORT = 8_600;
const DEFAULT_ROUNDS = 4;
const ROUNDS_MAX = 100;
/** Of part i. Fewer than 20 calls of a step have no rate. */
const ROWS_MIN = 40_000;
const ROWS_MAX = 1_000_000_000;
const ACCOUNTS_MIN = 2;
const ACCOUNTS_MAX = 10_000_000;
const PORT_MIN = 1_024;
const PORT_MAX = 65_400;

interface Options {
  readonly profile: ProfileName;
  readonly full?: boolean;
  readonly only?: ReadonlySet<PartName>;
  readonly against?: string;
  readonly againstInsecure?: boolean;
  readonly insecure?: boolean;
  readonly rounds: number;
  readonly rows?: number;
  readonly accounts?: number;
  readonly json?: boolean;
  readonly save: boolean;
  readonly data: string;
  readonly port: number;
  readonly cpuProfile?: boolean;
  readonly config?: string;
  readonly servers?: string;
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
  h  the highest rate of single transfers with a p99 below 50 ms
  i  the rate of a book that grows to 30 million rows, a million accounts (after f; not in quick)
  baseline  a conventional ledger: SQL functions that lock and update two accounts
  replica   reads of a copy in another region while its book posts (only where it is named,
            as it installs the packages of the replicated profile)

Each figure is void unless the books balance and have exactly what was acknowledged.
The result is written to bench/results as JSON.

Comparing, for example with --against main --only b,c:
  Measures an earlier commit and this checkout in turns, both by the generator of this checkout
  through the public API; only part a is measured by each one's own benchmark, because it calls
  functions of the ledger. Prints how good this one is by the earlier one; exit code 1 if the
  median of a figure's ratios is below 0.90. Of d the latency at 1,000 calls a second is compared.
  A part that the earlier commit cannot do is left out, with the reason. With quick, a round takes
  about 12 minutes. The commit is checked out into a temporary folder, with the packages of this
  checkout linked into it; if its package-lock.json differs, this is reported.`;

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
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.ok : EXIT.usage))
    .description('Measures Meridian on this machine: real processes, real databases.')
    .addOption(
      new Option('--profile <name>', 'how long: about 1 minute, 6 minutes, 15 minutes and part i')
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
      new Option('--against-insecure', 'compare with this checkout without TLS').conflicts([
        'against',
        'insecure',
        'cpuProfile',
        'readme',
      ]),
    )
    .addOption(
      new Option('--insecure', 'measure without TLS, and save nothing').conflicts([
        'against',
        'readme',
      ]),
    )
    .addOption(
      new Option('--rounds <count>', 'how often --against measures each commit')
        .default(DEFAULT_ROUNDS)
        .argParser(parseWhole(1, ROUNDS_MAX)),
    )
    .addOption(
      new Option(
        '--rows <count>',
        'rows that part i writes (default: 30 million in full)',
      ).argParser(parseWhole(ROWS_MIN, ROWS_MAX)),
    )
    .addOption(
      new Option('--accounts <count>', 'accounts of parts f and i (default: 1 million)').argParser(
        parseWhole(ACCOUNTS_MIN, ACCOUNTS_MAX),
      ),
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
      ).conflicts(['against', 'againstInsecure', 'readme']),
    )
    .addOption(
      new Option('--servers <checkout>', 'measure the servers of another checkout').conflicts([
        'config',
        'cpuProfile',
        'against',
        'againstInsecure',
        'readme',
      ]),
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
  if (options.against !== undefined || options.againstInsecure === true) {
    return compare(options, options.against, profileName, signal);
  }
  const profile = withSizes(profiles[profileName], options);
  if (options.only?.has('replica') === true) {
    if (options.servers !== undefined) {
      note('replica measures the servers of this checkout alone: leave --servers out');
      return EXIT.usage;
    }
    installPackages();
  }
  const result = await runBench({
    profile,
    parts: options.only ?? new Set(profile.parts),
    dataDir: options.data,
    basePort: options.port,
    settings: await settingsOf(options),
    servers: options.servers,
    insecure: options.insecure === true,
    processorProfile: options.cpuProfile === true,
    signal,
  });
  if (options.save && options.insecure !== true) note(`written to ${writeResult(result)}`);
  if (options.json === true) await printJson(result);
  else await print(markdownTable(result));
  if (result.findings.length > 0) {
    note(`figures are void; data and logs are kept in ${options.data}`);
    return EXIT.void;
  }
  await deleteBenchData(options.data);
  return EXIT.ok;
}

/** The profile with the sizes that were asked for. */
function withSizes(profile: BenchProfile, { rows, accounts }: Options): BenchProfile {
  const { growth, memoryAccounts } = profile;
  const wanted = rows ?? growth.rows;
  // Two steps at least, in whole calls, as one has nothing to be compared with.
  const half = Math.ceil(wanted / 2 / load.itemsPerCall) * load.itemsPerCall;
  const rowsPerStep = Math.min(growth.rowsPerStep, half);
  return {
    ...profile,
    memoryAccounts: accounts ?? memoryAccounts,
    growth: { rows: wanted, rowsPerStep },
  };
}

/** Undefined: a file that happens to be here must not change figures. */
async function settingsOf({ config }: Options): Promise<ProcessSettings | undefined> {
  if (config === undefined) return undefined;
  const { settings } = await configOf({ config }, { profile: 'embedded' });
  return processSettings(settings);
}

async function compare(
  options: Options,
  against: string | undefined,
  profile: ProfileName,
  signal: AbortSignal,
): Promise<number> {
  const { rounds, data: dataDir, port: basePort } = options;
  const parts = [...(options.only ?? profiles[profile].parts)];
  const settings = { against, rounds, profile, parts, sizes: sizes(options), dataDir, basePort };
  const comparison = await compareCommits({ ...settings, signal });
  if (options.save) note(`written to ${writeComparison(comparison)}`);
  if (options.json === true) await printJson(comparison);
  else await print(comparisonTable(comparison));
  return isSound(comparison) ? EXIT.ok : EXIT.void;
}

/** The sizes that were asked for, as options of a run. */
function sizes({ rows, accounts }: Options): string[] {
  return [
    ...(rows === undefined ? [] : ['--rows', String(rows)]),
    ...(accounts === undefined ? [] : ['--accounts', String(accounts)]),
  ];
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
