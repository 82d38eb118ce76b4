import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';
import { QUESTION_MS, within } from './within.ts';

/**
 * The driver forgets a connection that is being made when its pool is ended, and leaves it open;
 * after its own limit of five seconds there is none.
 */
const GIVE_UP_SECONDS = 6;

/** After this number of failures in a row the connections are given up. */
const FAILURES_MAX = 2;

/**
 * The Postgres of one member, asked with a time limit of our own: a call to a frozen server, or to
 * one behind a dead link, would otherwise never end. A pool that fails again is given up, so that
 * none stays on a dead link or a node that has been demoted; by then a server that is merely slow
 * to connect has had enough time.
 */
export class MemberDatabase {
  readonly #url: string;
  #pool: Sql | undefined;
  #failures = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** Throws the server's error, or an Error when it does not answer within `limitMs`. */
  async ask<T>(question: (sql: Sql) => Promise<T>, limitMs = QUESTION_MS): Promise<T> {
    this.#pool ??= connect(this.#url, 2);
    const pool = this.#pool;
    const answer = question(pool);
    // When the limit passes first, no one handles the late failure.
    answer.catch(() => undefined);
    try {
      const found = await within(limitMs, answer);
      this.#failures = 0;
      return found;
    } catch (error) {
      this.#failures += 1;
      if (this.#failures >= FAILURES_MAX && this.#pool === pool) {
        this.#failures = 0;
        this.#pool = undefined;
        void pool.end({ timeout: GIVE_UP_SECONDS });
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#pool?.end({ timeout: 0 });
    this.#pool = undefined;
  }
}
