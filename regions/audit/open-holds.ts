import type { StoredOptions } from '../../ledger/core/options.ts';
import { type JournalRow, RowKind } from '../../ledger/core/journal-row.ts';
import type { Find } from './findings.ts';

/** A hold of which something is left. */
export interface OpenHold {
  readonly id: string;
  readonly seq: number;
  readonly debitAccount: bigint | null;
  /** Null if the payee is in another book: then `peer` says who. */
  readonly creditAccount: bigint | null;
  readonly peer: JournalRow['peer'];
  readonly expiresAtMicros: number | null;
  left: bigint;
}

/**
 * Follows what is left of every hold. One that nothing is left of is forgotten, so that memory
 * is bounded by the holds that are open at one time; whoever draws on a forgotten one is found
 * as surely as whoever draws on one that never was.
 */
export class OpenHolds {
  readonly #open = new Map<string, OpenHold>();
  readonly #find: Find;

  constructor(find: Find) {
    this.#find = find;
  }

  get all(): Iterable<OpenHold> {
    return this.#open.values();
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes the row of a hold that was made. */
  made(row: JournalRow, asked: StoredOptions): void {
    const { id, seq, debitAccount, creditAccount, peer } = row;
    if ((peer === null) === (creditAccount === null)) {
      this.#find('I10', row, 'a hold has no payee, or two');
    }
    const seconds = asked.action?.$case === 'hold' ? asked.action.value.timeoutSeconds : 0;
    const wanted = seconds === 0 ? null : row.atMicros + seconds * 1_000_000;
    const expiresAtMicros = row.details?.expiresAtMicros ?? null;
    if (expiresAtMicros !== wanted) {
      const when = expiresAtMicros === null ? 'never' : `at ${expiresAtMicros}`;
      this.#find('I10', row, `expires ${when}, asked were ${seconds} seconds`);
    }
    const left = row.amount ?? 0n;
    this.#open.set(id, { id, seq, debitAccount, creditAccount, peer, expiresAtMicros, left });
  }

  /**
   * Takes a row that draws on a hold: a capture, a release or an expiry.
   *
   * @param asked undefined for an expiry, which nobody asks for
   * @returns by how much less is held after it
   */
  drawn(row: JournalRow, asked: StoredOptions | undefined): bigint {
    const drawn = row.details?.drawn ?? null;
    const hold = drawn === null ? undefined : this.#open.get(drawn.id);
    const amount = row.amount ?? 0n;
    if (!hold) {
      this.#find('I10', row, `draws on hold ${drawn?.id}, which is not open`);
      return amount;
    }
    this.#parties(row, hold);
    this.#time(row, hold);
    const before = hold.left;
    hold.left = this.#leftAfter(row, hold, asked);
    if (drawn?.left !== hold.left) {
      const text = `says that ${drawn?.left} is left of hold ${hold.id}, left is ${hold.left}`;
      this.#find('I10', row, text);
    }
    if (hold.left === 0n) this.#open.delete(hold.id);
    return before - hold.left;
  }

  #leftAfter(row: JournalRow, { id, left }: OpenHold, asked: StoredOptions | undefined): bigint {
    const amount = row.amount ?? 0n;
    const isCapture = row.kind === RowKind.capture;
    if (amount > left) {
      this.#find('I10', row, `draws ${amount} on hold ${id}, of which ${left} is left`);
      return 0n;
    }
    // All that is left is what a release and an expiry free, and what a capture without an
    // amount of its own moves.
    if (amount !== left && (!isCapture || asked?.amount === 0n)) {
      this.#find('I10', row, `ends hold ${id} with ${amount}, of which ${left} is left`);
      return 0n;
    }
    const final = asked?.action?.$case === 'capture' && asked.action.value.final;
    return isCapture && !final ? left - amount : 0n;
  }

  #parties(row: JournalRow, hold: OpenHold): void {
    const away = hold.peer !== null;
    const same =
      row.debitAccount === hold.debitAccount &&
      row.peer?.book === hold.peer?.book &&
      row.peer?.account === hold.peer?.account &&
      // What is captured for a payee in another book goes into a transit account.
      ((away && row.kind === RowKind.capture) || row.creditAccount === hold.creditAccount);
    if (!same) this.#find('I10', row, `has other accounts than hold ${hold.id}`);
  }

  #time(row: JournalRow, { id, expiresAtMicros }: OpenHold): void {
    const isOver = expiresAtMicros !== null && row.atMicros >= expiresAtMicros;
    if (row.kind === RowKind.expiry) {
      if (!isOver) this.#find('I10', row, `expires hold ${id} before its time is up`);
    } else if (isOver) {
      this.#find('I10', row, `draws on hold ${id} after its time is up`);
    }
  }
}
