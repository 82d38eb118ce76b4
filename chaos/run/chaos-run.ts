import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { countOf } from '../../regions/report/quantities.ts';
import type { RegionName } from '../../regions/topology/layout.ts';
import { CallFaults } from '../drive/client/call-faults.ts';
import type { Caller } from '../drive/client/caller.ts';
import type { HistoryHeader } from '../judge/history/record.ts';
import { type EndedCall, HistoryRecorder } from '../judge/history/recorder.ts';
import { booksOf, type Installation } from '../drive/installation/installation.ts';
import { Random } from '../../ledger/core/random.ts';
import type { JudgedRun } from '../judge/report/judged-run.ts';
import type { WorkloadSetting } from '../drive/workloads/workload.ts';
import { RunCallers } from './callers.ts';
import { fence, NotLedError } from './fence-books.ts';
import { readCopies, waitUntilDrained } from './final-reads.ts';
import { headerOf, LIVENESS_MS } from './header.ts';
import { waitUntilWell } from './health.ts';
import { finalFolder, historyFile, judgeFolder, optionsFile } from '../judge/judge-folder.ts';
import { EpochWatch } from './epoch-watch.ts';
import { WorkloadClients } from './workload-clients.ts';
import type { RunPlan } from './plan.ts';
import { Pulse, PULSE } from './pulse.ts';
import { recordStandstill } from './record-standstill.ts';
import { Strikes } from './strikes.ts';
import { reAsk } from './unknown-calls.ts';
import type { RunView } from './view.ts';

export interface RunOptions {
  readonly installation: Installation;
  readonly plan: RunPlan;
  /** How long the nemeses have, in milliseconds; the whole run takes longer. */
  readonly faultsMs: number;
  /** The largest shift of a clock by a nemesis of the plan. */
  readonly clockSkewMs: number;
  /** An empty folder for all that the run leaves. */
  readonly folder: string;
  /** The command line, which a run needs in addition to its seed to be run again. */
  readonly asked: Readonly<Record<string, unknown>>;
  readonly notRun: JudgedRun['notRun'];
  readonly view: RunView;
  /** Ends the faults early; what is broken is repaired and what happened is judged. */
  readonly signal: AbortSignal;
}

const STEADY_MS = 5_000;
const WELL_MS = 180_000;
const RE_ASK_MS = 60_000;
const DRAINED_MS = 30_000;
const LATE_CALLS_MS = 60_000;
/** Calls continue for this long after the liveness window, so that their end is outside of it. */
const AFTER_WINDOW_MS = 5_000;

/**
 * One run: load, faults under load, heal, a liveness window, every unknown outcome asked again,
 * a fence, reads of every copy, and the verdict from what was recorded.
 *
 * Throws Error when the installation cannot be used at all.
 */
export async function runChaos(options: RunOptions): Promise<JudgedRun> {
  const run = new ChaosRun(options);
  return run.run();
}

class ChaosRun {
  readonly #options: RunOptions;
  readonly #startedAt = performance.now();
  readonly #notRun: JudgedRun['notRun'][number][];
  /** The choices of each workload, drawn from the seed. */
  readonly #drawn: Record<string, unknown> = {};
  /** Calls whose outcome no caller has learnt. */
  readonly #unknown: EndedCall[] = [];

  constructor(options: RunOptions) {
    this.#options = options;
    this.#notRun = [...options.notRun];
  }

