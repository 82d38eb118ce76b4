import { must } from '../../ledger/core/assert.ts';
import type { BookCheck } from './book-check.ts';
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
  /** Why the figure is void; empty: it holds. */
  readonly findings: readonly string[];
}

/** Which process makes the load, and which books it changes. */
export interface LoadPlace {
  readonly process: LoadProcess;
  /** By the name that acknowledgements give the payers' region; '' for the bare loop. */
  readonly books: ReadonlyMap<string, BookCheck>;
  /** Resolves when nothing is in progress any more, to what is wrong then. */
  readonly settle?: () => Promise<string[]>;
}

/** The generator in front of the routers. */
export function routed(
  installation: MeasuredInstallation,
  settle?: () => Promise<string[]>,
): LoadPlace {
  const books = new Map<string, BookCheck>();
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

/**
 * Runs a job, watches the processors meanwhile, then compares the books with what was
 * acknowledged.
 * @throws Error if the load process fails
 */
export async function measure(
  installation: MeasuredInstallation,
  { process, books, settle }: LoadPlace,
  job: Job,
): Promise<Measurement> {
  const marks = await Promise.all(
    [...books].map(async ([region, book]) => ({ region, book, mark: await book.mark() })),
  );
  const watch = new ProcessorWatch(installation.pids());
  const result = await process.run(job);
  const processors = watch.end();
  const findings = failures(result);
  if (result.perSecond === 0) findings.push('too few answers in the time for a rate');
  findings.push(...((await settle?.()) ?? []));
  for (const { region, book, mark } of marks) {
    const acknowledged = result.acknowledged.find(({ from }) => from === region);
    findings.push(...(await book.findings(mark, acknowledged)));
  }
  findings.push(...installation.restarts());
  return {
    perSecond: result.perSecond,
    acknowledged: result.acknowledged.reduce((sum, { requests }) => sum + requests, 0),
    latency: result.latency,
    sendDelay: result.sendDelay,
    processors,
    findings,
  };
}

function failures({ failedCalls, errors }: LoadResult): string[] {
  return failedCalls === 0 ? [] : [`${failedCalls} calls failed: ${errors.join('; ')}`];
}
