import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../ledger/backoff.ts';
import { type StopSignal, writePidFile } from './leftovers.ts';
import { logTail, openLog } from './log-file.ts';
import { signalProcess } from './process-identity.ts';

/**
 * 'starting': it runs and its probe has not succeeded yet. 'ready': it has.
 * 'restarting': it died unasked and is about to be started again. 'backing-off': it has died
 * again and again, and is started again after a pause that grows.
 */
export type ProcessState = 'starting' | 'ready' | 'restarting' | 'backing-off' | 'stopped';

export interface LivenessProbe {
  /** Resolves to true when the process answers anything at all, whether it serves or not. */
  answers(): Promise<boolean>;
  close(): void;
}

/** How a process that runs but does nothing, because it is frozen or loops, is recognised. */
export interface Liveness {
  /** Opens what the process is asked by, again and again; closed when it has ended. */
  readonly open: () => LivenessProbe;
  /**
   * Resolves to true when the process accepts connections: it has started, even if it does not
   * serve. A listening socket outlives the freeze of its process.
   */
  readonly listens: () => Promise<boolean>;
  /**
   * Resolves to true when the dependencies of the process answer. Otherwise it is left alone:
   * ending one process does not help a host that is frozen as a whole.
   */
  readonly wouldHelp: () => Promise<boolean>;
  /** Pause after a question that was not answered, twice as long after one that was; default 500. */
  readonly pauseMs?: number;
}

export interface ProcessSpec {
  /** REGION/ROLE, for example eu-west/postgres. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Run as this user; only root may ask for it. */
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
  /** Written to the standard input at every start; secrets travel here, not in arguments. */
  readonly stdin?: string;
  readonly logFile: string;
  /** Size at which the log is set aside at a start, default 32 MiB. */
  readonly logBytes?: number | undefined;
  readonly pidFile: string;
  /** Lower stages are stopped first. */
  readonly stage: number;
  readonly stopSignal: StopSignal;
  /** How long it may take to end before it is killed. */
  readonly graceMs: number;
  /** How long the first start may take; later ones have no limit. */
  readonly readyTimeoutMs: number;
  /** Resolves to true when the process serves. A rejection counts as "not yet". */
  readonly probe: () => Promise<boolean>;
  /** Watched from the start of each life on; left out: nothing is watched. */
  readonly liveness?: Liveness | undefined;
  /** Runs before every start. */
  readonly prepare?: () => Promise<void>;
  readonly onState?: (state: ProcessState, process: SupervisedProcess) => void;
}

interface RunResult {
  readonly becameReady: boolean;
  readonly lastedMs: number;
  readonly reason: string;
  /** True: it ended itself because of a bug, which another start does not remove. */
  readonly broken: boolean;
}

/** The exit code of a process that has detected a bug of its own (EX_SOFTWARE of sysexits). */
export const BROKEN_EXIT_CODE = 70;

// Deaths before the first readiness that a start survives: Postgres needs a second try when
// children of its killed predecessor still hold the shared memory.
const firstStartAttempts = 4;
const backoff = { firstMs: 100, longestMs: 5_000 };
const backoffBroken = { firstMs: 100, longestMs: 60_000 };
/** After this long in service a death counts as the first of a new series. */
const stableAfterMs = 10_000;
const stableAfterBrokenMs = 300_000;
/** From this death of a series on, the state is 'backing-off'. */
const seriesDeaths = 3;
/** A process is killed after this number of probes in a row that it has not answered. */
const livenessFailuresMax = 8;
/** The same for a process that does not accept connections yet: a start takes longer. */
const startFailuresMax = 40;
const livenessPauseMs = 500;
/** The pause after an answer, as a multiple of it. */
const answeredPauses = 2;
const probeFirstMs = 25;
const probeMostMs = 250;

function notRun(reason: string): RunResult {
  return { becameReady: false, lastedMs: 0, reason, broken: false };
}

/** One child process that is kept running until `stop` is called. */
export class SupervisedProcess {
  #spec: ProcessSpec;
  #state: ProcessState = 'stopped';
  #child: ChildProcess | undefined;
  #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #starts = 0;
  #logStartsAt = 0;
  #everReady = false;
  #lastReason = '';
  readonly #waiting = new Set<(state: ProcessState) => void>();

  constructor(spec: ProcessSpec) {
    this.#spec = spec;
  }

  /** What runs, or would. */
  get spec(): ProcessSpec {
    return this.#spec;
  }

