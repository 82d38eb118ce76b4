import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Sql } from '../store/connect.ts';
import { type NodeRole, readNodeRole } from '../store/node-role.ts';
import { describe, isDatabaseError } from '../store/sqlstate.ts';

/** How often the Postgres of this member is asked what it is. */
const ASK_MS = 100;
/** A Postgres that takes longer to report its role may have any role by then. */
const ANSWER_MS = 2_000;
/** After this long without an answer it is asked through a new connection. */
const GIVE_UP_MS = 30_000;

/** Undefined: the Postgres cannot be reached, or does not answer. */
export type KnownRole = NodeRole | undefined;

/** Keeps asking the Postgres of this member whether it is the primary. */
export class RoleWatch {
  readonly #url: string;
  readonly #onRole: (role: KnownRole, why: string) => void;
  #sql: Sql;
  #stopped = false;

  /** @param onRole called after each answer, and with the reason when there is none */
  constructor(url: string, onRole: (role: KnownRole, why: string) => void) {
    this.#url = url;
    this.#onRole = onRole;
    this.#sql = connect(url, 1);
  }

  /**
   * Watches until `stop`.
   * @throws Error that no database caused: the process must end
   */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#ask();
      if (!this.#stopped) await sleep(ASK_MS);
    }
  }

  stop(): void {
    this.#stopped = true;
    void this.#sql.end({ timeout: 0 });
  }

  /** Asks once; after `GIVE_UP_MS` without an answer it reconnects. */
  async #ask(): Promise<void> {
    const late = setTimeout(() => this.#report(undefined, 'it does not answer'), ANSWER_MS);
    const answered = new AbortController();
    const patience = sleep(GIVE_UP_MS, undefined, { signal: answered.signal });
    try {
      const role = await Promise.race([readNodeRole(this.#sql), patience]);
      if (role === undefined) await this.#reconnect();
      else this.#report(role, '');
    } catch (error) {
      if (!isDatabaseError(error)) throw error;
      this.#report(undefined, describe(error));
    } finally {
      clearTimeout(late);
      answered.abort();
    }
  }

  #report(role: KnownRole, why: string): void {
    if (!this.#stopped) this.#onRole(role, why);
  }

  async #reconnect(): Promise<void> {
    const before = this.#sql;
    this.#sql = connect(this.#url, 1);
    await before.end({ timeout: 0 });
  }
}
