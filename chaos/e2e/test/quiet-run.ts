import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { evidencePool } from '../../../regions/drills/evidence/read-back.ts';
import { startCluster } from '../../../regions/supervisor/embedded/embedded-cluster.ts';
import { findFreeBase } from '../../../regions/processes/ports.ts';
import { type Evidence, gatherEvidence } from '../../judge/checkers/evidence.ts';
import { AuditorViews } from '../../drive/client/auditor-views.ts';
import { type CallerParts, RecordedCaller } from '../../drive/client/recorded-caller.ts';
import { Routers } from '../../drive/client/routers.ts';
import { dumpCopy } from '../../judge/history/dump-copy.ts';
import { readFinalReads } from '../../judge/history/final-file.ts';
import { readHistory } from '../../judge/history/read-history.ts';
import type { HistoryHeader } from '../../judge/history/record.ts';
import { HistoryRecorder } from '../../judge/history/recorder.ts';
import { describeCopies } from '../../drive/installation/describe-copies.ts';
import { booksOf, type Copy } from '../../drive/installation/installation.ts';
import { Random } from '../../../ledger/core/random.ts';
import { mint, openAccounts } from '../../drive/workloads/accounts.ts';
import { Requests } from '../../drive/workloads/requests.ts';
import type { WorkloadSetting, Workload } from '../../drive/workloads/workload.ts';

export interface QuietOptions {
  readonly workloads: readonly Workload[];
  /** Of each workload. */
  readonly clients: number;
  readonly lastsMs: number;
  /** It lasts longer, up to `longestMs`, if a busy machine has made fewer steps by then. */
  readonly stepsLeast: number;
  readonly longestMs: number;
  readonly seed: number;
}

/** The result of a run without faults, and the history processes of each workload. */
export interface QuietRun {
  readonly evidence: Evidence;
  readonly namespaceOf: (workload: Workload) => string;
  readonly processes: ReadonlyMap<Workload, ReadonlySet<number>>;
}

const LAST = 'after the heal';

/** Runs workloads at the same time on an embedded cluster in an empty folder, without any fault. */
export async function quietRun(folder: string, options: QuietOptions): Promise<QuietRun> {
  const dataDir = join(folder, 'data');
  const cluster = await startCluster({ dataDir, basePort: await findFreeBase(), links: true });
  const copies = describeCopies(cluster.state());
  const path = join(folder, 'history.jsonl');
  const began = performance.now();
  const now = () => Math.round((performance.now() - began) * 1e6);
  const header = headerOf(copies, options);
  const recorder = new HistoryRecorder(path, header, now);
  const parts: CallerParts = {
    routers: new Routers(
      cluster.regions.map(({ name, routerAddress }) => ({ region: name, address: routerAddress })),
    ),
    views: new AuditorViews(copies),
    copies,
    deadlineMs: 10_000,
  };
  const settingOf = (namespace: string, seed: number, processes: Set<number>): WorkloadSetting => ({
    namespace,
    random: new Random(seed),
    regions: cluster.regions,
    books: booksOf({ copies, state: () => cluster.state() }),
    copies,
    caller: (via) => {
      const client = recorder.client();
      // It stays this one, because no outcome is ever unknown here.
      processes.add(client.process);
      return new RecordedCaller(parts, client, via);
    },
  });
  try {
    const processes = new Map(options.workloads.map((workload) => [workload, new Set<number>()]));
    recorder.phase('load');
    await Promise.all(
      [...processes].map(([workload, own], index) =>
        runOne(workload, settingOf(namespaceOf(workload), options.seed + index, own), options),
      ),
    );
    recorder.phase('faults');
    recorder.phase('heal');
    recorder.phase('liveness');
    await payInEveryBook(settingOf(LAST, 0, new Set()));
    recorder.phase('re_ask');
    recorder.phase('fence');
    for (const copy of copies) await drained(copy);
    recorder.phase('final_reads');
    for (const { auditorUrl, region } of copies) await dumpCopy(auditorUrl, region, folder);
    recorder.phase('end');
    await recorder.close();
    const evidence = gatherEvidence(
      await readHistory(path),
      await readFinalReads(folder, header.books),
    );
    return { evidence, namespaceOf, processes };
  } finally {
    parts.routers.close();
    await parts.views.close();
    await cluster.stop();
  }
}

const namespaceOf = ({ name }: Workload) => `quiet-${name}`;

async function runOne(
  workload: Workload,
  setting: WorkloadSetting,
  options: QuietOptions,
): Promise<void> {
  const prepared = await workload.prepare(setting);
  const beganAt = performance.now();
  let steps = 0;
  const goesOn = () => {
    const tookMs = performance.now() - beganAt;
    return tookMs < (steps < options.stepsLeast ? options.longestMs : options.lastsMs);
  };
  const client = async (index: number) => {
    const random = new Random(options.seed * 100 + index);
    const caller = setting.caller(random.pick(setting.regions).name);
    while (goesOn()) {
      await prepared.step(caller, random);
      steps += 1;
    }
  };
  await Promise.all(Array.from({ length: options.clients }, (_, index) => client(index)));
}

/** Makes a call to every book after the heal. */
async function payInEveryBook(setting: WorkloadSetting): Promise<void> {
  const requests = new Requests(setting.namespace);
  for (const book of setting.books) {
    const [payer, payee] = await openAccounts(setting, requests, [mint(book), mint(book)]);
    if (payer && payee) await setting.caller(book.region).transfer(requests.pay(payer, payee, 1n));
  }
}

async function drained({ auditorUrl }: Copy): Promise<void> {
  const pool = evidencePool(auditorUrl);
  try {
    for (;;) {
      const open = await pool`SELECT FROM channel WHERE settled < sent`;
      if (open.length === 0) return;
      await sleep(50);
    }
  } finally {
    await pool.end({ timeout: 1 });
  }
}

function headerOf(copies: readonly Copy[], { seed, workloads }: QuietOptions): HistoryHeader {
  return {
    kind: 'header',
    seed,
    commit: '',
    versions: {},
    options: {},
    startedAt: new Date().toISOString(),
    books: copies.map(({ book, bookName, home, region }) => ({
      number: book,
      name: bookName,
      region: home,
      copies: [region],
      startSeq: 0,
    })),
    namespaces: [...workloads.map(namespaceOf), LAST],
    exclusive: true,
    judging: {
      clockSkewMs: 100,
      answersWithinMs: 10_000,
      recoversWithinMs: 1_000,
      livenessMs: 20_000,
    },
  };
}
