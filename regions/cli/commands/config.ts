import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { type Config, CONFIG_FILE, configFile, parseConfig } from '../../config/load-config.ts';
import { initialFile } from '../../config/initial-file.ts';
import {
  ConfigError,
  problemText,
  suggestion,
  UnreadableConfigError,
} from '../../config/problem.ts';
import type { Resolved } from '../../config/resolve-settings.ts';
import { acceptedBy, variableOf } from '../../config/setting.ts';
import { setVariables } from '../../config/variables.ts';
import { writeFileAtomic } from '../../processes/atomic-file.ts';
import { environment } from '../../processes/environment.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { isDataDir, requireGrowth, requireSameCopies } from '../../topology/topology-record.ts';
import { note, print, printJson, styled } from '../../terminal/print.ts';
import { type Column, table } from '../../terminal/table.ts';
import { configOf, configOption, type WithConfigOption } from '../config-option.ts';
import { type CommandContext, newCommand } from '../connection.ts';
import { applyCommand } from './config-apply.ts';

interface ConfigCommandOptions extends WithConfigOption {
  readonly json?: boolean;
  readonly force?: boolean;
}

/** `meridian config` */
export function configCommand(context: CommandContext): Command {
  return new Command('config')
    .description('write, check, show and apply the configuration')
    .addHelpText(
      'after',
      '\nExample:\n  $ meridian config init && meridian config check && meridian config show ledger',
    )
    .addCommand(initCommand())
    .addCommand(checkCommand(context))
    .addCommand(showCommand())
    .addCommand(applyCommand());
}

function initCommand(): Command {
  return newCommand('init', 'write a file with the defaults, and every setting as a comment', [
    'config init',
    'config init --config /etc/meridian/meridian.yaml',
  ])
    .addOption(new Option('--config <file>', 'the file to write').default(CONFIG_FILE))
    .option('--force', 'replace the file if there is one')
    .action(async ({ config = CONFIG_FILE, force, json }: ConfigCommandOptions) => {
      const file = resolve(config);
      if (existsSync(file) && !force) {
        throw new CommandFailure(
          ExitCode.refused,
          `${file} is there already; nothing was written (--force replaces it)`,
        );
      }
      // The defaults, whatever this environment overrides.
      writeFileAtomic(file, initialFile(parseConfig('', undefined, {})), 0o644);
      if (json) await printJson({ file });
      else note(`${file} was written; change it, then run "meridian config check"`);
    });
}

function checkCommand(context: CommandContext): Command {
  return newCommand('check', 'list everything that is wrong with the configuration', [
    'config check',
    'config check ./staging.yaml --json',
  ])
    .argument('[file]', 'the file; otherwise as --config')
    .addOption(configOption())
    .addHelpText('after', '\nExit codes: 0 nothing is wrong, 1 something is, 2 wrong usage.')
    .action(async (named: string | undefined, options: ConfigCommandOptions) => {
      const path = named ?? options.config;
      const file = configFile(path, environment());
      try {
        const config = await configOf({ ...(path !== undefined && { config: path }) });
        requireFittingData(file, config);
        if (options.json) await printJson({ file: file ?? null, ok: true, problems: [] });
        else await print(`${file ?? 'No file'}: nothing is wrong; ${summaryOf(config)}`);
      } catch (error) {
        if (!(error instanceof ConfigError) || error instanceof UnreadableConfigError) throw error;
        context.exit(ExitCode.refused);
        const { problems } = error;
        if (options.json) await printJson({ file: file ?? null, ok: false, problems });
        else await print(problems.map((problem) => problemText(problem, file)).join('\n'));
      }
    });
}

/** Throws ConfigError if the data in the folder of the configuration is of another topology. */
function requireFittingData(file: string | undefined, { data, topology, profile }: Config): void {
  if (!isDataDir(data)) return;
  try {
    requireGrowth(data, topology);
    if (profile === 'replicated') requireSameCopies(data, topology);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ConfigError(file, [{ path: 'data', line: undefined, message }]);
  }
}

const plural = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

function summaryOf({ topology, profile, settings }: Config): string {
  const changed = [...settings.values()].filter(
    ({ source }) => source === 'file' || source === 'environment',
  );
  return [
    `${profile} profile`,
    plural(topology.regions.length, 'region'),
    plural(topology.books.length, 'book'),
    `${plural(changed.length, 'setting')} changed`,
  ].join(', ');
}

