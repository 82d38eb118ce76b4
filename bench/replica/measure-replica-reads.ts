import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../../ledger/core/assert.ts';
import { ReadLevel } from '../../proto/gen/meridian/v1/position.ts';
import { startReplicatedCluster } from '../../regions/supervisor/replicated/replicated-cluster.ts';
import { count, milliseconds, note } from '../../regions/terminal/print.ts';
import type { ClusterState, RegionState } from '../../regions/topology/state.ts';
import { MeridianClient } from '../../router/client/client.ts';
import { routerChannel } from '../../regions/links/known-links.ts';
import type { CallsJob, Latency, Window } from '../load/job.ts';
import { newHistogram, record, summary } from '../load/meter.ts';
import { followTimetable } from '../load/timetable.ts';
import { BookCheck, type SampledTransfer } from '../measure/book-check.ts';
import { LoadProcess } from '../measure/load-process.ts';
import { failuresOf } from '../measure/measurement.ts';
import { type BenchProfile, load } from '../profile.ts';
import type { ReplicaFigure } from '../result/result.ts';

/** Entries of a page. */
const PAGE = 20;
/** The leader is in the first region, and the copy that is read in the second. */
const READS = { level: ReadLevel.STALE, minPosition: undefined };

export interface ReplicaOptions {
  readonly profile: BenchProfile;
  /** An empty folder, or one of an earlier run. */
  readonly dataDir: string;
  readonly basePort: number;
  /** Measure without TLS. */
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

/**
 * Reads of a copy in another region while its book posts, at a fixed rate and as fast as it can:
 * transfers by id and pages of one account, from all over the journal. All copies of all books
 * run on this machine, as do etcd and Patroni.
 */
export async function measureReplicaReads(options: ReplicaOptions): Promise<ReplicaFigure[]> {
  const { dataDir, basePort, insecure, signal, profile } = options;
  note('replica: starting three regions with their copies');
  const cluster = await startReplicatedCluster({ dataDir, basePort, insecure, signal });
  const generator = new LoadProcess(cluster.dataDir, false);
  const stop = () => generator.stop();
  signal.addEventListener('abort', stop, { once: true });
  const place = placeOf(cluster.state());
  try {
    signal.throwIfAborted();
    const { name: region, routerAddress: router } = place.home;
    const externalIdPrefix = 'bench-replica-';
    const accounts = { count: profile.accounts, externalIdPrefix, mixed: false };
    await generator.run({ kind: 'open', router, region, ...accounts });
    const figures: ReplicaFigure[] = [];
    for (const perSecond of [load.replicaPerSecond, undefined]) {
      signal.throwIfAborted();
      figures.push(await readWhilePosting(place, generator, options, perSecond));
    }
    return figures;
  } finally {
    signal.removeEventListener('abort', stop);
    generator.stop();
    place.reader.close();
    await place.book.close();
    note('stopping');
    await cluster.stop();
  }
}

interface Place {
  readonly home: RegionState;
  readonly book: BookCheck;
  /** At the router of another region. */
  readonly reader: MeridianClient;
}

function placeOf({ regions, books }: ClusterState): Place {
  const home = must(regions[0], 'there is a region');
  const away = must(regions[1], 'there is another region');
  const { name, number, auditorUrl } = must(
    books.find(({ region }) => region === home.name),
    'every region has a book',
  );
  const reader = new MeridianClient([away.routerAddress], { channelTo: routerChannel });
  return { home, book: new BookCheck({ name, number }, auditorUrl), reader };
}

/** @param perSecond transfers that are posted; undefined: as many as can be */
async function readWhilePosting(
  { home, book, reader }: Place,
  generator: LoadProcess,
  { profile, signal }: ReplicaOptions,
  perSecond: number | undefined,
): Promise<ReplicaFigure> {
  const { name: from, routerAddress: router } = home;
  const { warmUpMs, measureMs } = profile.replicaWindow;
  const { itemsPerCall, callsInFlight: inFlight } = load;
  const job: CallsJob = {
    kind: 'calls',
    requests: 'plain',
    routes: [{ router, from, awayShare: 0, away: [], hot: false }],
    itemsPerCall,
    inFlight,
    ...(perSecond === undefined ? {} : { callsPerSecond: perSecond / itemsPerCall }),
    // Longer than the reads, which begin later.
    window: { warmUpMs, measureMs: measureMs + warmUpMs },
  };
  const findingsOf = await book.begin();
  const posting = generator.run(job);
  const reading = readAll(book, reader, profile.replicaWindow, signal);
  const [result, { lookUps, pages, failures }] = await Promise.all([posting, reading]);
  const findings = [...failures, ...failuresOf(result)];
  findings.push(...(await findingsOf(result.acknowledged[0])));
  const figure = { perSecond: result.perSecond, asked: perSecond, lookUps, pages, findings };
  const rate = `${count(result.perSecond)}/s`;
  const waits = `by id p99 ${milliseconds(lookUps.p99)}, a page ${milliseconds(pages.p99)}`;
  note(`replica, ${rate} posted: ${waits}`);
  for (const finding of findings) note(`   VOID: ${finding}`);
  return figure;
}

/** Reads at a fixed rate, however long each takes; the time is from the moment that it was due. */
async function readAll(
  book: BookCheck,
  reader: MeridianClient,
  { warmUpMs, measureMs }: Window,
  signal: AbortSignal,
): Promise<{ lookUps: Latency; pages: Latency; failures: string[] }> {
  await sleep(warmUpMs);
  const { replicaReadsPerSecond: rate } = load;
  const total = Math.round((rate * measureMs) / 1_000);
  const sample = await book.sampleTransfers(total);
  const histograms = [newHistogram(), newHistogram()];
  const failures: string[] = [];
  const begun = performance.now();
  const reads: Promise<void>[] = [];
  await followTimetable(begun, rate, total, (number, dueAt) => {
    const transfer = must(sample[number % sample.length], 'the book has transfers');
    const kind = number % 2;
    const read = kind === 0 ? byId(reader, transfer) : pageOf(reader, transfer);
    reads.push(
      read.then(
        () => record(must(histograms[kind], 'there are two'), performance.now() - dueAt),
        (error: unknown) => void failures.push(String(error)),
      ),
    );
    return !signal.aborted;
  });
  await Promise.all(reads);
  const [lookUps, pages] = histograms.map((histogram) => summary(histogram));
  return {
    lookUps: must(lookUps, 'something was read'),
    pages: must(pages, 'something was read'),
    failures: failures.slice(0, 3),
  };
}

async function byId(reader: MeridianClient, transfer: SampledTransfer): Promise<void> {
  await reader.getTransfer({
    by: { $case: 'transferId', value: transfer.id },
    namespace: '',
    debitAccountId: transfer.debitAccount,
    options: READS,
  });
}

async function pageOf(reader: MeridianClient, { creditAccount }: SampledTransfer): Promise<void> {
  const newest = { pageSize: PAGE, pageToken: '', newestFirst: true };
  await reader.listEntries({ accountId: creditAccount, ...newest, options: READS });
}