  /** What the next start runs. Throws while the process is supervised. */
  set spec(spec: ProcessSpec) {
    if (this.#loop !== undefined) throw new Error(`${this.name} runs; stop it first`);
    this.#spec = spec;
  }

  get name(): string {
    return this.spec.name;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Undefined while no process is running. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** How often a process was started under this name, the first time included. */
  get starts(): number {
    return this.#starts;
  }

  /** Why the process last ended; '' when it never did. */
  get lastReason(): string {
    return this.#lastReason;
  }

  /**
   * Starts the process and keeps it running. Resolves when it is ready for the first time.
   * Throws an Error that quotes the end of its log when it dies four times before that, when it
   * is not ready within `readyTimeoutMs`, or when it was stopped meanwhile.
   */
  async start(): Promise<void> {
    const loop = this.#launch(false);
    let failure: Error | undefined;
    // The loop only rejects when `prepare` does, and ends early when the attempts are used up.
    loop.catch((error: unknown) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    try {
      await this.waitReady(this.spec.readyTimeoutMs);
    } catch (error) {
      const asked = this.#stopping.signal.aborted;
      await this.stop();
      if (failure !== undefined) throw failure;
      if (asked) throw new Error(`${this.name} was stopped before it was ready`, { cause: error });
      throw new Error(this.#explainStart(), { cause: error });
    }
  }

  /**
   * Starts a process again that has been in service and was stopped. Unlike with `start` it is
   * kept running however often it dies. Resolves when it is ready; throws when it was stopped or
   * is not ready within `timeoutMs`.
   */
  async resume(timeoutMs: number): Promise<void> {
    void this.#launch(true);
    await this.waitReady(timeoutMs);
  }

  /** @param served true: deaths and failed preparations from now on do not end the supervision */
  #launch(served: boolean): Promise<void> {
    if (this.#loop !== undefined) throw new Error(`${this.name} was started already`);
    this.#stopping = new AbortController();
    this.#everReady = served;
    this.#lastReason = '';
    this.#set('starting');
    this.#loop = this.#supervise(this.#stopping.signal);
    return this.#loop;
  }

  /**
   * Resolves when the process is ready, at once if it is.
   * Throws when it is stopped or `timeoutMs` has passed.
   */
  waitReady(timeoutMs: number): Promise<void> {
    if (this.#state === 'ready') return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (error?: Error) => {
        clearTimeout(timer);
        this.#waiting.delete(onState);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onState = (state: ProcessState) => {
        if (state === 'ready') done();
        if (state === 'stopped') done(new Error(`${this.name} is stopped`));
      };
      const timer = setTimeout(() => {
        done(new Error(`${this.name} was not ready within ${timeoutMs / 1000} s`));
      }, timeoutMs);
      this.#waiting.add(onState);
    });
  }

  /**
   * Sends a signal to the process, as a fault would. If that ends it, it is started again on the
   * same port. Throws when no process is running.
   */
  kill(signal: NodeJS.Signals): void {
    const child = this.#child;
    if (child?.pid === undefined) throw new Error(`${this.name} is not running (${this.#state})`);
    // Nothing survives SIGKILL: waiting for readiness must not see that of the old process.
    if (signal === 'SIGKILL') this.#set('restarting');
    child.kill(signal);
  }

  /**
   * Stops the process: its stop signal, or another, then SIGKILL after its grace period.
   * Never throws.
   */
  async stop(signal: NodeJS.Signals = this.spec.stopSignal): Promise<void> {
    this.#stopping.abort();
    const loop = this.#loop;
    if (loop === undefined) return;
    const pid = this.#child?.pid;
    if (pid !== undefined) signalProcess(pid, signal);
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), this.spec.graceMs);
    await loop.catch(() => {});
    clearTimeout(timer);
    this.#loop = undefined;
  }

  /** Stops the process and starts it again. Throws as `start` does. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async #supervise(stopping: AbortSignal): Promise<void> {
    let failures = 0;
    try {
      while (!stopping.aborted) {
        const result = await this.#liveOnce(stopping);
        if (stopping.aborted) break;
        this.#lastReason = result.reason;
        const stableMs = result.broken ? stableAfterBrokenMs : stableAfterMs;
        failures = result.becameReady && result.lastedMs > stableMs ? 1 : failures + 1;
        if (!this.#everReady && failures >= firstStartAttempts) break;
        this.#set(failures >= seriesDeaths ? 'backing-off' : 'restarting');
        const waitMs = backoffMs(failures, result.broken ? backoffBroken : backoff);
        await sleep(waitMs, undefined, { signal: stopping }).catch(() => {});
      }
    } finally {
      this.#set('stopped');
    }
  }

  /**
   * Before the first readiness the user must fix a failed preparation, so it is thrown.
   * Later it counts as one more death, and is tried again.
   */
  async #liveOnce(stopping: AbortSignal): Promise<RunResult> {
    try {
      await this.spec.prepare?.();
      if (stopping.aborted) return notRun('stopped');
      return await this.#runOnce(stopping);
    } catch (error) {
      if (!this.#everReady) throw error;
      return notRun(error instanceof Error ? error.message : String(error));
    }
  }

