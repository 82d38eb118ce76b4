import { assert, must } from '../../core/assert.ts';
import { type JournalRow, RowKind } from '../../core/journal-row.ts';

/** A hold or transfer that was applied, and what is left of it. */
interface Drawn {
  readonly kind: RowKind;
  readonly amount: bigint;
  readonly expiresAtMicros: number;
  left: bigint;
}

/**
 * Follows what is left of holds and transfers: a hold resolves once and never early (I10), and
 * no more is reversed than was moved.
 */
export class DrawFold {
  readonly #drawn = new Map<string, Drawn>();

  /**
   * Takes the next row. Returns how much less is held after it: what a capture has used up or
   * freed, or what a return has given back, which is negative.
   */
  take(row: JournalRow): bigint {
    const { kind, entries, id, details } = row;
    if (entries === null) return 0n;
    const amount = row.amount ?? 0n;
    const expiresAtMicros = details?.expiresAtMicros ?? Infinity;
    const freed = this.#draw(row, amount);
    // Money that a reversal brought cannot be reversed.
    const isReversal = kind === RowKind.settlement && (details?.drawn ?? null) !== null;
    const own = { kind: isReversal ? RowKind.reversal : kind, amount, left: amount };
    this.#drawn.set(id, { ...own, expiresAtMicros });
    return freed;
  }

  #draw({ seq, kind, atMicros, details, peer }: JournalRow, amount: bigint): bigint {
    const drawn = details?.drawn ?? null;
    if (drawn === null || kind === RowKind.settlement) return 0n;
    const from = must(this.#drawn.get(drawn.id), `row ${seq} draws on something`);
    const ofHold = from.kind === RowKind.hold;
    const { left } = from;
    from.left = must(drawn.left, `row ${seq} states what is left`);
    if (kind === RowKind.capture) {
      assert(ofHold && atMicros < from.expiresAtMicros, `I10: row ${seq} captures in time`);
      assert(amount <= left, `I10: row ${seq} captures what is left`);
      const rest = [0n, left - amount];
      // Elsewhere it may be refused: then the hold must be whole again.
      const may = peer === null ? rest : rest.slice(1);
      assert(may.includes(from.left), `I10: row ${seq} leaves the rest or none`);
      return left - from.left;
    }
    if (kind === RowKind.release || kind === RowKind.expiry) {
      const due = atMicros >= from.expiresAtMicros;
      assert(ofHold && due === (kind === RowKind.expiry), `I10: row ${seq} comes in its time`);
      assert(amount === left && left > 0n && from.left === 0n, `I10: row ${seq} frees all once`);
    } else if (kind === RowKind.rest) {
      assert(ofHold && amount === left && from.left === 0n, `I10: row ${seq} frees all once`);
    } else if (kind === RowKind.return && ofHold) {
      const due = atMicros >= from.expiresAtMicros;
      const same = from.left === (due ? 0n : left + amount) && from.left <= from.amount;
      assert(same && (!due || left === 0n), `I10: row ${seq} gives back to a hold in its time`);
      return due ? 0n : -amount;
    } else if (kind === RowKind.reversal) {
      assert(REVERSIBLE.has(from.kind), `row ${seq} reverses what was moved`);
      assert(amount <= left && from.left === left - amount, `row ${seq} reverses what is left`);
    } else {
      assert(kind === RowKind.return, `row ${seq} draws on nothing`);
      assert(from.left === left + amount && from.left <= from.amount, `row ${seq} gives back`);
    }
    return 0n;
  }
}

const REVERSIBLE: ReadonlySet<RowKind> = new Set([
  RowKind.transfer,
  RowKind.capture,
  RowKind.settlement,
]);
