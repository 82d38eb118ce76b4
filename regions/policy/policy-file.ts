import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Logger } from '../../ledger/logger.ts';
import { repeat } from '../../ledger/repeat.ts';
import type { Access } from '../../ledger/rpc/access/access.ts';
import { permissionOf } from '../../ledger/rpc/access/permissions.ts';
import type { Policy } from '../../ledger/rpc/access/policy.ts';
import type { Identity } from '../../ledger/rpc/tls/identity.ts';
import { parsePolicy } from './parse-policy.ts';

/** How often the file is compared with what was read of it. */
const LOOK_MS = 1_000;

/**
 * The policy of a router, as its file has it. While the file is missing or wrong, what was valid last
 * is kept.
 */
export class PolicyFile implements Access {
  readonly #path: string;
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  readonly #listeners = new Set<() => void>();
  /** What the policy was made of. */
  #text: string;
  /** What was read last. */
  #seen: string;
  #policy: Policy;
  #problem = '';
  #stop: () => void = () => undefined;

  /** @throws Error if the file cannot be read, ConfigError with all that is wrong with it */
  constructor(path: string, log: Pick<Logger, 'info' | 'warn'>) {
    this.#path = path;
    this.#log = log;
    this.#text = readFileSync(path, 'utf8');
    this.#seen = this.#text;
    this.#policy = parsePolicy(this.#text, path);
    this.#report();
  }

  /** Looks at the file every second from now on. */
  watch(): this {
    this.#stop();
    this.#stop = repeat(LOOK_MS, () => this.look());
    return this;
  }

  close(): void {
    this.#stop();
    this.#listeners.clear();
  }

  readonly admits = (caller: Identity, path: string): boolean =>
    this.#policy.permits(caller, permissionOf(path));

  readonly onChange = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /**
   * Takes over what the file has, if it is new, valid, and was the same at the last look. Never
   * rejects.
   */
  async look(): Promise<void> {
    try {
      const text = await readFile(this.#path, 'utf8');
      // A file that is being written may be valid, and short of its last grants.
      const isSettled = text === this.#seen;
      this.#seen = text;
      if (!isSettled || (text === this.#text && this.#problem === '')) return;
      this.#policy = parsePolicy(text, this.#path);
      this.#text = text;
      this.#problem = '';
    } catch (error) {
      this.#refuse(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#report();
    for (const listener of this.#listeners) listener();
  }

  #refuse(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#log.warn('the policy file is not valid', {
      problem,
      effect: 'the policy that was valid last is kept',
    });
  }

  #report(): void {
    this.#log.info('policy read', { policy: this.#path, hash: this.#policy.hash });
  }
}
