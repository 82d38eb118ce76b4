import { must } from '../../ledger/core/assert.ts';
import type { CheckedBook } from './checked-book.ts';
import { type Cost, costOf, RAW_REGION, regionsOf } from './cost.ts';
import { type DatabaseUse, usedBetween } from './database-use.ts';
import type { MeasuredInstallation } from './measured-installation.ts';
import type { Job, Latency, LoadResult } from '../load/job.ts';
import type { LoadProcess } from './load-process.ts';
import { type ProcessorUse, ProcessorWatch } from './processor-use.ts';

/** One measurement, as it goes into the result file. */
export interface Measurement {
  /** Requests per second: transfers, or the mix of the part. */
  readonly perSecond: number;
  /** Requests acknowledged, the warm-up included. */
  readonly acknowledged: number;
  /** Of calls or batches, in milliseconds. */
  readonly latency: Latency | undefined;
  readonly sendDelay: Latency | undefined;
  readonly processors: ProcessorUse;
  /** Per request; undefined if there was none, and in files of earlier benchmarks. */
  readonly cost?: Cost | undefined;
  /** Why the rate is more than the system can do; undefined: it is not. Only where that is asked. */
  readonly overload?: string;
  /** Why the figure is void; empty: it holds. */
  readonly findings: readonly string[];
}

/** Which process makes the load, and which books it changes. */
export interface LoadPlace {
  readonly process: LoadProcess;
  /** By the name that acknowledgements give the payers' region; '' for the bare loop. */
  readonly books: ReadonlyMap<string, CheckedBook>;
  /** Resolves when nothing is in progress any more, to what is wrong then. */
  readonly settle?: () => Promise<string[]>;
  /** True: calls that fail or cannot be sent are an answer, and do not make the figure void. */
  readonly seeksLimit?: boolean;
}

/** The generator in front of the routers. */
export function routed(
  installation: MeasuredInstallation,
  settle?: () => Promise<string[]>,
): LoadPlace {
  const books = new Map<string, CheckedBook>();
  for (const [index, { name }] of installation.regions.entries()) {
    books.set(name, must(installation.books[index], 'every region has a book'));
  }
  const place = { process: installation.generator, books };
  return settle === undefined ? place : { ...place, settle };
}

/** The bare loop on its own book. */
export function raw(installation: MeasuredInstallation): LoadPlace {
  return { process: installation.rawLoop, books: new Map([['', installation.rawBook]]) };
}

/** The conventional ledger, on the Postgres of the bare loop. */
export function conventional(installation: MeasuredInstallation, baseline: CheckedBook): LoadPlace {
  return { process: installation.rawLoop, books: new Map([['', baseline]]) };
}

/**
 * Runs a job, watches the processors meanwhile, then compares the books with what was
 * acknowledged.
 * @throws Error if the load process fails
 */
export async function measure(
  installation: MeasuredInstallation,
  { process, books, settle, seeksLimit = false }: LoadPlace,
  job: Job,
): Promise<Measurement> {
  const checks = await Promise.all(
    [...books].map(async ([region, book]) => ({ region, findings: await book.begin() })),
  );
  const regions = regionsOf(job);
  const working = [...books].flatMap(([region, book]) =>
    regions.has(region === '' ? RAW_REGION : region) ? [book] : [],
  );
  const before = await Promise.all(working.map((book) => book.databaseUse()));
  const gcBefore = installation.gcSeconds();
  const watch = new ProcessorWatch(installation.pids());
  const result = await process.run(job);
  const processors = watch.use();
  const gcSeconds = new Map(
    [...installation.gcSeconds()].map(([name, now]) => [name, now - (gcBefore.get(name) ?? 0)]),
  );
  // Before the books are checked, which is no part of the cost.
  const databases = await usedBy(working, before);
  const processorSeconds = new Map(watch.seconds());
  if (result.processorSeconds !== undefined) {
    processorSeconds.set('generator', result.processorSeconds);
  }
  const overload = failuresOf(result).join('; ');
  const findings = seeksLimit || overload === '' ? [] : [overload];
  if (result.perSecond === 0 && !seeksLimit)
    findings.push('too few answers in the time for a rate');
  findings.push(...((await settle?.()) ?? []));
  // Whether a failed call was applied is not known, so there is nothing to compare with.
  const comparable = seeksLimit && result.failedCalls > 0 ? [] : checks;
  for (const { region, findings: findingsOf } of comparable) {
    const acknowledged = result.acknowledged.find(({ from }) => from === region);
    findings.push(...(await findingsOf(acknowledged)));
  }
  findings.push(...installation.restarts());
  const acknowledged = result.acknowledged.reduce((sum, { requests }) => sum + requests, 0);
  return {
    perSecond: result.perSecond,
    acknowledged,
    latency: result.latency,
    sendDelay: result.sendDelay,
    processors,
    cost: costOf({ processorSeconds, gcSeconds, databases }, regions, acknowledged),
    ...(seeksLimit && overload !== '' ? { overload } : {}),
    findings,
  };
}

/** What the databases of the books have done since, once no index is being built any more. */
async function usedBy(
  books: readonly CheckedBook[],
  before: readonly DatabaseUse[],
): Promise<DatabaseUse[]> {
  return Promise.all(
    books.map(async (book, index) => {
      await book.indexesBuilt();
      const begun = must(before[index], 'it was read before');
      return usedBetween(begun, await book.databaseUse());
    }),
  );
}

/** Why a figure of this load is void, or its rate more than the system can do; empty: it is neither. */
export function failuresOf({ failedCalls, unsentCalls, errors }: LoadResult): string[] {
  const failed = failedCalls === 0 ? [] : [`${failedCalls} calls failed: ${errors.join('; ')}`];
  if (unsentCalls === 0) return failed;
  return [...failed, `${unsentCalls} calls were not sent: too many were unanswered`];
}
