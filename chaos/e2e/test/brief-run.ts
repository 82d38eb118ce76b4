import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import type { RegionName } from '../../../regions/topology/layout.ts';
import { judgeRun } from '../../judge/checkers/all.ts';
import { type Evidence, gatherEvidence } from '../../judge/checkers/evidence.ts';
import type { Verdict } from '../../judge/checkers/verdict.ts';
import { CallFaults } from '../../drive/client/call-faults.ts';
import type { Caller } from '../../drive/client/caller.ts';
import { readFinalReads } from '../../judge/history/final-file.ts';
import { readHistory } from '../../judge/history/read-history.ts';
import { type EndedCall, HistoryRecorder } from '../../judge/history/recorder.ts';
import { booksOf } from '../../drive/installation/installation.ts';
import type { OwnInstallation } from '../../drive/installation/own.ts';
import type { Scene } from '../../drive/nemeses/nemesis.ts';
import { Random } from '../../../ledger/core/random.ts';
import { RunCallers } from '../../run/callers.ts';
import { fence } from '../../run/fence-books.ts';
import { readCopies, waitUntilDrained } from '../../run/final-reads.ts';
import { headerOf } from '../../run/header.ts';
import { EpochWatch } from '../../run/epoch-watch.ts';
import { WorkloadClients } from '../../run/workload-clients.ts';
import type { RunPlan } from '../../run/plan.ts';
import { reAsk } from '../../run/unknown-calls.ts';
import type { Workload } from '../../drive/workloads/workload.ts';

/** How a trouble makes its own calls. */
export interface Asking {
  /** Namespace of its keys. */
  readonly namespace: string;
  /** A new client, whose calls are judged. */
  readonly caller: (via: RegionName) => Caller;
}

/** The action that exposes a bug. */
export type Trouble = (
  scene: Scene,
  installation: OwnInstallation,
  asking: Asking,
) => Promise<void>;

export interface BriefOptions {
  readonly workloads: readonly Workload[];
  /** Under load. It repairs what it breaks. */
  readonly trouble?: Trouble | undefined;
  /** The load lasts at least this long before the trouble, and until enough calls were made. */
  readonly loadMs: number;
  readonly calls: number;
  /** What is stuck between books by then stays so. */
  readonly drainMs: number;
  /** Removes from the evidence what the trouble may do. */
  readonly excuse?: (evidence: Evidence) => Evidence;
}

const SEED = 1;
/** A server with a bug may never serve again: its books are read as they are. */
const PATIENCE_MS = 30_000;
const RE_ASK_MS = 4_000;
const LOAD_MOST_MS = 20_000;

/**
 * The protocol of a run in a few seconds, on an installation with empty books.
 *
 * @param folder gets the history and the final reads; made if it is not there
 */
export async function briefRun(
  installation: OwnInstallation,
  folder: string,
  options: BriefOptions,
): Promise<ReadonlyMap<string, Verdict>> {
  const plan = planOf(options.workloads);
  const final = join(folder, 'final');
  mkdirSync(final, { recursive: true });
  const leaders = new EpochWatch(installation.copies, () => {});
  await allLed(installation, leaders);
  const namespace = `trouble-${Date.now().toString(36)}`;
  const namespaces = [...options.workloads.map(({ name }) => name), namespace];
  const asked = { plan, asked: {}, namespaces, clockSkewMs: 0 };
  const header = await headerOf(installation, leaders, asked);
  const startedAt = performance.now();
  const now = () => Math.round((performance.now() - startedAt) * 1e6);
  const unknown: EndedCall[] = [];
  const path = join(folder, 'history.jsonl');
  let ended = 0;
  const recorder = new HistoryRecorder(path, header, now, (call) => {
    ended += 1;
    if (call.type === 'info') unknown.push(call);
  });
  const calls = new CallFaults();
  const callers = new RunCallers(installation, plan, recorder, calls);
  const caller = (via: RegionName) => callers.caller(via);
  const names = installation.state().regions.map(({ name }) => name);
  const missing: string[] = [];
  try {
    recorder.phase('load');
    const prepared = await prepareAll(options.workloads, installation, caller);
    recorder.phase('faults');
    const { trouble } = options;
    const repaired = trouble && recorder.fault('trouble', [], [{}]);
    const load = new WorkloadClients({ plan, workloads: prepared, regions: names, caller });
    load.start();
    await loaded(options, () => ended);
    const scene: Scene = {
      installation,
      random: new Random(SEED),
      calls,
      leader: (book) => leaders.leader(book),
      overload: (times) => load.overload(times),
      signal: new AbortController().signal,
      report: () => {},
    };
    await trouble?.(scene, installation, { namespace, caller });
    repaired?.();
    recorder.phase('heal');
    recorder.phase('liveness');
    const after = ended;
    await loaded({ loadMs: options.loadMs / 2, calls: options.calls / 4 }, () => ended - after);
    await load.stop();
    recorder.phase('re_ask');
    const unanswered = await reAsk(unknown.splice(0), names, caller, RE_ASK_MS);
    if (unanswered > 0) missing.push(`${unanswered} outcomes are still not known`);
    recorder.phase('fence');
    await inTime(fence(installation, leaders), missing);
    await waitUntilDrained(installation, leaders, options.drainMs);
    recorder.phase('final_reads');
    missing.push(...(await readCopies(installation, final)));
    recorder.phase('end');
  } finally {
    await callers.close();
    await recorder.close();
    leaders.close();
  }
  return judged(path, final, missing, options.excuse);
}

