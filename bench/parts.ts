import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../ledger/core/assert.ts';
import { count, milliseconds, note } from '../regions/terminal/print.ts';
import type { RegionState } from '../regions/topology/state.ts';
import { checkpoint } from './measure/database-use.ts';
import { channelFindings, transitFindings } from './measure/book-check.ts';
import type { MeasuredInstallation } from './measure/measured-installation.ts';
import type { CallsJob, Route, Window } from './load/job.ts';
import { LEGS_PER_REQUEST } from './load/mixed-calls.ts';
import { measure, type Measurement, raw, routed } from './measure/measurement.ts';
import { load, type PartName, type BenchProfile, singleRates } from './profile.ts';
import { mebibytes, residentMemory } from './measure/resident-memory.ts';
import {
  type CrossRegionFigure,
  type Figures,
  type MemoryFigure,
  type MixedFigure,
  seriesOf,
  type SinglesFigure,
} from './result/result.ts';

/** Until nothing is in progress any more: legs in transit, holds that expire. */
const DRAIN_MS_MAX = 60_000;
const DRAIN_POLL_MS = 20;

/** What every part needs. */
export interface PartContext {
  readonly installation: MeasuredInstallation;
  readonly profile: BenchProfile;
  /** Throws if the run must stop. */
  readonly requireGoing: () => void;
}

/** Opens the accounts of all parts but f. */
export async function openAccounts(
  { installation, profile }: PartContext,
  parts: ReadonlySet<PartName>,
): Promise<void> {
  const { accounts } = profile;
  if (parts.has('a')) {
    note(`opening ${count(accounts)} accounts in the raw book`);
    const { rawLoop, rawUrl: databaseUrl } = installation;
    await rawLoop.run({
      kind: 'raw-open',
      databaseUrl,
      accounts,
      itemsPerBatch: load.rawItemsPerBatch,
    });
  }
  const wanted = parts.has('e') ? installation.regions : installation.regions.slice(0, 1);
  const open = async ({ name: region, routerAddress: router }: RegionState, mixed: boolean) => {
    note(`opening ${count(accounts)} accounts in ${region}`);
    const externalIdPrefix = mixed ? 'bench-mixed-' : 'bench-';
    const job = { kind: 'open', router, region, count: accounts, externalIdPrefix, mixed } as const;
    await installation.generator.run(job);
  };
  for (const region of wanted) await open(region, false);
  if (parts.has('g')) await open(firstRegion(installation), true);
}

/**
 * Parts a, b, c and g, in turns: what else happens on the machine, and how large the books have
 * grown, then touches all alike, and their ratios hold although the figures move.
 */
export async function measureThroughput(
  context: PartContext,
  parts: ReadonlySet<PartName>,
): Promise<Figures> {
  const { installation, profile, requireGoing } = context;
  const { roundWindow: window } = profile;
  const book = must(installation.books[0], 'there is a book');
  const expired = async () => (await drained(() => book.expiring())).findings;
  const measures: Record<'a' | 'b' | 'c' | 'g', () => Promise<Measurement>> = {
    a: () => measure(installation, raw(installation), { kind: 'raw', window }),
    b: () => measure(installation, routed(installation), oneBook(installation, window)),
    c: () => {
      const job = oneBook(installation, window, { hot: true });
      return measure(installation, routed(installation), job);
    },
    g: () => {
      const job = oneBook(installation, window, { requests: 'mixed' });
      return measure(installation, routed(installation, expired), job);
    },
  };
  const rounds: Record<'a' | 'b' | 'c' | 'g', Measurement[]> = { a: [], b: [], c: [], g: [] };
  for (let round = 1; round <= profile.rounds; round += 1) {
    for (const part of ['a', 'b', 'c', 'g'] as const) {
      if (!parts.has(part)) continue;
      requireGoing();
      const measurement = await measures[part]();
      rounds[part].push(measurement);
      report(`${part}, round ${round} of ${profile.rounds}`, measurement);
    }
  }
  return {
    ...(parts.has('a') ? { raw: seriesOf(rounds.a) } : {}),
    ...(parts.has('b') ? { batched: seriesOf(rounds.b) } : {}),
    ...(parts.has('c') ? { hot: seriesOf(rounds.c) } : {}),
    ...(parts.has('g') ? { mixed: mixedFigure(rounds.g) } : {}),
  };
}

function mixedFigure(rounds: readonly Measurement[]): MixedFigure {
  const series = seriesOf(rounds);
  return { ...series, medianLegsPerSecond: series.medianPerSecond * LEGS_PER_REQUEST };
}

