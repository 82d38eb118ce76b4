import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandFailure, ExitCode } from '../../regions/terminal/failure.ts';
import { sizeOf } from '../../regions/cli/commands/local-cluster.ts';
import { note } from '../../regions/terminal/print.ts';
import { configOf } from '../../regions/cli/config-option.ts';
import type { Config } from '../../regions/config/load-config.ts';
import { type ProcessSettings, processSettings } from '../../regions/config/process-settings.ts';
import { variableOf } from '../../regions/config/setting.ts';
import { scaledDelays } from '../../regions/topology/topology.ts';
import { installPackages } from '../../regions/supervisor/replicated/packages.ts';
import type { Options } from '../chaos-command.ts';
import { attach } from '../drive/installation/attached.ts';
import type { Profile } from '../../regions/config/scale.ts';
import type { Installation } from '../drive/installation/installation.ts';
import { startOwn } from '../drive/installation/own.ts';
import { nemeses as allNemeses } from '../drive/nemeses/all.ts';
import {
  clockAhead,
  clockDrift,
  clockJump,
  clockStrobe,
  toleratedSkewMs,
} from '../drive/nemeses/clock.ts';
import type { Nemesis } from '../drive/nemeses/nemesis.ts';
import type { JudgedRun } from '../judge/report/judged-run.ts';
import { renderPage } from '../judge/report/run-page.ts';
import { reportJson } from '../judge/report/report-json.ts';
import { printVerdict } from './print-verdict.ts';
import { LiveLine } from './live-line.ts';
import { drawPlan, type RunPlan } from './plan.ts';
import { runChaos } from './chaos-run.ts';
import { makeRunFolder } from './run-folder.ts';
import { workloads as allWorkloads } from '../drive/workloads/all.ts';

const clocks = new Set<Nemesis>([clockAhead, clockJump, clockStrobe, clockDrift]);

/** The ones that can run here, and why the others cannot. */
async function runnable(
  wanted: readonly Nemesis[],
  installation: Installation,
): Promise<{ nemeses: Nemesis[]; notRun: JudgedRun['notRun'][number][] }> {
  const nemeses: Nemesis[] = [];
  const notRun = [];
  for (const nemesis of wanted) {
    const { name, place } = nemesis;
    const why = nemesis.profiles.includes(installation.profile)
      ? await nemesis.whyNot(installation)
      : `it does not apply to the ${installation.profile} profile`;
    if (why === '') nemeses.push(nemesis);
    else notRun.push({ name, place, why });
  }
  return { nemeses, notRun };
}

async function breakAndJudge(
  installation: Installation,
  options: Options,
  seed: number,
  folder: string,
  signal: AbortSignal,
): Promise<JudgedRun> {
  const { nemeses, notRun } = await runnable(options.nemesis ?? allNemeses, installation);
  if (options.nemesis !== undefined && notRun.length > 0) {
    const [first] = notRun;
    throw new CommandFailure(ExitCode.environment, `${first?.name} cannot be run: ${first?.why}`);
  }
  const plan: RunPlan = drawPlan(seed, {
    workloads: options.workload ?? allWorkloads,
    nemeses,
    allWorkloads: options.workload !== undefined,
    allNemeses: options.nemesis !== undefined,
  });
  const view = new LiveLine(process.stderr);
  try {
    return await runChaos({
      installation,
      plan,
      faultsMs: options.minutes * 60_000,
      clockSkewMs: plan.nemeses.some((one) => clocks.has(one)) ? toleratedSkewMs : 0,
      folder,
      asked: askedFor(options),
      notRun,
      view,
      signal,
    });
  } finally {
    view.stop();
  }
}

const namesOf = (all: readonly { readonly name: string }[]) => all.map(({ name }) => name);

