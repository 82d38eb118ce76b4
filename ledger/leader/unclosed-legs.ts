import { type JournalRow, type Peer, RowKind } from '../core/journal-row.ts';
import type { BatchEffects } from '../core/post/book-state.ts';
import {
  captureOf,
  type LegRow,
  legFrom,
  reversedTransfer,
  REVERSES,
} from '../store/stored-leg.ts';
import type { NumberedLeg } from '../store/stored-records.ts';

/** Legs to one book that are kept; an older one is read from the journal. */
const KEPT_MAX = 20_000;
/** Characters of their references and metadata, of which a leg may have many thousands. */
const CHARS_MAX = 4 * 1024 * 1024;

/** In order of their numbers, without gaps. */
interface Kept {
  readonly legs: NumberedLeg[];
  chars: number;
}

/**
 * The legs that committed batches have sent to other books, until they are closed: as the journal
 * has them, but without a look into it.
 */
export class UnclosedLegs {
  /** By peer book. */
  readonly #kept = new Map<number, Kept>();

  /** A batch has been committed. */
  add({ rows, accounts }: Pick<BatchEffects, 'rows' | 'accounts'>): void {
    for (const row of rows) {
      const { peer, kind } = row;
      // A repair may give a number to another leg than the one that had it.
      if (kind === RowKind.recovered || kind === RowKind.repair) this.#kept.clear();
      else if (peer !== null && peer.number !== null && kind !== RowKind.settlement) {
        const asset = accounts.get(row.creditAccount ?? 0n)?.asset ?? '';
        this.#add(peer.book, legOf(row, peer, asset));
      }
    }
  }

  #add(peerBook: number, leg: NumberedLeg): void {
    const kept = this.#kept.get(peerBook);
    const chars = charsOf(leg);
    const follows = kept?.legs.at(-1)?.number === leg.number - 1;
    const isFull = kept !== undefined && (kept.legs.length >= KEPT_MAX || kept.chars > CHARS_MAX);
    if (kept === undefined || !follows || isFull) {
      this.#kept.set(peerBook, { legs: [leg], chars });
    } else {
      kept.legs.push(leg);
      kept.chars += chars;
    }
  }

  /**
   * Legs to a book with the numbers that follow `after`, through which all are closed. Undefined:
   * the first of them is not here.
   */
  after(peerBook: number, after: number, limit: number): readonly NumberedLeg[] | undefined {
    const kept = this.#kept.get(peerBook);
    if (kept === undefined) return undefined;
    const { legs } = kept;
    const closed = after + 1 - (legs[0]?.number ?? Infinity);
    if (closed < 0 || closed >= legs.length) return undefined;
    for (const leg of legs.splice(0, closed)) kept.chars -= charsOf(leg);
    return legs.slice(0, limit);
  }
}

function charsOf({ leg: { reference, metadata } }: NumberedLeg): number {
  let chars = reference.length;
  for (const [key, value] of Object.entries(metadata)) chars += key.length + value.length;
  return chars;
}

function legOf(row: JournalRow, peer: Peer, asset: string): NumberedLeg {
  const { kind, details } = row;
  const number = peer.number ?? 0;
  const stored: LegRow = {
    channel_number: BigInt(number),
    transfer_id: row.id,
    debit_account: row.debitAccount ?? 0n,
    credit_account: peer.account,
    amount: row.amount ?? 0n,
    asset,
    code: row.code,
    reference: row.reference,
    metadata: { ...row.metadata },
    kind,
    options: details === null || details.options === '' ? null : details.options,
    drawn_id: details?.drawn?.id ?? null,
    at_micros: BigInt(row.atMicros),
  };
  return {
    number,
    leg: legFrom(stored, reversedTransfer(stored)),
    drawn: REVERSES.has(kind) ? stored.drawn_id : null,
    kind,
    atMicros: row.atMicros,
    capture: captureOf(stored),
  };
}
