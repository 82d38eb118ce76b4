import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { undoneId } from '../../../ledger/core/post/post-recovery.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { FinalBook } from './final-book.ts';

/** What the repair of a channel did with the numbers of its legs. */
export class RepairedLegs {
  readonly #toBook: number;
  readonly #sent = new Map<number, JournalRow>();
  readonly #recovered = new Map<number, JournalRow>();

  /** @param departures all legs that left for the book `toBook` */
  constructor(departures: readonly JournalRow[], toBook: number) {
    this.#toBook = toBook;
    for (const row of departures) {
      const legs = row.kind === RowKind.recovered ? this.#recovered : this.#sent;
      legs.set(numberOf(row), row);
    }
  }

  /** True: a repair gave the number of the leg to one that the other book has by it. */
  isUndone(leg: JournalRow): boolean {
    const replacing = this.#replacing(leg);
    return replacing !== undefined && replacing.entries !== null;
  }

  /**
   * True: a repair has emptied the number of the leg, as the other book has the transfer by an
   * earlier one. What becomes of the number is then what becomes of the empty leg.
   */
  isEmptied(leg: JournalRow): boolean {
    return this.#replacing(leg)?.entries === null;
  }

  /** What is wrong with an empty leg; '' if nothing is, or if the leg moves money. */
  emptyProblem(leg: JournalRow): string {
    if (leg.kind !== RowKind.recovered || leg.entries !== null) return '';
    const moved = this.#sent.get(numberOf(leg));
    const isOfIt =
      moved !== undefined &&
      leg.originId === undoneId(this.#toBook, moved.id) &&
      leg.amount === moved.amount &&
      leg.debitAccount === moved.debitAccount;
    return isOfIt ? '' : 'moves nothing, and is not of the leg that had its number';
  }

  #replacing(leg: JournalRow): JournalRow | undefined {
    return leg.kind === RowKind.recovered ? undefined : this.#recovered.get(numberOf(leg));
  }
}

/** The transfer of a leg. A repair may give its row another id. */
export function legIdOf({ kind, id, originId }: JournalRow): string {
  return kind === RowKind.recovered ? (originId ?? id) : id;
}

/** Of a leg whose number a repair gave to another one: what is wrong with its return. */
export function undoneProblem(leg: JournalRow, returned: JournalRow | undefined): string {
  const isReturned =
    returned?.reason === Reason.CHANNEL_DIVERGED &&
    returned.amount === leg.amount &&
    returned.creditAccount === leg.debitAccount;
  if (!isReturned) return 'lost its number in a repair and was not returned';
  const drawn = leg.kind === RowKind.reversal ? leg.details?.drawn?.id : undefined;
  const isGivenBack = drawn === undefined || returned.details?.drawn?.id === drawn;
  return isGivenBack
    ? ''
    : 'lost its number in a repair, and did not give back what it had reversed';
}

/**
 * True if a recovered reversal may leave what it reverses as it is: the same reversal was made
 * again and has drawn on it, or others have left less of it than its amount.
 *
 * @param drawn id of the row by which its book received what it reverses
 */
export function needsNotDraw(leg: JournalRow, drawn: string, from: FinalBook): boolean {
  if (leg.kind !== RowKind.recovered) return false;
  if (from.byId.get(legIdOf(leg))?.details?.drawn?.id === drawn) return true;
  const original = from.byId.get(drawn);
  if (original === undefined) return false;
  const last = from.rows.findLast(
    ({ seq, details }) => seq < leg.seq && details?.drawn?.id === drawn,
  );
  const left = last?.details?.drawn?.left ?? original.amount ?? 0n;
  return left < (leg.amount ?? 0n);
}

function numberOf({ peer }: JournalRow): number {
  return peer?.number ?? 0;
}
