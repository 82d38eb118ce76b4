import type { StoredOptions } from '../core/validate/options.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import type { Find } from './findings.ts';
import type { ReversedRow, ReversedRows } from './reversals.ts';

/** A hold of which something is left, or was before the rows at hand. */
export interface OpenHold {
  readonly id: string;
  readonly seq: number;
  readonly debitAccount: bigint | null;
  /** Null if the payee is in another book: then `peer` names it. */
  readonly creditAccount: bigint | null;
  readonly peer: JournalRow['peer'];
  readonly expiresAtMicros: number | null;
  left: bigint;
  /** Kind of the row that took the last of it. */
  endedBy: RowKind | null;
  /** The final capture that waits for the answer of the payee's book, as far as it was seen. */
  closing: string | null;
}

/**
 * Follows what is left of every hold. One that nothing is left of is forgotten, so that memory
 * is bounded by the holds that are open at one time; a row that draws on a forgotten one is found
 * as surely as a row that draws on one that never existed.
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
    const open = { endedBy: null, closing: null, left };
    this.#open.set(id, { id, seq, debitAccount, creditAccount, peer, expiresAtMicros, ...open });
  }

  /** Takes the holds that ended before these rows and that captures come back to in them. */
  recall(rows: readonly JournalRow[], before: ReversedRows): void {
    const first = rows[0]?.seq ?? 0;
    for (const { kind, originId } of rows) {
      if (kind !== RowKind.return && kind !== RowKind.rest) continue;
      const id = before.get(originId ?? '')?.drawnId ?? '';
      const hold = before.get(id);
      if (hold?.kind !== RowKind.hold || hold.seq >= first || this.#open.has(id)) continue;
      const { seq, debitAccount, creditAccount, expiresAtMicros, left, endedBy } = hold;
      const peer = hold.peer === null ? null : { ...hold.peer, number: null };
      const parties = { debitAccount, creditAccount, peer };
      this.#open.set(id, { id, seq, ...parties, expiresAtMicros, left, endedBy, closing: null });
    }
  }

  /** Forgets the holds that nothing is left of. To be called after each page of rows. */
  forget(): void {
    for (const [id, { left }] of this.#open) if (left === 0n) this.#open.delete(id);
  }

  /**
   * Takes the return of a capture: its hold has the amount again, unless it was released or its
   * time is up.
   *
   * @param isOld the row is from before captures came back to their holds
   * @returns by how much more is held after it
   */
  cameBack(row: JournalRow, capture: ReversedRow, isOld: boolean): bigint {
    const drawn = row.details?.drawn ?? null;
    if (isOld && drawn === null) return 0n;
    const hold = this.#open.get(capture.drawnId ?? '');
    if (!hold) {
      this.#find('I10', row, `returns a capture of ${capture.drawnId}, of which there is no hold`);
      return 0n;
    }
    if (hold.closing === row.originId) hold.closing = null;
    const amount = row.amount ?? 0n;
    const isOver = hold.expiresAtMicros !== null && row.atMicros >= hold.expiresAtMicros;
    const isCaptured = hold.left === 0n && hold.endedBy === RowKind.capture;
    const again = !isOver && (hold.left > 0n || isCaptured);
    const expires = isOver && isCaptured;
    const left = again ? hold.left + amount : hold.left;
    const wanted = again || expires ? `${left} of ${hold.id}` : 'nothing';
    const found = drawn === null ? 'nothing' : `${drawn.left} of ${drawn.id}`;
    if (found !== wanted) {
      this.#find('I10', row, `returns a capture and leaves ${found}, should leave ${wanted}`);
    }
    if (again) hold.endedBy = null;
    if (expires) hold.endedBy = RowKind.return;
    hold.left = left;
    return again ? amount : 0n;
  }

  /**
   * Takes a row that draws on a hold: a capture, a release, an expiry, or what a final capture
   * left.
   *
   * @param asked undefined for a row without a request
   * @param isOld the row is from before captures came back to their holds
   * @returns by how much less is held after it
   */
  drawn(row: JournalRow, asked: StoredOptions | undefined, isOld: boolean): bigint {
    const drawn = row.details?.drawn ?? null;
    const hold = drawn === null ? undefined : this.#open.get(drawn.id);
    const amount = row.amount ?? 0n;
    if (!hold || hold.left === 0n) {
      this.#find('I10', row, `draws on hold ${drawn?.id}, which is not open`);
      return amount;
    }
    this.#parties(row, hold);
    this.#time(row, hold);
    const before = hold.left;
    if (asked !== undefined && hold.closing !== null) {
      this.#find('I10', row, `draws on hold ${hold.id}, which ${hold.closing} closes`);
    }
    hold.left = this.#leftAfter(row, hold, asked, isOld);
    if (drawn?.left !== hold.left) {
      const text = `states that ${drawn?.left} is left of hold ${hold.id}, left is ${hold.left}`;
      this.#find('I10', row, text);
    }
    if (hold.left === 0n) hold.endedBy = row.kind;
    return before - hold.left;
  }

  #leftAfter(
    row: JournalRow,
    hold: OpenHold,
    asked: StoredOptions | undefined,
    isOld: boolean,
  ): bigint {
    const { id, left } = hold;
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
    // A capture for another book may come back: until it is answered, the rest stays reserved.
    if (final && row.peer !== null && !(isOld && row.details?.drawn?.left === 0n)) {
      hold.closing = row.id;
      return left - amount;
    }
    return isCapture && !final ? left - amount : 0n;
  }

  #parties(row: JournalRow, hold: OpenHold): void {
    const away = hold.peer !== null;
    const same =
      row.debitAccount === hold.debitAccount &&
      row.peer?.book === hold.peer?.book &&
      row.peer?.account === hold.peer?.account &&
      // A capture for a payee in another book goes into a transit account.
      ((away && row.kind === RowKind.capture) || row.creditAccount === hold.creditAccount);
    if (!same) this.#find('I10', row, `has other accounts than hold ${hold.id}`);
  }

  #time(row: JournalRow, { id, expiresAtMicros }: OpenHold): void {
    const isOver = expiresAtMicros !== null && row.atMicros >= expiresAtMicros;
    if (row.kind === RowKind.expiry) {
      if (!isOver) this.#find('I10', row, `expires hold ${id} before its time is up`);
    } else if (isOver && row.kind !== RowKind.rest) {
      this.#find('I10', row, `draws on hold ${id} after its time is up`);
    }
  }
}