/** Uniform plain transfers, unless options state otherwise. */
function oneBook(
  installation: MeasuredInstallation,
  window: Window,
  {
    hot = false,
    requests = 'plain',
  }: { readonly hot?: boolean; readonly requests?: CallsJob['requests'] } = {},
): CallsJob {
  const { name, routerAddress } = firstRegion(installation);
  const route: Route = { router: routerAddress, from: name, awayShare: 0, away: [], hot };
  const { itemsPerCall, callsInFlight: inFlight } = load;
  return { kind: 'calls', requests, routes: [route], itemsPerCall, inFlight, window };
}

/**
 * Part d: single transfers at fixed rates, by a database that finds files of its write-ahead log to use
 * again, as every one does that is older than 15 minutes. Each that it makes holds commits up for 40 ms.
 */
export async function measureSingles(context: PartContext): Promise<SinglesFigure[]> {
  const { installation, profile, requireGoing } = context;
  const { name, routerAddress, adminUrl } = firstRegion(installation);
  await checkpoint(adminUrl);
  const figures: SinglesFigure[] = [];
  for (const ratePerSecond of singleRates) {
    requireGoing();
    const measurement = await measure(installation, routed(installation), {
      kind: 'singles',
      client: 'frames',
      unansweredMax: load.unansweredMax,
      router: routerAddress,
      from: name,
      ratePerSecond,
      window: profile.singlesWindow,
    });
    report(`d, ${count(ratePerSecond)} calls a second`, measurement);
    figures.push({ ratePerSecond, measurement });
  }
  return figures;
}

/** Part e: every region pays through its own router, a tenth of it to the other regions. */
export async function measureCrossRegion(context: PartContext): Promise<CrossRegionFigure> {
  const { installation, profile } = context;
  let drainMs = 0;
  const settle = async () => {
    const { books } = installation;
    const { findings, ms } = await drained(() => channelFindings(books));
    drainMs = ms;
    // After the time is taken: balances of a bare partition take seconds to read.
    return [...findings, ...(await transitFindings(books))];
  };
  const names = installation.regions.map(({ name }) => name);
  const routes = installation.regions.map(({ name, routerAddress }) => ({
    router: routerAddress,
    from: name,
    awayShare: load.crossRegionShare,
    away: names.filter((other) => other !== name),
    hot: false,
  }));
  const measurement = await measure(installation, routed(installation, settle), {
    kind: 'calls',
    requests: 'plain',
    routes,
    itemsPerCall: load.itemsPerCall,
    inFlight: load.crossRegionCallsInFlight,
    window: profile.crossRegionWindow,
  });
  report('e, three books', measurement);
  note(`   in transit drained to zero within ${milliseconds(drainMs)}`);
  return { measurement, drainMs };
}

/** Part f: the memory of a ledger server once this number of accounts was touched. */
export async function measureMemory(context: PartContext): Promise<MemoryFigure> {
  const { installation, profile } = context;
  const region = must(installation.regions.at(-1), 'there is a region');
  const { name, routerAddress: router } = region;
  const accounts = profile.memoryAccounts;
  note(`f: opening ${count(accounts)} accounts in ${name}`);
  const begun = performance.now();
  await installation.generator.run({
    kind: 'open',
    router,
    region: name,
    count: accounts,
    externalIdPrefix: 'bench-touched-',
    mixed: false,
  });
  const openedPerSecond = (accounts * 1_000) / (performance.now() - begun);
  context.requireGoing();
  const { itemsPerCall, callsInFlight: inFlight } = load;
  const job = { kind: 'touch', router, region: name, itemsPerCall, inFlight } as const;
  const measurement = await measure(installation, routed(installation), job);
  const { now, peak } = residentMemory(installation.ledgerPid(region));
  report('f', measurement);
  note(`   resident ${mebibytes(now)}`);
  return { accounts, residentBytes: now, peakBytes: peak, openedPerSecond, measurement };
}

/** Asks until there is nothing to find, up to a limit. Returns how long that took. */
async function drained(
  ask: () => Promise<string[]>,
): Promise<{ readonly findings: string[]; readonly ms: number }> {
  const begun = performance.now();
  let findings = await ask();
  while (findings.length > 0 && performance.now() - begun < DRAIN_MS_MAX) {
    await sleep(DRAIN_POLL_MS);
    findings = await ask();
  }
  return { findings, ms: performance.now() - begun };
}

function firstRegion(installation: MeasuredInstallation): RegionState {
  return must(installation.regions[0], 'there is a region');
}

/** Shows a measurement while the run goes on. */
export function report(
  what: string,
  { perSecond, latency, processors, findings }: Measurement,
): void {
  const other = processors.otherCores;
  const noise = other === undefined ? '' : `, others use ${other.toFixed(2)} cores`;
  const quantiles =
    latency === undefined
      ? ''
      : `, p50 ${milliseconds(latency.p50)}, p99 ${milliseconds(latency.p99)}`;
  note(`${what}: ${count(perSecond)}/s${quantiles}${noise}`);
  for (const finding of findings) note(`   VOID: ${finding}`);
}