function askedFor({
  minutes,
  workload,
  nemesis,
  bug,
  partitionRows,
}: Options): Record<string, unknown> {
  return {
    minutes,
    ...(workload === undefined ? {} : { workload: namesOf(workload) }),
    ...(nemesis === undefined ? {} : { nemesis: namesOf(nemesis) }),
    ...(bug === undefined ? {} : { bug }),
    ...(partitionRows === undefined ? {} : { partitionRows }),
  };
}

/** Rows per second above which partitions of a chosen size are bare: a run has less and more. */
const BARE_ABOVE = 40;

function withPartitionRows(settings: ProcessSettings, rows: number | undefined): ProcessSettings {
  if (rows === undefined) return settings;
  const { router, ledger } = settings.environment;
  const chosen = {
    [variableOf('ledger.journalPartitionRows')]: String(rows),
    [variableOf('ledger.journalBareAbove')]: String(BARE_ABOVE),
  };
  return { ...settings, environment: { router, ledger: { ...ledger, ...chosen } } };
}

/** Everything that is started for the run ends with it; only its files remain. */
async function withOwn(
  options: Options,
  config: Config,
  seed: number,
  folder: string,
  signal: AbortSignal,
): Promise<JudgedRun> {
  const { bug } = options;
  const { profile, topology: real } = config;
  if (profile === 'replicated') installPackages();
  const scratch = mkdtempSync(join(tmpdir(), 'meridian-chaos-'));
  // Postgres runs as another user there and needs access.
  chmodSync(scratch, 0o711);
  try {
    note(`Starting ${sizeOf(real)} for the run, ${profile} profile`);
    // A tenth of real delays: a run should wait for faults, not for the speed of light.
    const topology = { ...real, delays: scaledDelays(real, 0.1) };
    const settings = withPartitionRows(processSettings(config.settings), options.partitionRows);
    const own = await startOwn({ profile, folder: scratch, topology, settings, bug, signal });
    try {
      return await breakAndJudge(own, options, seed, folder, signal);
    } finally {
      await own.stop();
      const logs = join(own.dataDir, 'logs');
      if (existsSync(logs)) cpSync(logs, join(folder, 'logs'), { recursive: true });
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Throws CommandFailure when a named nemesis is not available in the profile. */
function refuseRuledOut({ nemesis = [] }: Options, profile: Profile): void {
  const ruledOut = nemesis.find(({ profiles }) => !profiles.includes(profile));
  if (ruledOut === undefined) return;
  const words = `${ruledOut.name} does not apply to the ${profile} profile`;
  throw new CommandFailure(ExitCode.usage, `${words}: it needs ${ruledOut.profiles.join(' or ')}`);
}

/** The installation to break: one that runs, or the configuration of one to start. */
function placeOf(options: Options): Promise<Installation | Config> {
  const { data, profile } = options;
  if (data !== undefined) return Promise.resolve(attach(data));
  return configOf(options, profile === undefined ? {} : { profile });
}

/**
 * One run according to the options: the verdict goes to stdout, everything else into its folder.
 * Throws CommandFailure when it cannot be run; nothing was started then if it is one of usage.
 */
export async function execute(options: Options, signal: AbortSignal): Promise<ExitCode> {
  if (options.data !== undefined && !options.yes) {
    throw new CommandFailure(
      ExitCode.usage,
      `it breaks what runs in ${options.data}: confirm with --yes`,
    );
  }
  const place = await placeOf(options);
  refuseRuledOut(options, place.profile);
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
  const folder = makeRunFolder(options.out, seed);
  note(`Seed ${seed}; all files are in ${folder}`);
  const judged =
    'topology' in place
      ? await withOwn(options, place, seed, folder, signal)
      : await breakAndJudge(place, options, seed, folder, signal);
  const report = reportJson(judged);
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(folder, 'report.html'), renderPage(judged));
  const code = await printVerdict(judged, options.json === true);
  note(`Report: ${join(folder, 'report.html')}`);
  // A violation that was found counts, also after an interruption.
  return signal.aborted && code !== ExitCode.refused ? ExitCode.interrupted : code;
}