  async run(): Promise<JudgedRun> {
    const { installation, folder, view } = this.#options;
    let recorder: HistoryRecorder | undefined;
    const leaders = new EpochWatch(installation.copies, (epoch, copy) =>
      recorder?.epoch(copy.book, epoch, copy.region),
    );
    try {
      view.phase('waiting until all is well');
      const problems = await waitUntilWell(installation, leaders, WELL_MS, this.#options.signal);
      if (problems.length > 0)
        throw new Error(`the installation is not healthy: ${problems.join('; ')}`);
      const names = this.#options.plan.workloads.map(({ workload }) => workload.name);
      const namespaces = [...names, PULSE].map((name) => this.#namespace(name));
      const header = await headerOf(installation, leaders, { ...this.#options, namespaces });
      const now = () => Math.round((performance.now() - this.#startedAt) * 1e6);
      recorder = new HistoryRecorder(historyFile(folder), header, now, (call) => this.#ended(call));
      for (const { number } of header.books) {
        const leader = leaders.leader(number);
        if (leader) recorder.epoch(number, leaders.epoch(number), leader.region);
      }
      await this.#protocol(header, recorder, leaders);
    } finally {
      leaders.close();
      await recorder?.close();
    }
    view.phase('judging');
    return judgeFolder(folder, { notRun: this.#notRun, endedAt: new Date().toISOString() });
  }

  /** Namespace of a workload's keys: another run of the same seed has another one. */
  #namespace(workload: string): string {
    return `chaos-${Date.now().toString(36)}-${workload}`;
  }

  async #protocol(
    header: HistoryHeader,
    recorder: HistoryRecorder,
    leaders: EpochWatch,
  ): Promise<void> {
    const { installation, plan, view, faultsMs, signal } = this.#options;
    const faults = new CallFaults();
    const standstill = recordStandstill(recorder, (text) => view.phase(text));
    const callers = new RunCallers(installation, plan, recorder, faults);
    try {
      recorder.phase('load');
      const { load, pulse } = await this.#startLoad(header, callers);
      view.phase('load without faults');
      await pause(STEADY_MS, signal);
      recorder.phase('faults');
      const strikes = new Strikes({
        plan,
        recorder,
        view,
        // Also of a run that is stopped: its verdict must not depend on the moment.
        recover: () => waitUntilWell(installation, leaders, WELL_MS, new AbortController().signal),
        scene: {
          installation,
          random: new Random(plan.seed + 1),
          calls: faults,
          leader: (book) => leaders.leader(book),
          overload: (times) => load.overload(times),
          signal,
          report: (text) => view.phase(text),
        },
      });
      try {
        const problems = await strikes.run(faultsMs);
        if (problems.length > 0)
          this.#unwell(recorder, `it does not recover: ${problems.join('; ')}`);
      } catch (error) {
        this.#missing(recorder, error);
      }
      this.#reportNotRun(recorder, strikes);
      recorder.phase('heal');
      view.phase('healed: everything must serve now');
      recorder.phase('liveness');
      await pulse.beat(LIVENESS_MS[installation.profile] + AFTER_WINDOW_MS);
      await load.stop();
      await this.#end(recorder, callers, leaders);
      if (signal.aborted) recorder.fact('stopped', 'the run was stopped before its time');
      recorder.phase('end');
    } finally {
      standstill.stop();
      await callers.close();
    }
  }

  async #startLoad(
    header: HistoryHeader,
    callers: RunCallers,
  ): Promise<{ load: WorkloadClients; pulse: Pulse }> {
    const { installation, plan, view, folder } = this.#options;
    view.phase('preparing the workloads');
    const { regions } = installation.state();
    const random = new Random(plan.seed + 2);
    const setting = (name: string, index: number): WorkloadSetting => ({
      namespace: header.namespaces[index] ?? name,
      random: new Random(random.below(2 ** 31)),
      regions,
      books: booksOf(installation),
      copies: installation.copies,
      caller: (via: RegionName): Caller => callers.caller(via),
    });
    const prepared = [];
    for (const [index, { workload, weight }] of plan.workloads.entries()) {
      const ready = await workload.prepare(setting(workload.name, index));
      prepared.push({ prepared: ready, weight });
      this.#drawn[workload.name] = ready.options;
    }
    const pulse = await Pulse.prepare(setting(PULSE, plan.workloads.length));
    const written = { ...header.options, drawn: this.#drawn };
    writeFileSync(optionsFile(folder), `${JSON.stringify(written, undefined, 2)}\n`);
    const load = new WorkloadClients({
      plan,
      workloads: prepared,
      regions: regions.map(({ name }) => name),
      caller: (via) => callers.caller(via),
    });
    load.start();
    return { load, pulse };
  }

  /** From the last call of the load to the reads of every copy. */
  async #end(recorder: HistoryRecorder, callers: RunCallers, leaders: EpochWatch): Promise<void> {
    const { installation, view } = this.#options;
    const regions = installation.state().regions.map(({ name }) => name);
    recorder.phase('re_ask');
    // A call that is made now and not answered is repeated once, not twice.
    const unknown = this.#unknown.splice(0);
    view.phase(`asking again about ${unknown.length} unknown outcomes`);
    const caller = (via: RegionName) => callers.caller(via);
    const unanswered = await reAsk(unknown, regions, caller, RE_ASK_MS);
    if (unanswered > 0) {
      this.#missing(recorder, `${countOf(unanswered, 'outcome')} could not be learnt`);
    }
    if (!(await callers.lateCallsEnd(LATE_CALLS_MS))) {
      this.#missing(recorder, 'calls that were held back are still on their way');
    }
    recorder.phase('fence');
    view.phase('fencing: every book gets a new epoch');
    try {
      await fence(installation, leaders);
      await waitUntilDrained(installation, leaders, DRAINED_MS);
    } catch (error) {
      if (error instanceof NotLedError) this.#unwell(recorder, error.message);
      else this.#missing(recorder, error);
    }
    recorder.phase('final_reads');
    view.phase('reading every copy');
    for (const why of await readCopies(installation, finalFolder(this.#options.folder))) {
      this.#missing(recorder, why);
    }
  }

  /** Reports what the run was asked to do and has not done: it proves nothing about that. */
  #reportNotRun(recorder: HistoryRecorder, { struck, failed }: Strikes): void {
    const { plan, asked, signal } = this.#options;
    for (const { what, why: cause } of failed) {
      const [place = '', name = what] = what.split(' ');
      this.#notRun.push({ place, name, why: `once it could not strike: ${cause}` });
    }
    const tried = new Set(failed.map(({ what }) => what));
    const why = signal.aborted
      ? 'not reached before the run was stopped'
      : 'not reached in the time';
    for (const nemesis of plan.nemeses) {
      const { place, name } = nemesis;
      if (struck.has(nemesis) || tried.has(`${place} ${name}`)) continue;
      this.#notRun.push({ place, name, why });
    }
    if (asked['nemesis'] === undefined || plan.nemeses.length === 0) return;
    if (struck.size === 0 && !signal.aborted) {
      this.#missing(recorder, 'none of the nemeses that were asked for by name has struck');
    }
  }

  #ended(call: EndedCall): void {
    this.#options.view.called(call);
    if (call.type === 'info') this.#unknown.push(call);
  }

  /** Records that something is unknown on which verdicts depend. */
  #missing(recorder: HistoryRecorder, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    recorder.fact('missing', why);
    this.#options.view.phase(why);
  }

  /** A signal may have reached other processes too: then the one at fault is unknown. */
  #unwell(recorder: HistoryRecorder, why: string): void {
    const { signal, view } = this.#options;
    recorder.fact(signal.aborted ? 'missing' : 'unwell', why);
    view.phase(why);
  }
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal && { signal }).catch(() => {});
}
