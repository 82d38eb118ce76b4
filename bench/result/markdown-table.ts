import { count, milliseconds } from '../../regions/terminal/print.ts';
import type { Latency } from '../load/job.ts';
import { load } from '../profile.ts';
import { mebibytes } from '../measure/resident-memory.ts';
import { clientNames } from './client-names.ts';
import { costTable } from './cost-table.ts';
import type {
  BenchResult,
  Figures,
  GrowthFigure,
  LargeBookFigure,
  MixedFigure,
  Rounds,
} from './result.ts';

/** The result as a table in Markdown, with the machine that it was measured on. */
export function markdownTable(result: BenchResult): string {
  const { figures, targets } = result;
  const lines = ['| what | figure | latency |', '|---|---:|---|', ...figureRows(figures)];
  const costs = costTable(figures);
  if (costs.length > 0) lines.push('', ...costs);
  if (targets.length > 0) {
    lines.push('', '| goal | limit | measured | met |', '|---|---|---:|---|');
    for (const { name, limit, value, met } of targets) {
      lines.push(`| ${name} | ${limit} | ${value} | ${met ? 'yes' : '**no**'} |`);
    }
  }
  lines.push('', describeRun(result));
  for (const finding of result.findings) lines.push('', `**Void:** ${finding}`);
  return lines.join('\n');
}

function figureRows(figures: Figures): string[] {
  const { raw, batched, hot, mixed, singles, crossRegion, memory, growth, highest, baseline } =
    figures;
  const rows: string[] = [];
  const add = (what: string, figure: string, latency: string) =>
    rows.push(`| ${what} | ${figure} | ${latency} |`);
  const { rawItemsPerBatch, itemsPerCall, callsInFlight, crossRegionShare } = load;
  if (raw !== undefined) {
    const what = `a: bare posting loop, batches of ${count(rawItemsPerBatch)}`;
    add(what, rateOf(raw), latencyOf(raw));
  }
  const calls = `calls of ${count(itemsPerCall)}, ${callsInFlight} in flight`;
  if (batched !== undefined) {
    add(`b: router and ledger, one book, ${calls}`, rateOf(batched), latencyOf(batched));
  }
  if (hot !== undefined) {
    add('c: the same, one account in every transfer', rateOf(hot), latencyOf(hot));
  }
  for (const { ratePerSecond, measurement } of singles ?? []) {
    const what = `d: one transfer per call, ${count(ratePerSecond)} calls/s`;
    const { perSecond, latency, sendDelay } = measurement;
    add(what, `${count(perSecond)}/s`, quantiles(latency) + lateness(sendDelay));
  }
  if (crossRegion !== undefined) {
    const { measurement, drainMs } = crossRegion;
    const what = `e: three books, ${crossRegionShare * 100} % across regions, settled`;
    const drained = `; transit at zero ${milliseconds(drainMs)} after the last answer`;
    add(what, `${count(measurement.perSecond)}/s`, quantiles(measurement.latency) + drained);
  }
  if (memory !== undefined) {
    const what = `f: memory of a ledger server, ${count(memory.accounts)} accounts touched`;
    add(what, mebibytes(memory.residentBytes), '');
  }
  if (mixed !== undefined) {
    const what = 'g: as b, with 30 % holds and their ends, and 10 % groups of three legs';
    add(what, rateOf(mixed) + mixedNote(mixed, batched), latencyOf(mixed));
  }
  for (const { client, ratePerSecond, measurement } of highest ?? []) {
    const bound = `p99 < ${load.searchP99Ms} ms`;
    const what = `h: highest rate of single transfers with ${bound}, ${clientNames[client]}`;
    const { latency, sendDelay } = measurement ?? {};
    add(what, `${count(ratePerSecond)}/s`, quantiles(latency) + lateness(sendDelay));
  }
  if (growth !== undefined) rows.push(...growthRows(growth));
  if (baseline !== undefined) {
    const { perSecond: single, latency } = baseline.singles;
    const clients = `${load.baselineClients} clients`;
    const what = 'baseline: SQL functions that update two balances';
    add(`${what}, one transfer per call, ${clients}`, `${count(single)}/s`, quantiles(latency));
    const many = baseline.batched;
    const per = `calls of ${count(itemsPerCall)}, ${load.baselineBatchClients} in flight`;
    add(`${what}, ${per}`, `${count(many.perSecond)}/s`, quantiles(many.latency));
  }
  for (const { asked, perSecond, lookUps, pages } of figures.replica ?? []) {
    const what = `replica: ${asked === undefined ? 'full load' : 'fixed rate'}, a copy in another region`;
    add(`${what}: a transfer by id`, `${count(perSecond)}/s posted`, quantiles(lookUps));
    add(`${what}: a page of an account`, `${count(perSecond)}/s posted`, quantiles(pages));
  }
  return rows;
}