  #spawn(): ChildProcess {
    const { spec } = this;
    const log = openLog(spec.logFile, spec.logBytes);
    this.#logStartsAt = log.startsAt;
    try {
      const child = spawn(spec.command, spec.args, {
        cwd: spec.cwd,
        env: { ...spec.env },
        stdio: [spec.stdin === undefined ? 'ignore' : 'pipe', log.descriptor, log.descriptor],
        // A session of its own: Ctrl-C in the terminal must reach the supervisor only, which
        // then stops its children in order.
        detached: true,
        ...spec.runAs,
      });
      // A child that dies at once closes its end early; its exit reports that already.
      child.stdin?.on('error', () => {});
      child.stdin?.end(spec.stdin);
      return child;
    } finally {
      closeSync(log.descriptor);
    }
  }

  /** One life of the process, from start to exit. */
  async #runOnce(stopping: AbortSignal): Promise<RunResult> {
    const { spec } = this;
    const startedAt = Date.now();
    const child = this.#spawn();
    let broken = false;
    let killedFor = '';
    const exit = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => {
        broken = code === BROKEN_EXIT_CODE;
        resolve(signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
      });
    });
    this.#child = child;
    this.#starts += 1;
    let becameReady = false;
    if (child.pid !== undefined) {
      const { name, stage, stopSignal, graceMs } = spec;
      writePidFile(spec.pidFile, { name, pid: child.pid, stage, stopSignal, graceMs });
      this.#set('starting');
      const ended = new AbortController();
      child.once('exit', () => ended.abort());
      const over = AbortSignal.any([ended.signal, stopping]);
      void this.#probeUntilReady(over, () => {
        becameReady = true;
        this.#everReady = true;
        this.#set('ready');
      });
      // From the start on: one that is frozen before it was seen to be ready must not stay.
      void this.#killWhenSilent(over, () => {
        killedFor = 'it did not answer for long and was killed';
        this.#set('restarting');
        child.kill('SIGKILL');
      });
    }
    const ended = await exit;
    const reason = killedFor === '' ? ended : killedFor;
    this.#child = undefined;
    rmSync(spec.pidFile, { force: true });
    return { becameReady, lastedMs: Date.now() - startedAt, reason, broken };
  }

  /** Calls `onReady` once the probe succeeds, unless the process ends before that. */
  async #probeUntilReady(over: AbortSignal, onReady: () => void): Promise<void> {
    let pauseMs = probeFirstMs;
    while (!over.aborted) {
      const ready = await this.spec.probe().catch(() => false);
      // A probe can outlast its process; an answer that late proves nothing.
      if (over.aborted) return;
      if (ready) {
        onReady();
        return;
      }
      await sleep(pauseMs, undefined, { signal: over }).catch(() => {});
      pauseMs = Math.min(probeMostMs, pauseMs * 2);
    }
  }

  /** Calls `kill` when the process has been silent for long although it could do its work. */
  async #killWhenSilent(over: AbortSignal, kill: () => void): Promise<void> {
    const { liveness } = this.spec;
    if (liveness === undefined) return;
    const probe = liveness.open();
    try {
      if (await this.#isSilentForLong(liveness, probe, over)) kill();
    } finally {
      probe.close();
    }
  }

  /** Resolves to true when it has been so, and to false when the process is over. */
  async #isSilentForLong(
    liveness: Liveness,
    probe: LivenessProbe,
    over: AbortSignal,
  ): Promise<boolean> {
    let silent = 0;
    let started = false;
    while (!over.aborted) {
      const answers = await probe.answers().catch(() => false);
      const helps = answers || (await liveness.wouldHelp().catch(() => false));
      const starts: boolean =
        !started && (answers || (await liveness.listens().catch(() => false)));
      if (over.aborted) return false;
      if (starts) {
        started = true;
        // Earlier failures do not count.
        silent = 0;
      }
      // Counted, not timed: while this supervisor is frozen itself, no failures accumulate.
      silent = answers || !helps ? 0 : silent + 1;
      if (silent >= (started ? livenessFailuresMax : startFailuresMax)) return true;
      const pauseMs = (liveness.pauseMs ?? livenessPauseMs) * (answers ? answeredPauses : 1);
      await sleep(pauseMs, undefined, { signal: over }).catch(() => {});
    }
    return false;
  }

  #explainStart(): string {
    const why =
      this.#lastReason === ''
        ? `was not ready within ${this.spec.readyTimeoutMs / 1000} s`
        : `ended while it started (${this.#lastReason})`;
    const tail = logTail(this.spec.logFile, this.#logStartsAt, 8);
    const quoted = tail.length > 0 ? `; the end of its log:\n  ${tail.join('\n  ')}` : '';
    return `${this.name} ${why}${quoted}\n  the whole log: ${this.spec.logFile}`;
  }

  #set(state: ProcessState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const waiting of this.#waiting) waiting(state);
    this.spec.onState?.(state, this);
  }
}