function showCommand(): Command {
  return newCommand('show', 'show every setting, its value and where it is from', [
    'config show',
    'config show ledger',
    'config show ledger.batchItems --json',
  ])
    .argument('[key]', 'a setting, a group of them, or a variable of the environment')
    .addOption(configOption())
    .action(async (key: string | undefined, options: ConfigCommandOptions) => {
      const config = await configOf(options);
      const shown = settingsOf(config, key);
      if (options.json) await printJson(jsonOf(config, shown, key));
      else await print(textOf(config, shown, key));
    });
}

/** The settings that `key` means. Throws CommandFailure (usage) if it means none. */
function settingsOf({ settings }: Config, key: string | undefined): readonly Resolved[] {
  const all = [...settings.values()];
  if (key === undefined) return all;
  const wanted = key.replace(/^settings\./u, '');
  const found = all.filter(
    ({ setting }) =>
      setting.key === wanted ||
      setting.key.startsWith(`${wanted}.`) ||
      variableOf(setting.key) === wanted,
  );
  if (found.length > 0) return found;
  const keys = all.map(({ setting }) => setting.key);
  throw new CommandFailure(
    ExitCode.usage,
    `there is no setting ${key}${suggestion(wanted, keys) || '; "meridian config show" lists all'}`,
  );
}

function settingJson({ setting, value, source, byDefault }: Resolved) {
  const bounds =
    setting.kind === 'number'
      ? { min: setting.min, max: setting.max, unit: setting.unit }
      : { choices: setting.choices };
  const { key, of, help } = setting;
  return { key, value, source, default: byDefault, ...bounds, of, variable: variableOf(key), help };
}

function jsonOf(config: Config, shown: readonly Resolved[], key: string | undefined) {
  const settings = shown.map(settingJson);
  if (key !== undefined) return { settings };
  const { file, profile, basePort, data, topology } = config;
  const { regions, books, delays } = topology;
  const place = { file: file ?? null, profile, basePort, data, regions, books, delays };
  return { ...place, settings, variables: setVariables(environment()) };
}

const COLUMNS: readonly Column[] = [
  { title: 'setting' },
  { title: 'value', align: 'right' },
  { title: 'from' },
  { title: 'default', align: 'right' },
  { title: 'accepts' },
  { title: 'meaning' },
];

function textOf(config: Config, shown: readonly Resolved[], key: string | undefined): string {
  const [only] = shown;
  if (key !== undefined && shown.length === 1 && only !== undefined) return detailsOf(only);
  const rows = shown.map(({ setting, value, source, byDefault }) => [
    setting.key,
    source === 'file' || source === 'environment' ? styled('bold', String(value)) : String(value),
    source,
    String(byDefault),
    acceptedBy(setting),
    setting.help,
  ]);
  const settings = table(COLUMNS, rows);
  return key === undefined ? `${placeOf(config)}\n\n${settings}` : settings;
}

function detailsOf({ setting, value, source, byDefault }: Resolved): string {
  return [
    `${setting.key} = ${value}`,
    `  ${setting.help}`,
    `  from      ${source}`,
    `  default   ${byDefault}`,
    `  accepts   ${acceptedBy(setting)}`,
    `  changes   ${setting.of === 'both' ? 'ledger servers and routers' : setting.of}`,
    `  variable  ${variableOf(setting.key)}`,
  ].join('\n');
}

function placeOf({ file, topology, profile, basePort, data }: Config): string {
  const delays = Object.entries(topology.delays).map(([pair, ms]) => `${pair} ${ms} ms`);
  return [
    `file      ${file ?? 'none: "meridian config init" writes one'}`,
    `profile   ${profile}`,
    `basePort  ${basePort}`,
    `data      ${data}`,
    `regions   ${topology.regions.join(', ')}`,
    ...topology.books.map(
      ({ number, name, region, copies }) =>
        `book      ${number} ${name} in ${region}` +
        (profile === 'replicated' ? `, copies in ${copies.join(', ')}` : ''),
    ),
    ...(profile === 'replicated' ? [`delays    ${delays.join(', ')}`] : []),
    ...setVariables(environment()).map(({ name, value }) => `${name}=${value}`),
  ].join('\n');
}