function growthRows(growth: GrowthFigure): string[] {
  const { accounts, rows, steps, lastByFirst, databaseBytes, residentBytes } = growth;
  const rates = steps.map(({ perSecond }) => perSecond);
  const [first = 0, last = 0] = [rates[0], rates.at(-1)];
  const sizes = `database ${mebibytes(databaseBytes)}, ledger server ${mebibytes(residentBytes)}`;
  const range = `${count(first)}/s at first, ${count(last)}/s at last`;
  const what = `i: as b, ${count(accounts)} accounts, rate at ${count(rows)} rows by that at first`;
  return [
    `| ${what} | ${lastByFirst.toFixed(2)} (${range}) | ${sizes} |`,
    `| i: rate of each ${count(growth.rowsPerStep)} rows | ${rates.map(thousands).join(', ')} |  |`,
    ...largeBookRows(growth.large),
  ];
}

function largeBookRows({ partitions, openRows, ...large }: LargeBookFigure): string[] {
  const { recoveryMs, balances, lookUps } = large;
  const of = `i: ${count(partitions)} partitions, ${count(openRows)} rows in the open one`;
  return [
    `| ${of}: payment after the leader is killed | ${milliseconds(recoveryMs)} |  |`,
    `| ${of}: balance of a cold account |  | ${quantiles(balances)} |`,
    `| ${of}: a transfer by id |  | ${quantiles(lookUps)} |`,
  ];
}

const thousands = (rate: number) => `${(rate / 1_000).toFixed(1)}k`;

function mixedNote(
  { medianPerSecond, medianLegsPerSecond }: MixedFigure,
  batched?: Rounds,
): string {
  const legs = `, ${count(medianLegsPerSecond)} legs/s`;
  if (batched === undefined || batched.medianPerSecond === 0) return legs;
  return `${legs}; g / b ${(medianPerSecond / batched.medianPerSecond).toFixed(2)}`;
}

function rateOf({ medianPerSecond, rounds }: Rounds): string {
  const rates = rounds.map(({ perSecond }) => perSecond);
  if (rates.length < 2) return `${count(medianPerSecond)}/s`;
  const range = `${count(Math.min(...rates))} to ${count(Math.max(...rates))}`;
  return `${count(medianPerSecond)}/s (${range})`;
}

/** Of the round whose rate is the median: quantiles of different rounds cannot be averaged. */
function latencyOf({ rounds }: Rounds): string {
  const sorted = rounds.toSorted((a, b) => a.perSecond - b.perSecond);
  return quantiles(sorted[Math.floor(sorted.length / 2)]?.latency);
}

function quantiles(latency: Latency | undefined): string {
  if (latency === undefined) return '';
  const { p50, p99, p999 } = latency;
  const texts = [p50, p99, p999].map((value) => milliseconds(value));
  return `p50 ${texts[0]}, p99 ${texts[1]}, p99.9 ${texts[2]}`;
}

/** How late the generator itself was, which the latency has in it. */
function lateness(delay: Latency | undefined): string {
  if (delay === undefined) return '';
  return `; sent late p50 ${milliseconds(delay.p50)}, p99 ${milliseconds(delay.p99)}`;
}

function describeRun(result: BenchResult): string {
  const { machine, versions, profile, startedAt, commit, dirty } = result;
  const { processor, cores, memoryBytes, kernel, fsyncMs } = machine;
  const redis = versions.redis === '' ? 'without Redis' : `Redis ${versions.redis}`;
  const change = dirty ? ' with changes' : '';
  const parts = [
    `${startedAt.slice(0, 10)}, commit ${commit}${change}, profile ${profile.name}`,
    `${processor}, ${cores} cores, ${count(memoryBytes / 2 ** 30)} GiB, ${kernel}`,
    `fsync ${milliseconds(fsyncMs)}`,
    `Node ${versions.node.replace(/^v/u, '')}, Postgres ${versions.postgres}, ${redis}`,
  ];
  return `${parts.join('; ')}. Everything on one machine, the generator included.`;
}
