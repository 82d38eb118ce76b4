import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { childEnvironment } from '../processes/environment.ts';
import { checkout } from '../topology/layout.ts';
import { requireNamingStyle } from './naming-style.ts';

/** How a command has ended. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<Ended>;
}

/** The text at a path of JSON, such as "group.legs.0.transferId"; '' if there is none. */
export function textAt(json: unknown, path: string): string {
  let value = json;
  for (const name of path.split('.')) value = Object(value)[name];
  return typeof value === 'string' ? value : '';
}

/** Runs `meridian` commands as separate processes, for the cluster in a data folder. */
export class Meridian {
  readonly #dataDir: string;
  readonly #printed: string[] = [];

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** The commands that have printed JSON, with their arguments. */
  get printed(): readonly string[] {
    return this.#printed;
  }

  /** The arguments of a command for this cluster. */
  protected withData(args: readonly string[]): string[] {
    return [...args, '--data', this.#dataDir];
  }

  /** Starts a command as a process and collects its output. */
  start(...args: string[]): Running {
    const main = join(checkout, 'regions', 'meridian.mjs');
    const child = spawn(process.execPath, [main, ...this.withData(args)], {
      env: childEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    const ended = once(child, 'close').then(() => ({ code: child.exitCode, out, err }));
    return { child, ended };
  }

  /** Runs a command to its end. */
  run(...args: string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** Returns what a command prints as JSON. Throws Error unless it ends with this exit code. */
  async json(code: number, ...args: string[]): Promise<unknown> {
    const { code: found, out, err } = await this.run(...args, '--json');
    if (found === code) {
      const value: unknown = JSON.parse(out);
      requireNamingStyle(value);
      this.#printed.push(args.join(' '));
      return value;
    }
    throw new Error(`"${args.join(' ')}" ended with ${found}, not ${code}: ${err}${out}`);
  }
}
