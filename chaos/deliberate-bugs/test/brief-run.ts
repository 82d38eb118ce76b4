import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RegionName } from '../../../regions/local/layout.ts';
import { judgeRun } from '../../checkers/all.ts';
import { type Evidence, gatherEvidence } from '../../checkers/evidence.ts';
import type { Verdict } from '../../checkers/verdict.ts';
import { CallFaults } from '../../client/call-faults.ts';
import type { Caller } from '../../client/caller.ts';
import { readFinalReads } from '../../history/final-file.ts';
import { readHistory } from '../../history/read-history.ts';
import { type EndedCall, HistoryRecorder } from '../../history/recorder.ts';
import type { OwnInstallation } from '../../installation/own.ts';
import type { Scene } from '../../nemeses/nemesis.ts';
import { SeededRandom } from '../../random.ts';
import { RunCallers } from '../../run/callers.ts';
import { fence } from '../../run/fence.ts';
import { readCopies, waitUntilDrained } from '../../run/final-reads.ts';
import { headerOf } from '../../run/header.ts';
import { LeaderWatch } from '../../run/leaders.ts';
import { Load } from '../../run/load.ts';
import type { RunPlan } from '../../run/plan.ts';
import { reAsk } from '../../run/unknown-calls.ts';
import type { Workload } from '../../workloads/workload.ts';

/** How a trouble asks something itself. */
export interface Asking {
  /** Of its keys. */
  readonly namespace: string;
  /** A client of its own, whose calls are judged. */
  readonly caller: (via: RegionName) => Caller;
}

/** What a bug is brought out with. */
export type Trouble = (
  scene: Scene,
  installation: OwnInstallation,
  asking: Asking,
) => Promise<void>;

export interface BriefOptions {
  readonly workloads: readonly Workload[];
  /** Under load. What it breaks it mends. */
  readonly trouble?: Trouble | undefined;
  /** The load goes on for so long at least before the trouble, and until so much was asked. */
  readonly loadMs: number;
  readonly calls: number;
  /** What is stuck between books by then stays so. */
  readonly drainMs: number;
  /** Takes out of the evidence what the trouble is allowed to do. */
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
  const plan: RunPlan = {
    seed: SEED,
    clients: 9,
    thinkMs: 2,
    deadlineMs: 2_000,
    workloads: options.workloads.map((workload) => ({ workload, weight: 1 })),
    nemeses: [],
    quietMs: 0,
    pairShare: 0,
  };
  const final = join(folder, 'final');
  mkdirSync(final, { recursive: true });
  const leaders = new LeaderWatch(installation.copies, () => {});
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
  const regions = installation.state().regions;
  const names = regions.map(({ name }) => name);
  const missing: string[] = [];
  try {
    recorder.phase('load');
    const random = new SeededRandom(SEED);
    const prepared = [];
    for (const workload of options.workloads) {
      const setting = {
        namespace: workload.name,
        random,
        regions: regions.map(({ name, book }) => ({ name, book })),
        copies: installation.copies,
        caller,
      };
      prepared.push({ prepared: await workload.prepare(setting), weight: 1 });
    }
    recorder.phase('faults');
    const { trouble } = options;
    const mended = trouble && recorder.fault('trouble', [], [{}]);
    const load = new Load({ plan, workloads: prepared, regions: names, caller });
    load.start();
    await loaded(options, () => ended);
    const scene: Scene = {
      installation,
      random: new SeededRandom(SEED),
      calls,
      leader: (book) => leaders.leader(book),
      overload: (times) => load.overload(times),
      signal: new AbortController().signal,
      tell: () => {},
    };
    await trouble?.(scene, installation, { namespace, caller });
    mended?.();
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
  const history = await readHistory(path);
  const reads = await readFinalReads(final, header.books);
  const all = { ...reads, missing: [...new Set([...missing, ...reads.missing])] };
  const evidence = gatherEvidence(history, all);
  return judgeRun(options.excuse?.(evidence) ?? evidence);
}

/** A machine that has much else to do takes longer to ask as much. */
async function loaded(
  { loadMs, calls }: Pick<BriefOptions, 'loadMs' | 'calls'>,
  ended: () => number,
): Promise<void> {
  const startedAt = performance.now();
  await sleep(loadMs);
  while (ended() < calls && performance.now() - startedAt < LOAD_MOST_MS) await sleep(50);
}

async function allLed({ copies }: OwnInstallation, leaders: LeaderWatch): Promise<void> {
  while (copies.some(({ book }) => leaders.leader(book) === undefined)) await sleep(20);
}

/** What goes wrong, or takes too long, is missing. */
async function inTime(work: Promise<void>, missing: string[]): Promise<void> {
  const late = sleep(PATIENCE_MS).then(() => missing.push('the fence took too long'));
  const failed = work.catch((error: unknown) => missing.push(String(error)));
  await Promise.race([failed, late]);
}

/** Names of the invariants that were found violated. */
export function convicted(verdicts: ReadonlyMap<string, Verdict>): string[] {
  return [...verdicts].filter(([, { state }]) => state === 'fail').map(([name]) => name);
}

/** What was violated, in words. */
export function violationsOf(verdicts: ReadonlyMap<string, Verdict>): string[] {
  return [...verdicts].flatMap(([name, verdict]) =>
    verdict.state === 'fail' ? verdict.witnesses.map(({ text }) => `${name}: ${text}`) : [],
  );
}
