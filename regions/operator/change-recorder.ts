import { randomUUID } from 'node:crypto';
import { recordOperation, type StoredOperation } from '../../ledger/store/postgres/operations.ts';
import type { OperatedBook } from './operated-installation.ts';
import type { Acting, CompletedChange, ChangeResult, Step } from './change-plan.ts';
import { askPostgres } from './ask-postgres.ts';

/** A row that waits longer than this for a second region is written again afterwards. */
const RECORD_MS = 3_000;

/** Follows one operation from its beginning to its end, and records it in the books concerned. */
export class Recorder {
  readonly #id = randomUUID();
  readonly #kind: string;
  readonly #subject: string;
  readonly #acting: Acting;
  readonly #details: ChangeResult;
  readonly #at = new Date();
  readonly #startedAt = performance.now();
  readonly #steps: Step[] = [];

  /** @param details what is asked for, to be recorded with it */
  constructor(kind: string, subject: string, acting: Acting, details: ChangeResult = {}) {
    this.#kind = kind;
    this.#subject = subject;
    this.#acting = acting;
    this.#details = details;
  }

  readonly step = (text: string): void => {
    this.#steps.push({ atMs: Math.round(performance.now() - this.#startedAt), text });
    this.#acting.onStep?.(text);
  };

  /**
   * Records it in the books that can be written to, does it, and tries the other books again,
   * whether it succeeded or not.
   */
  async during(
    books: readonly OperatedBook[],
    work: () => Promise<ChangeResult>,
  ): Promise<CompletedChange> {
    const recorded = await this.#record(books);
    let missing = books.filter((book) => !recorded.includes(book));
    let result: ChangeResult;
    try {
      result = await work();
    } finally {
      const later = await this.#record(missing);
      missing = missing.filter((book) => !later.includes(book));
    }
    return {
      id: this.#id,
      kind: this.#kind,
      at: this.#at.toISOString(),
      by: this.#acting.by,
      why: this.#acting.why,
      subject: this.#subject,
      result,
      steps: this.#steps,
      tookMs: Math.round(performance.now() - this.#startedAt),
      notRecorded: missing.map(({ name }) => name),
    };
  }

  /** The books in which it is recorded now. */
  async #record(books: readonly OperatedBook[]): Promise<OperatedBook[]> {
    const done = await Promise.all(books.map((book) => this.#recordIn(book)));
    return books.filter((_, index) => done[index] === true);
  }

  async #recordIn(book: OperatedBook): Promise<boolean> {
    const recorded = await Promise.all(
      book.members.map(async ({ database }) => {
        try {
          const { standby, head } = await database.ask(askPostgres);
          if (standby) return false;
          const row = this.#row(head?.epoch ?? 0);
          await database.ask((sql) => recordOperation(sql, row), RECORD_MS);
          return true;
        } catch {
          return false;
        }
      }),
    );
    return recorded.includes(true);
  }

  #row(epoch: number): StoredOperation {
    const details = { subject: this.#subject, ...this.#details };
    const { by: who, why } = this.#acting;
    const atMicros = this.#at.getTime() * 1_000;
    return { id: this.#id, atMicros, kind: this.#kind, who, why, details, epoch };
  }
}
