import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { moduleFile } from '../processes/code.ts';
import { childEnvironment } from '../processes/environment.ts';
import type { RegionName } from '../topology/layout.ts';
import type { CutMode } from './link.ts';
import type { ReplicatedLink } from '../topology/replicated-layout.ts';

/** An order to the process of the links. */
export type LinkOrder =
  | { readonly do: 'open'; readonly links: readonly ReplicatedLink[] }
  | Pair<'cut', { readonly mode: CutMode }>
  | Pair<'heal', object>
  | Pair<'delay', { readonly delayMs: number | undefined }>;

type Pair<Do extends string, More> = {
  readonly do: Do;
  readonly from: RegionName;
  readonly to: RegionName;
} & More;

export interface LinkAnswer {
  readonly id: number;
  /** Set if the order failed. */
  readonly error?: string;
}

/** All directed links between the regions, in a separate process. */
export class Links {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: LinkAnswer) => void>();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (answer: LinkAnswer) => {
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    child.on('exit', () => {
      for (const [id, resolve] of this.#waiting) resolve({ id, error: 'the links have ended' });
      this.#waiting.clear();
    });
  }

  /** Opens all links. Throws when a port is taken. */
  static async open(layouts: readonly ReplicatedLink[]): Promise<Links> {
    const child = fork(moduleFile('regions/faults/link-process.ts'), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: childEnvironment(),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
    });
    const links = new Links(child);
    try {
      await links.#order({ do: 'open', links: layouts });
    } catch (error) {
      await links.close();
      throw error;
    }
    return links;
  }

  /** Every method throws when there is no such link. */
  cut(from: RegionName, to: RegionName, mode: CutMode): Promise<void> {
    return this.#order({ do: 'cut', from, to, mode });
  }

  heal(from: RegionName, to: RegionName): Promise<void> {
    return this.#order({ do: 'heal', from, to });
  }

  /** One way, in milliseconds; undefined: the delay of the layout. */
  delay(from: RegionName, to: RegionName, delayMs: number | undefined): Promise<void> {
    return this.#order({ do: 'delay', from, to, delayMs });
  }

  /** Ends every connection. Safe to call again. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async #order(order: LinkOrder): Promise<void> {
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = await new Promise<LinkAnswer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, order }, (error) => {
        if (error !== null) resolve({ id, error: error.message });
      });
    });
    if (answer.error !== undefined) throw new Error(answer.error);
  }
}
