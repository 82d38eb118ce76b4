import type { Operation, Position } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';

/** An answer that only the current leader of the book gives. */
export interface LeadingAnswer extends Pick<Position, 'book' | 'epoch'> {
  readonly by: Operation;
}

/** Not replays: they name the epoch of the first decision. */
export function leadingAnswers({ operations }: Evidence): LeadingAnswer[] {
  const { transfers, changes, balances, statements, lookUps } = operations;
  const written = [...transfers, ...changes].flatMap((by) => {
    if (by.reply === null || by.value.dryRun || by.reply.replayed) return [];
    if (by.reply.reason === 'IDEMPOTENCY_KEY_REUSED') return [];
    return [leadingAnswer(by.reply.position, by)];
  });
  const balancesRead = balances.flatMap((by) =>
    by.value.level === 'linearizable'
      ? (by.reply ?? []).map(({ position }) => leadingAnswer(position, by))
      : [],
  );
  const otherwiseRead = [...statements, ...lookUps].flatMap((by) =>
    by.value.level === 'linearizable' && by.reply !== null
      ? [leadingAnswer(by.reply.position, by)]
      : [],
  );
  return [...written, ...balancesRead, ...otherwiseRead];
}

function leadingAnswer({ book, epoch }: Position, by: Operation): LeadingAnswer {
  return { book, epoch, by };
}

/** How long each epoch of each book has certainly led. */
export class Reigns {
  /** By book and epoch: the beginning of the last call that only its leader can have answered. */
  readonly #led = new Map<number, Map<number, number>>();
  readonly #newest = new Map<number, number>();

  constructor(evidence: Evidence) {
    for (const { book, epoch, by } of leadingAnswers(evidence)) {
      const ofBook = this.#led.get(book) ?? new Map<number, number>();
      this.#led.set(book, ofBook);
      ofBook.set(epoch, Math.max(ofBook.get(epoch) ?? 0, by.invokedNs));
    }
    for (const { number, rows } of evidence.books.values()) {
      this.#newest.set(number, rows.at(-1)?.epoch ?? 0);
    }
  }

  /** True: the leader of this epoch still led after that moment. Every take-over has a row. */
  isLeadingAfter(ns: number, book: number, epoch: number): boolean {
    if (epoch >= (this.#newest.get(book) ?? Infinity)) return true;
    return (this.#led.get(book)?.get(epoch) ?? -Infinity) > ns;
  }
}
