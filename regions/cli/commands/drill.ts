import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Scenario } from '../../drills/scenario.ts';
import { scenarios } from '../../drills/scenarios/all.ts';
import type { ClusterState } from '../../topology/state.ts';
import { connectFaults } from '../../faults/control.ts';
import type { Faults } from '../../faults/faults.ts';
import { type RegionName, scaledDelays } from '../../topology/topology.ts';
import { configOf, configOption, type WithConfigOption } from '../config-option.ts';
import {
  type CommandContext,
  dataOption,
  newCommand,
  parseWhole,
  runningCluster,
} from '../connection.ts';
import { describeDrill } from './drill-report.ts';
import { confirmByTyping, isTerminal } from '../../terminal/confirm.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { localOptions, portOption, startReplicatedHere, withStop } from './local-cluster.ts';
import { note, print, printJson } from '../../terminal/print.ts';

const DEFAULT_OUT = './drills';

interface RunOptions extends WithConfigOption {
  readonly data: string;
  readonly port?: number;
  readonly start?: boolean;
  readonly region?: RegionName;
  readonly rate: number;
  readonly seconds: number;
  readonly delay: number;
  readonly out: string;
  readonly why: string;
  readonly by: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `meridian drill` */
export function drillCommand(context: CommandContext): Command {
  return new Command('drill')
    .description('break a replicated installation on purpose and prove that nothing was lost')
    .addHelpText('after', '\nExample:\n  $ meridian drill run region-loss --start')
    .addCommand(listCommand())
    .addCommand(runCommand(context))
    .addCommand(reportCommand(context));
}

function listCommand(): Command {
  return newCommand('list', 'what can be broken, and what is expected then', ['drill list']).action(
    async ({ json }: { readonly json?: boolean }) => {
      if (json) return printJson(scenarios);
      return print(
        scenarios.map((s) => `${s.name}\n    ${s.breaks}\n    ${s.hypothesis}`).join('\n'),
      );
    },
  );
}

function runCommand(context: CommandContext): Command {
  return newCommand('run', 'run one drill under steady load; the exit code is its verdict', [
    'drill run region-loss --start --why "drill of the week"',
    'drill run zombie-leader --region us-east --yes --json',
  ])
    .argument('<scenario>', 'its name, as "meridian drill list" has it', parseScenario)
    .addOption(dataOption())
    .option('--start', 'start an installation in a temporary folder for it, and stop it afterwards')
    .addOption(configOption())
    .addOption(portOption())
    .option('--region <name>', 'the region to break; the first one unless it is given')
    .addOption(
      new Option('--rate <transfers>', 'transfers a second in each region')
        .default(50)
        .argParser(parseWhole(1, 2_000)),
    )
    .addOption(
      new Option('--seconds <seconds>', 'steady load before the fault and after it is repaired')
        .default(10)
        .argParser(parseWhole(1, 3_600)),
    )
    .addOption(
      new Option(
        '--delay <scale>',
        'with --start: the configured delays between regions times this',
      )
        .default(1)
        .argParser(parseScale),
    )
    .option('--out <dir>', 'where the folder with the report is made', DEFAULT_OUT)
    .option('--why <text>', 'the reason, which is recorded', 'a drill')
    .option('--by <name>', 'who runs it', userInfo().username)
    .option('--yes', 'do not ask whether it may be broken')
    .addHelpText('after', '\nExit codes: 0 pass, 1 fail, 3 aborted or not possible here.')
    .action(async (scenario: Scenario, options: RunOptions) => {
      if (options.start) return withOwnInstallation(scenario, options, context);
      const state = runningCluster(options);
      if (state.replicated === undefined || state.status !== 'ready') {
        throw new CommandFailure(
          ExitCode.environment,
          state.replicated === undefined
            ? 'this installation has one copy of each book; start a replicated one with ' +
                '"meridian up --replicated", or use --start'
            : 'the installation is not ready yet',
        );
      }
      const region = chosenRegion(
        options,
        state.regions.map(({ name }) => name),
      );
      await confirm(scenario, region, options, context);
      const faults = connectFaults(state.controlSocket);
      return run(scenario, region, options, context, { state, faults });
    });
}

/** The region to break. Throws CommandFailure if there is none of that name. */
function chosenRegion({ region }: RunOptions, regions: readonly RegionName[]): RegionName {
  const [first = ''] = regions;
  if (region === undefined || regions.includes(region)) return region ?? first;
  const names = regions.join(', ');
  throw new CommandFailure(ExitCode.usage, `there is no region "${region}"; there are ${names}`);
}

/** Everything that was started for the drill is removed after it, except its report. */
async function withOwnInstallation(
  scenario: Scenario,
  options: RunOptions,
  context: CommandContext,
): Promise<void> {
  const config = await configOf(options, { profile: 'replicated' });
  const region = chosenRegion(options, config.topology.regions);
  const folder = mkdtempSync(join(tmpdir(), 'meridian-drill-'));
  // Postgres runs as another user there, which must be able to enter the folder.
  chmodSync(folder, 0o711);
  try {
    const local = localOptions({ ...options, data: join(folder, 'data') }, config);
    const delays = scaledDelays(local.topology, options.delay);
    const topology = { ...local.topology, delays };
    const started = await startReplicatedHere({ ...local, topology }, context);
    await withStop(started, (cluster) =>
      run(scenario, region, options, context, { state: cluster.state(), faults: cluster.faults }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(
  scenario: Scenario,
  region: RegionName,
  options: RunOptions,
  { signal, exit }: CommandContext,
  installation: { readonly state: ClusterState; readonly faults: Faults },
): Promise<void> {
  const { rate, seconds, out, by, why, json } = options;
  const regions = installation.state.regions.map(({ name }) => name);
  const { LiveView } = await import('../../drills/live-view.ts');
  const { runDrill } = await import('../../drills/run-drill.ts');
  const view = new LiveView(`${scenario.name} in ${region}`, regions, process.stderr);
  let result;
  try {
    result = await runDrill({
      ...installation,
      scenario,
      region,
      ratePerRegion: rate,
      steadySeconds: seconds,
      by,
      why,
      outDir: out,
      signal,
      view,
    });
  } finally {
    view.stop();
  }
  const { report, folder } = result;
  if (report.verdict === 'fail') exit(ExitCode.refused);
  if (report.verdict === 'aborted') exit(ExitCode.environment);
  if (json) return printJson(report);
  await print(describeDrill(report));
  note(`Report: ${join(folder, 'report.html')}, and report.json in the same folder`);
}

function reportCommand({ exit }: CommandContext): Command {
  return newCommand('report', 'show the report of a drill again; the newest if none is named', [
    'drill report',
    'drill report drills/2026-11-21T12-30-00Z-region-loss',
  ])
    .argument('[file]', 'report.json, or the folder that it is in')
    .option('--out <dir>', 'where the folders of the drills are', DEFAULT_OUT)
    .action(
      async (
        file: string | undefined,
        options: { readonly out: string; readonly json?: boolean },
      ) => {
        const { newestDrill, readReport, writeReport } =
          await import('../../drills/report-files.ts');
        const path = file ?? newestDrill(options.out);
        if (path === undefined) {
          throw new CommandFailure(ExitCode.environment, `there are no drills in ${options.out}`);
        }
        const report = readReport(path);
        if (report.verdict === 'fail') exit(ExitCode.refused);
        if (report.verdict === 'aborted') exit(ExitCode.environment);
        if (options.json) return printJson(report);
        await print(describeDrill(report));
        // A page of an earlier release is rendered again.
        if (!path.endsWith('.json')) {
          await writeReport(path, report);
          note(`Page: ${join(path, 'report.html')}`);
        }
      },
    );
}

/** Breaking something needs confirmation: the region's name, typed, or --yes. */
async function confirm(
  { name, breaks }: Scenario,
  region: RegionName,
  { yes }: RunOptions,
  { signal }: CommandContext,
): Promise<void> {
  if (yes === true) return;
  if (!isTerminal()) {
    throw new CommandFailure(ExitCode.usage, `${name} breaks ${region}: confirm with --yes`);
  }
  note(`${name} in ${region}: ${breaks}.`);
  if (await confirmByTyping(region, signal)) return;
  throw new CommandFailure(ExitCode.refused, 'nothing was broken');
}

function parseScenario(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found) return found;
  throw new InvalidArgumentError(`There are ${scenarios.map((s) => s.name).join(', ')}.`);
}

function parseScale(text: string): number {
  const scale = Number(text);
  if (text !== '' && scale >= 0 && scale <= 5) return scale;
  throw new InvalidArgumentError('It must be a number from 0 to 5.');
}
