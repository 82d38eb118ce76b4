import { count } from '../../regions/terminal/print.ts';
import { type Cost, meanCost } from '../measure/cost.ts';
import type { Measurement } from '../measure/measurement.ts';
import { clientNames } from './client-names.ts';
import type { Figures } from './result.ts';

/** Columns of processor time. */
const columns = [
  { title: 'ledger', roles: ['ledger'] },
  { title: 'router', roles: ['router'] },
  { title: 'Postgres', roles: ['postgres'] },
  { title: 'Redis', roles: ['redis'] },
  { title: 'generator or loop', roles: ['generator', 'loop'] },
] as const;

/** What a request of each part has cost, as a table in Markdown; empty if nothing is known. */
export function costTable(figures: Figures): string[] {
  const rows = measurementsOf(figures).flatMap(({ part, measurements }) => {
    const sound = measurements.filter(({ findings }) => findings.length === 0);
    const cost = meanCost(sound);
    return cost === undefined ? [] : [row(part, cost)];
  });
  if (rows.length === 0) return [];
  const titles = columns.map(({ title }) => `${title} µs`);
  return [
    `| cost per request | ${titles.join(' | ')} | WAL bytes | fsyncs | garbage collection |`,
    `|---|${'---:|'.repeat(columns.length)}---:|---:|---|`,
    ...rows,
  ];
}

function row(part: string, { cpuMicros, walBytes, fsyncs, gcShare }: Cost): string {
  const micros = columns.map(({ roles }) => {
    const known = roles.flatMap((role) => cpuMicros[role] ?? []);
    return known.length === 0 ? '' : small(known.reduce((sum, each) => sum + each, 0));
  });
  const shares = Object.entries(gcShare).map(
    ([role, share]) => `${role} ${Math.round(share * 100)} %`,
  );
  return `| ${[part, ...micros, count(walBytes), fsyncs.toPrecision(2), shares.join(', ')].join(' | ')} |`;
}

/** Two digits at least. */
const small = (value: number) => (value < 9.95 ? value.toFixed(1) : count(value));

interface PartMeasurements {
  readonly part: string;
  readonly measurements: readonly Measurement[];
}

/** All measurements by what the rows are called, in the order of the parts. */
function measurementsOf(figures: Figures): PartMeasurements[] {
  const { raw, batched, hot, mixed, singles, crossRegion, memory, growth, highest, baseline } =
    figures;
  return [
    { part: 'a', measurements: raw?.rounds ?? [] },
    { part: 'b', measurements: batched?.rounds ?? [] },
    { part: 'c', measurements: hot?.rounds ?? [] },
    ...(singles ?? []).map(({ ratePerSecond, measurement }) => ({
      part: `d, ${count(ratePerSecond)}/s`,
      measurements: [measurement],
    })),
    { part: 'e', measurements: crossRegion === undefined ? [] : [crossRegion.measurement] },
    { part: 'f', measurements: memory === undefined ? [] : [memory.measurement] },
    { part: 'g', measurements: mixed?.rounds ?? [] },
    ...(highest ?? []).map(({ client, measurement }) => ({
      part: `h, ${clientNames[client]}`,
      measurements: measurement === undefined ? [] : [measurement],
    })),
    { part: 'i', measurements: growth?.findings.length === 0 ? growth.steps : [] },
    ...(baseline === undefined
      ? []
      : [
          { part: 'baseline, single', measurements: [baseline.singles] },
          { part: 'baseline, calls', measurements: [baseline.batched] },
        ]),
  ];
}
