import { join } from 'node:path';
import { must } from '../ledger/core/assert.ts';
import type { ProcessSettings } from '../regions/config/process-settings.ts';
import { note } from '../regions/terminal/print.ts';
import { emptyBenchData, MeasuredInstallation, REGIONS } from './measure/measured-installation.ts';
import { measureBaseline } from './baseline/measure-baseline.ts';
import { measureGrowth } from './growth/measure-growth.ts';
import { measureHighestRates } from './highest-rate/measure-highest-rates.ts';
import { describeMachine, readRevision, readVersions } from './measure/machine.ts';
import type { Measurement } from './measure/measurement.ts';
import { measureReplicaReads } from './replica/measure-replica-reads.ts';
import {
  measureCrossRegion,
  measureMemory,
  measureSingles,
  measureThroughput,
  openAccounts,
  type PartContext,
} from './parts.ts';
import { load, type PartName, type BenchProfile } from './profile.ts';
import type { BenchResult, Figures, ReplicaFigure } from './result/result.ts';
import { targetsOf } from './result/speed-targets.ts';

export interface BenchOptions {
  readonly profile: BenchProfile;
  readonly parts: ReadonlySet<PartName>;
  readonly dataDir: string;
  /** The first of 31 ports. */
  readonly basePort: number;
  /** Default: those of an installation without a file. */
  readonly settings?: ProcessSettings | undefined;
  /** Folder of another checkout whose servers are measured; default: those of this one. */
  readonly servers?: string | undefined;
  /** Measure without TLS. */
  readonly insecure: boolean;
  readonly processorProfile: boolean;
  readonly signal: AbortSignal;
}

/**
 * Starts everything, measures the parts, stops everything.
 * @throws Error if it cannot be started, if a part cannot be measured, or if it was stopped
 */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const startedAt = new Date();
  const revision = readRevision();
  const { figures: installed, ...described } = await measureInstalled(options);
  const figures = options.parts.has('replica')
    ? { ...installed, replica: await measureCopies(options) }
    : installed;
  return {
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1_000),
    ...revision,
    ...described,
    profile: options.profile,
    settings: { ...load },
    figures,
    targets: targetsOf(figures),
    findings: findingsOf(figures),
  };
}

/** All parts but that of the copies, which needs an installation of its own. */
async function measureInstalled(
  options: BenchOptions,
): Promise<Pick<BenchResult, 'machine' | 'versions' | 'withRedis' | 'figures'>> {
  const { profile, parts, dataDir, signal } = options;
  note('starting three regions and a Postgres for the bare loop');
  const installation = await MeasuredInstallation.start(options);
  // A running job cannot be cancelled: only the end of its process ends it.
  const abort = () => {
    installation.generator.stop();
    installation.rawLoop.stop();
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    const machine = describeMachine(dataDir);
    const first = must(installation.regions[0], 'there is a region');
    const versions = await readVersions(first);
    const requireGoing = () => signal.throwIfAborted();
    const figures = await measureParts({ installation, profile, requireGoing }, parts);
    return { machine, versions, withRedis: installation.withRedis, figures };
  } finally {
    signal.removeEventListener('abort', abort);
    note('stopping');
    await installation.stop();
  }
}

async function measureCopies(options: BenchOptions): Promise<ReplicaFigure[]> {
  const { dataDir, basePort, profile, insecure, signal } = options;
  await emptyBenchData(dataDir);
  const folder = join(dataDir, REGIONS);
  return measureReplicaReads({ profile, dataDir: folder, basePort, insecure, signal });
}

async function measureParts(context: PartContext, parts: ReadonlySet<PartName>): Promise<Figures> {
  const { requireGoing } = context;
  const any = (...names: PartName[]) => names.some((name) => parts.has(name));
  if (any('a', 'b', 'c', 'd', 'e', 'g', 'h')) await openAccounts(context, parts);
  requireGoing();
  let figures: Figures = any('a', 'b', 'c', 'g') ? await measureThroughput(context, parts) : {};
  requireGoing();
  if (any('baseline')) figures = { ...figures, baseline: await measureBaseline(context) };
  requireGoing();
  if (any('d')) figures = { ...figures, singles: await measureSingles(context) };
  requireGoing();
  if (any('h')) figures = { ...figures, highest: await measureHighestRates(context) };
  requireGoing();
  if (any('e')) figures = { ...figures, crossRegion: await measureCrossRegion(context) };
  requireGoing();
  // Last, because a book of a million accounts would slow every check before it down.
  if (any('f', 'i')) figures = { ...figures, memory: await measureMemory(context) };
  requireGoing();
  if (any('i')) figures = { ...figures, growth: await measureGrowth(context) };
  return figures;
}

function findingsOf(figures: Figures): string[] {
  const { raw, batched, hot, mixed, singles, crossRegion, memory, growth, highest } = figures;
  const { baseline, replica } = figures;
  return [
    ...findingsIn('a', raw?.rounds ?? []),
    ...findingsIn('b', batched?.rounds ?? []),
    ...findingsIn('c', hot?.rounds ?? []),
    ...findingsIn('d', singles?.map(({ measurement }) => measurement) ?? []),
    ...findingsIn('e', crossRegion === undefined ? [] : [crossRegion.measurement]),
    ...findingsIn('f', memory === undefined ? [] : [memory.measurement]),
    ...findingsIn('g', mixed?.rounds ?? []),
    ...findingsIn('h', highest?.flatMap(({ steps }) => steps) ?? []),
    ...findingsIn('i', growth === undefined ? [] : [growth]),
    ...findingsIn('baseline', baseline === undefined ? [] : Object.values(baseline)),
    ...findingsIn('replica', replica ?? []),
  ];
}

function findingsIn(
  part: PartName,
  measurements: readonly Pick<Measurement, 'findings'>[],
): string[] {
  return measurements.flatMap(({ findings }) => findings.map((finding) => `${part}: ${finding}`));
}