function planOf(workloads: readonly Workload[]): RunPlan {
  return {
    seed: SEED,
    clients: 9,
    thinkMs: 2,
    deadlineMs: 2_000,
    workloads: workloads.map((workload) => ({ workload, weight: 1 })),
    nemeses: [],
    quietMs: 0,
    pairShare: 0,
  };
}

async function prepareAll(
  workloads: readonly Workload[],
  installation: OwnInstallation,
  caller: (via: RegionName) => Caller,
) {
  const { regions } = installation.state();
  const books = booksOf(installation);
  const random = new Random(SEED);
  const prepared = [];
  for (const workload of workloads) {
    const setting = {
      namespace: workload.name,
      random,
      regions,
      books,
      copies: installation.copies,
      caller,
    };
    prepared.push({ prepared: await workload.prepare(setting), weight: 1 });
  }
  return prepared;
}

/** The verdicts, from the files alone. */
async function judged(
  path: string,
  final: string,
  missing: readonly string[],
  excuse: BriefOptions['excuse'],
): Promise<ReadonlyMap<string, Verdict>> {
  const history = await readHistory(path);
  const reads = await readFinalReads(final, history.header.books);
  const all = { ...reads, missing: [...new Set([...missing, ...reads.missing])] };
  const evidence = gatherEvidence(history, all);
  return judgeRun(excuse?.(evidence) ?? evidence);
}

/** A busy machine takes longer to make as many calls. */
async function loaded(
  { loadMs, calls }: Pick<BriefOptions, 'loadMs' | 'calls'>,
  ended: () => number,
): Promise<void> {
  const startedAt = performance.now();
  await sleep(loadMs);
  while (ended() < calls && performance.now() - startedAt < LOAD_MOST_MS) await sleep(50);
}

async function allLed({ copies }: OwnInstallation, leaders: EpochWatch): Promise<void> {
  while (copies.some(({ book }) => leaders.leader(book) === undefined)) await sleep(20);
}

/** Adds a text to `missing` if the work fails or takes too long. */
async function inTime(work: Promise<void>, missing: string[]): Promise<void> {
  const limit = { milliseconds: PATIENCE_MS, message: 'the fence took too long' };
  await pTimeout(work, limit).catch((error: unknown) => missing.push(String(error)));
}

/** Names of the invariants that were found violated. */
export function convicted(verdicts: ReadonlyMap<string, Verdict>): string[] {
  return [...verdicts].filter(([, { state }]) => state === 'fail').map(([name]) => name);
}

/** The violations, as text. */
export function violationsOf(verdicts: ReadonlyMap<string, Verdict>): string[] {
  return [...verdicts].flatMap(([name, verdict]) =>
    verdict.state === 'fail' ? verdict.witnesses.map(({ text }) => `${name}: ${text}`) : [],
  );
}
