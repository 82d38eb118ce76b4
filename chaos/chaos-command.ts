import { Command, InvalidArgumentError, Option } from 'commander';
import { configOption } from '../regions/cli/config-option.ts';
import { parseWhole } from '../regions/cli/connection.ts';
import { deliberateBugs } from './drive/deliberate-bugs/all.ts';
import type { Profile } from '../regions/config/scale.ts';
import { profiles } from './drive/installation/installation.ts';
import { nemeses } from './drive/nemeses/all.ts';
import type { Nemesis } from './drive/nemeses/nemesis.ts';
import { workloads } from './drive/workloads/all.ts';
import type { Workload } from './drive/workloads/workload.ts';

const DEFAULT_OUT = './chaos-runs';
const DEFAULT_MINUTES = 10;

export interface Options {
  readonly workload?: readonly Workload[];
  readonly nemesis?: readonly Nemesis[];
  readonly minutes: number;
  readonly seed?: number;
  /** Undefined: as configured. */
  readonly profile?: Profile;
  /** Path of the configuration of the installation that is started. */
  readonly config?: string;
  readonly data?: string;
  readonly yes?: boolean;
  readonly bug?: string;
  /** Rows of a partition of the journals; undefined: as configured. */
  readonly partitionRows?: number;
  readonly out: string;
  /** Folder of a finished run. */
  readonly judge?: string;
  readonly list?: boolean;
  readonly json?: boolean;
}

/** Parses comma-separated names; `none` for an empty list. */
function parseNames<T extends { readonly name: string; readonly place: string }>(
  all: readonly T[],
) {
  return (text: string): readonly T[] => {
    if (text === 'none') return [];
    return text.split(',').map((name) => {
      const found = all.find((one) => one.name === name.trim() || one.place === name.trim());
      if (found !== undefined) return found;
      throw new InvalidArgumentError(`Known names: ${all.map((one) => one.name).join(', ')}.`);
    });
  };
}

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (text !== '' && minutes > 0 && minutes <= 1_440) return minutes;
  throw new InvalidArgumentError('It must be a number of minutes, up to 1440.');
}

function parseFolder(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('It must be a folder.');
}

/** Options of a new run, which do not apply to a finished one. */
const OF_A_RUN = [
  'workload',
  'nemesis',
  'minutes',
  'seed',
  'profile',
  'config',
  'data',
  'yes',
  'bug',
  'partitionRows',
  'out',
  'list',
];

function profileOption(): Option {
  return new Option(
    '--profile <name>',
    'profile of the installation that is started for the run (default: as configured, or embedded)',
  ).choices(profiles);
}

function partitionRowsOption(): Option {
  return new Option(
    '--partition-rows <rows>',
    'rows of a partition of the journals: with few of them, hundreds open and close in a run',
  )
    .argParser(parseWhole(100, 100_000_000))
    .conflicts('data');
}

export function chaosCommand(run: (options: Options) => Promise<void>): Command {
  return new Command('chaos')
    .description('Breaks an installation under load, heals it, reads everything back, and judges.')
    .addOption(
      new Option(
        '--workload <names>',
        'workloads, comma-separated (default: some, drawn from the seed)',
      ).argParser(parseNames(workloads)),
    )
    .addOption(
      new Option(
        '--nemesis <names>',
        'faults, comma-separated, or none (default: some, drawn from the seed)',
      ).argParser(parseNames(nemeses)),
    )
    .addOption(
      new Option('--minutes <minutes>', 'duration of the faults; the whole run takes longer')
        .default(DEFAULT_MINUTES)
        .argParser(parseMinutes),
    )
    .addOption(
      new Option('--seed <number>', 'random seed (default: a new one, printed)').argParser(
        parseWhole(0, 2 ** 31 - 1),
      ),
    )
    .addOption(profileOption())
    .addOption(configOption().conflicts('data'))
    .addOption(
      new Option('--data <dir>', 'break the installation that runs with this data folder instead')
        .argParser(parseFolder)
        .conflicts(['bug', 'profile']),
    )
    .option('--yes', 'confirm that the installation in --data may be broken')
    .addOption(
      new Option(
        '--bug <name>',
        'start it with a deliberate bug, which the judge must detect',
      ).choices(deliberateBugs.map(({ name }) => name)),
    )
    .addOption(partitionRowsOption())
    .addOption(
      new Option('--out <dir>', 'parent of the folder of the run')
        .default(DEFAULT_OUT)
        .argParser(parseFolder),
    )
    .addOption(
      new Option('--judge <folder>', 'run nothing; judge the folder of an earlier run again')
        .argParser(parseFolder)
        .conflicts(OF_A_RUN),
    )
    .option('--list', 'list workloads and nemeses, and their profiles')
    .option('--json', 'print the result as JSON, and nothing else, to stdout')
    .addHelpText(
      'after',
      '\nExit codes: 0 pass, 1 an invariant is violated, 2 wrong usage, ' +
        '3 not known or not possible here, 130 stopped, and no violation found.' +
        '\nExamples:\n  $ npm run chaos' +
        '\n  $ npm run chaos -- --profile replicated --minutes 5 --seed 17' +
        '\n  $ npm run chaos -- --workload same-key --nemesis lose-replies --minutes 1' +
        '\n  $ npm run chaos -- --config five-regions.yaml --minutes 5' +
        '\n  $ npm run chaos -- --data ~/.meridian --yes --minutes 2' +
        `\n  $ npm run chaos -- --judge ${DEFAULT_OUT}/FOLDER`,
    )
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .action(run);
}
