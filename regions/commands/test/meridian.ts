import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { childEnvironment } from '../../local/environment.ts';
import { checkout } from '../../local/layout.ts';
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

/** The `meridian` command as processes of their own, for the cluster in a data folder. */
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

  /** Starts a command; what it prints is gathered. */
  start(...args: string[]): Running {
    const main = join(checkout, 'regions', 'meridian.mjs');
    const child = spawn(process.execPath, [main, ...args, '--data', this.#dataDir], {
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

  /** What a command prints as JSON. Throws an Error unless it ends with this exit code. */
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
