import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { postgresPids } from './postgres-of-copy.ts';

/** Maximum time to detach from the traced processes. */
const DETACH_MS = 10_000;
const ATTACH_MS = 10_000;

/** Makes system calls of a Postgres fail or wait, with strace. */
export class Strace {
  readonly #folder: string;
  readonly #log: string;
  #child: ChildProcess | undefined;

  /** @param folder of the Postgres */
  constructor(folder: string) {
    this.#folder = folder;
    this.#log = `${folder}.strace`;
  }

  /**
   * Injects `how`, in the syntax of strace, into `calls`, such as fsync,fdatasync, in the server,
   * all its children, and those that it starts later. Throws Error when the server does not run, or
   * cannot be traced.
   */
  async begin(calls: string, how: string): Promise<void> {
    const pids = postgresPids(this.#folder);
    if (pids.length === 0) throw new Error(`no Postgres runs in ${this.#folder}`);
    const attach = pids.flatMap((pid) => ['-p', String(pid)]);
    const inject = ['-e', `trace=${calls}`, '-e', `inject=${calls}:${how}`];
    const child = spawn('strace', ['-f', '-qq', '-o', this.#log, ...inject, ...attach], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const until = performance.now() + ATTACH_MS;
    while (!pids.some((pid) => isTracedBy(pid, child.pid))) {
      if (child.exitCode !== null || performance.now() > until) {
        throw new Error(`strace cannot trace the Postgres in ${this.#folder}: ${output.trim()}`);
      }
      await sleep(20);
    }
  }

  /** Number of calls injected so far. */
  get injected(): number {
    try {
      return readFileSync(this.#log, 'utf8').split(/\((?:INJECTED|DELAYED)/u).length - 1;
    } catch {
      return 0;
    }
  }

  /** Detaches from all processes, which continue. Safe to call at any time. */
  async end(): Promise<void> {
    const child = this.#child;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), DETACH_MS);
      await ended;
      clearTimeout(timer);
    }
    rmSync(this.#log, { force: true });
  }
}

function isTracedBy(pid: number, tracer: number | undefined): boolean {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8').includes(`TracerPid:\t${tracer}\n`);
  } catch {
    return false;
  }
}
