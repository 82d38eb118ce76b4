import { count, milliseconds } from '../../regions/terminal/print.ts';
import type { SinglesJob } from '../load/job.ts';
import { type Cost, meanCost } from '../measure/cost.ts';
import { median } from '../measure/median.ts';
import type { Measurement } from '../measure/measurement.ts';
import { mebibytes } from '../measure/resident-memory.ts';
import { load } from '../profile.ts';
import { clientNames } from './client-names.ts';
import type { Figures, Rounds, Target } from './result.ts';

/** The goals of the benchmark on two cores that the generator shares. */
const goals = {
  batchedPerSecond: 100_000,
  batchedByRaw: 0.75,
  hotByBatched: 1,
  mixedPerSecond: 50_000,
  crossRegionPerSecond: 70_000,
  /** Of part b, in microseconds per transfer. */
  cpuMicros: { ledger: 5, router: 2, postgres: 8 },
  /** Of part b, per transfer. */
  walBytes: 350,
  singles: { ratePerSecond: 1_000, ms: { p50: 2.5, p99: 12, p999: 30 } },
  highestPerSecond: { frames: 10_000, library: 5_000 } satisfies Record<
    SinglesJob['client'],
    number
  >,
  growth: { rows: 30_000_000, accounts: 1_000_000, lastByFirst: 0.95 },
  memory: { accounts: 1_000_000, bytes: 400 * 2 ** 20 },
  /** Of the book that has grown. */
  large: { readP99Ms: 10, recoveryMs: 4_000 },
  /** Of a copy. */
  replicaP99Ms: { fixed: 20, full: 200 },
} as const;

const roleNames = { ledger: 'ledger server', router: 'router', postgres: 'Postgres' } as const;
const quantileNames = { p50: 'p50', p99: 'p99', p999: 'p99.9' } as const;

/** The goals that these figures can be compared with. Void figures meet none. */
export function targetsOf(figures: Figures): Target[] {
  const { raw, batched, hot, mixed, crossRegion } = figures;
  const targets: Target[] = [];
  if (batched !== undefined) {
    targets.push(atLeast('b: one book', goals.batchedPerSecond, batched.medianPerSecond));
    targets.push(...costTargets(meanCost(soundOnes(batched.rounds))));
  }
  if (raw !== undefined && batched !== undefined) {
    targets.push(ratioAtLeast('b / a', goals.batchedByRaw, ratio(batched, raw)));
  }
  if (hot !== undefined && batched !== undefined) {
    targets.push(ratioAtLeast('c / b', goals.hotByBatched, ratio(hot, batched)));
  }
  targets.push(...singlesTargets(figures));
  if (crossRegion !== undefined) {
    const { measurement } = crossRegion;
    const rate = isSound(measurement) ? measurement.perSecond : 0;
    targets.push(atLeast('e: three books, settled', goals.crossRegionPerSecond, rate));
  }
  targets.push(...memoryTargets(figures));
  if (mixed !== undefined) {
    const name = 'g: holds and groups, requests';
    targets.push(atLeast(name, goals.mixedPerSecond, mixed.medianPerSecond));
  }
  for (const { client, measurement } of figures.highest ?? []) {
    const bound = `p99 < ${load.searchP99Ms} ms`;
    const name = `h: single transfers with ${bound}, ${clientNames[client]}`;
    const rate = measurement === undefined ? 0 : measurement.perSecond;
    targets.push(atLeast(name, goals.highestPerSecond[client], rate));
  }
  targets.push(...growthTargets(figures), ...replicaTargets(figures));
  return targets;
}

const isSound = ({ findings }: { readonly findings: readonly string[] }) => findings.length === 0;

const soundOnes = (rounds: readonly Measurement[]) => rounds.filter(isSound);

function costTargets(cost: Cost | undefined): Target[] {
  if (cost === undefined) return [];
  const targets = (['ledger', 'router', 'postgres'] as const).flatMap((role): Target[] => {
    const value = cost.cpuMicros[role];
    if (value === undefined) return [];
    const name = `b: processor time per transfer, ${roleNames[role]}`;
    return [atMost(name, goals.cpuMicros[role], value, (micros) => `${digits(micros)} µs`)];
  });
  return [...targets, atMost('b: WAL per transfer', goals.walBytes, cost.walBytes, inBytes)];
}

