import { setTimeout as sleep } from 'node:timers/promises';
import type { BookDatabase, BookStore } from '../store/book-store.ts';
import { describe, StoreError } from '../store/store-error.ts';
import type { NodeRole } from '../store/stored-records.ts';

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
  readonly #database: BookDatabase;
  readonly #onRole: (role: KnownRole, why: string) => void;
  readonly #answerMs: number;
  #store: BookStore;
  #stopped = false;

  /**
   * @param onRole called after each answer, and with the reason when there is none
   * @param answerMs after this long without an answer there is none
   */
  constructor(
    database: BookDatabase,
    onRole: (role: KnownRole, why: string) => void,
    answerMs = ANSWER_MS,
  ) {
    this.#answerMs = answerMs;
    this.#database = database;
    this.#onRole = onRole;
    this.#store = database.open(1);
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
    void this.#store.close(0);
  }

  /** Asks once; after `GIVE_UP_MS` without an answer it reconnects. */
  async #ask(): Promise<void> {
    const late = setTimeout(() => this.#report(undefined, 'it does not answer'), this.#answerMs);
    const answered = new AbortController();
    const patience = sleep(GIVE_UP_MS, undefined, { signal: answered.signal });
    try {
      const role = await Promise.race([this.#store.readNodeRole(), patience]);
      if (role === undefined) await this.#reconnect();
      else this.#report(role, '');
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
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
    const before = this.#store;
    this.#store = this.#database.open(1);
    await before.close(0);
  }
}
