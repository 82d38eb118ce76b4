import { overloaded, tooSlow } from '../rpc/error.ts';
import type { Queries, Sql } from '../store/connect.ts';
import type { Seen } from '../store/read-position.ts';
import { isTimeUp, withTimeLimit } from '../store/time-limit.ts';

/** So few of its connections may be taken by reads that can take long. */
const RUNNING_MAX = 2;
const WAITING_MAX = 200;
const STATEMENT_MS = 5_000;

/**
 * Runs reads whose cost the caller decides, such as searches: few at a time and each for a
 * short time, so that look-ups and retries always find a connection.
 */
export class LongReads {
  readonly #sql: Sql;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** RESOURCE_EXHAUSTED: too many wait already. DEADLINE_EXCEEDED: it takes too long. */
  async run<T>(read: (sql: Queries) => Promise<T>): Promise<Seen<T>> {
    await this.#turn();
    try {
      return await withTimeLimit(this.#sql, STATEMENT_MS, read);
    } catch (error) {
      if (!isTimeUp(error)) throw error;
      throw tooSlow(
        `this takes more than ${STATEMENT_MS / 1000} seconds: ask for a shorter time, or for ` +
          'one account, code or reference',
      );
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= RUNNING_MAX) {
      if (this.#waiting.length >= WAITING_MAX) throw overloaded('too many searches wait', 500);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
  }
}