function singlesTargets({ singles }: Figures): Target[] {
  const { ratePerSecond: rate, ms } = goals.singles;
  const single = singles?.find(({ ratePerSecond }) => ratePerSecond === rate);
  if (single === undefined) return [];
  const { measurement } = single;
  return (['p50', 'p99', 'p999'] as const).map((quantile) => {
    const name = `d: ${quantileNames[quantile]} at ${count(rate)}/s`;
    const value = measurement.latency?.[quantile] ?? Infinity;
    const target = atMost(name, ms[quantile], value, milliseconds);
    return { ...target, met: target.met && isSound(measurement) };
  });
}

/** With the rows of part i if it was measured. */
function memoryTargets({ memory, growth }: Figures): Target[] {
  const { accounts, bytes } = goals.memory;
  const measured = growth ?? memory;
  if (measured === undefined || measured.accounts < accounts) return [];
  const findings = growth === undefined ? memory?.measurement.findings : growth.findings;
  const rows = growth === undefined ? '' : `, ${count(growth.rows)} rows`;
  const name = `f: memory of a ledger server${rows}`;
  const target = atMost(name, bytes, measured.residentBytes, mebibytes);
  return [{ ...target, met: target.met && findings?.length === 0 }];
}

function growthTargets({ growth }: Figures): Target[] {
  const { rows, accounts, lastByFirst } = goals.growth;
  if (growth === undefined || growth.rows < rows || growth.accounts < accounts) return [];
  const name = `i: rate at ${count(growth.rows)} rows by that at first`;
  const { partitions, recoveryMs, balances, lookUps } = growth.large;
  const of = `i: ${count(partitions)} partitions`;
  const { large } = goals;
  return [
    ratioAtLeast(name, lastByFirst, growth.lastByFirst),
    atMost(`${of}, a transfer by id, p99`, large.readP99Ms, lookUps.p99, milliseconds),
    atMost(`${of}, balance of a cold account, p99`, large.readP99Ms, balances.p99, milliseconds),
    atMost(`${of}, payment after a killed leader`, large.recoveryMs, recoveryMs, milliseconds),
  ].map((target) => ({ ...target, met: target.met && isSound(growth) }));
}

function replicaTargets({ replica }: Figures): Target[] {
  return (replica ?? []).flatMap((figure): Target[] => {
    const { asked, lookUps, pages } = figure;
    const limit = goals.replicaP99Ms[asked === undefined ? 'full' : 'fixed'];
    const posting = asked === undefined ? 'at full load' : `at ${count(asked)}/s`;
    return [
      atMost(`replica ${posting}: a transfer by id, p99`, limit, lookUps.p99, milliseconds),
      atMost(`replica ${posting}: a page of an account, p99`, limit, pages.p99, milliseconds),
    ].map((target) => ({ ...target, met: target.met && isSound(figure) }));
  });
}

function atLeast(name: string, limit: number, value: number): Target {
  return { name, limit: `>= ${count(limit)}/s`, value: `${count(value)}/s`, met: value >= limit };
}

function ratioAtLeast(name: string, limit: number, value: number): Target {
  return { name, limit: `>= ${limit}`, value: value.toFixed(2), met: value >= limit };
}

function atMost(
  name: string,
  limit: number,
  value: number,
  text: (value: number) => string,
): Target {
  return { name, limit: `<= ${text(limit)}`, value: text(value), met: value <= limit };
}

/**
 * Rounds are measured in turns, and what else happens on the machine moves those of one turn alike:
 * the median of their ratios, not the ratio of their medians. Turns with a void round do not count.
 */
function ratio(part: Rounds, base: Rounds): number {
  const ratios = part.rounds.flatMap((round, turn) => {
    const other = base.rounds[turn];
    if (other === undefined || !isSound(round) || !isSound(other)) return [];
    return other.perSecond > 0 ? [round.perSecond / other.perSecond] : [];
  });
  return median(ratios);
}

const inBytes = (value: number) => `${count(value)} bytes`;
const digits = (value: number) => (value < 10 ? value.toFixed(1) : count(value));
