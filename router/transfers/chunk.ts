import type { RpcError } from '../../ledger/rpc/error.ts';
import { POSTED_TAG } from './bytes/post-request.ts';
import type { TransferItems } from './bytes/transfer-items.ts';

/** A call as its chunks and the lanes know it; `index` is that of a transfer of the call. */
export interface RoutedCall {
  /** By performance.now(): no caller waits for it after that. */
  readonly deadline: number;
  /** True: it was answered or given up. */
  readonly isOver: boolean;
  /** True: it wants no answer while the transfer is in transit. */
  waits(index: number): boolean;
  /** Takes the final answer to a transfer that was sent so often. */
  finish(index: number, attempts: number, results: Results, result: number): void;
  /** Takes the answer to a transfer that is in transit, in case that time is up before the next. */
  keepInTransit(index: number, attempts: number, results: Results, result: number): void;
  /**
   * Copies the answers to a piece, which are all in the reply that came last, from `start` to `end`:
   * while the call waits for others it must not keep the answers to other calls in memory.
   */
  ownAnswers(piece: Piece, start: number, end: number): void;
  /** Ends the call without an answer. */
  fail(error: RpcError): void;
}

/** Results that arrived together: the bytes that they are in, and of each where, and if replayed. */
export interface Results {
  readonly bytes: Uint8Array;
  /** Where its tag is. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** 1: replayed. */
  readonly replayed: Uint8Array;
}

/** The transfers of one call for one book, in their order. */
export class Chunk {
  readonly call: RoutedCall;
  readonly count: number;
  /** The items, as a PostRequest has them. */
  readonly #bytes: Uint8Array;
  /** Where each item begins, and where the last one ends. */
  readonly #starts: Uint32Array;
  /** Which transfers of the call they are; undefined: all of them. */
  readonly #indexes: Uint32Array | undefined;
  /** Rows that each item leads to; undefined: one each. */
  readonly #rows: Uint32Array | undefined;
  /** How many of them were sent at least once: those at the front. */
  sent = 0;
  /** Number of the batch that some of them were sent in last; 0: none. */
  batch = 0;

  /**
   * @param items whose bytes nothing else may use from now on
   * @param indexes which transfers of the call they are; undefined: all of them
   */
  constructor(call: RoutedCall, items: TransferItems, indexes: Uint32Array | undefined) {
    this.call = call;
    this.#indexes = indexes;
    this.count = indexes?.length ?? items.count;
    const { bytes, starts } = indexes === undefined ? items : picked(items, indexes);
    this.#bytes = bytes;
    this.#starts = starts;
    for (let item = 0; item < this.count; item += 1) bytes[starts[item] ?? 0] = POSTED_TAG;
    const { rows } = items;
    this.#rows = rows && (indexes === undefined ? rows : indexes.map((index) => rows[index] ?? 0));
  }

  /** Which transfer of the call an item is. */
  indexOf(item: number): number {
    return this.#indexes === undefined ? item : (this.#indexes[item] ?? 0);
  }

  bytesOf(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[from], this.#starts[to]);
  }

  rowsOf(from: number, to: number): number {
    if (this.#rows === undefined) return to - from;
    let rows = 0;
    for (let item = from; item < to; item += 1) rows += this.#rows[item] ?? 0;
    return rows;
  }

  /** Up to which item, from one item on, there is room for them. */
  fitting(
    from: number,
    to: number,
    room: { readonly rows: number; readonly items: number },
  ): number {
    const last = Math.min(to, from + room.items);
    if (this.#rows === undefined) return Math.min(last, from + room.rows);
    let item = from;
    for (let { rows } = room; item < last; item += 1) {
      rows -= this.#rows[item] ?? 0;
      if (rows < 0) break;
    }
    return item;
  }
}

interface Items {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
}

/** A copy of some items. */
function picked({ bytes, starts }: TransferItems, indexes: Uint32Array): Items {
  const start = (index: number) => starts[index] ?? 0;
  const copyStarts = new Uint32Array(indexes.length + 1);
  let length = 0;
  for (let item = 0; item < indexes.length; item += 1) {
    const index = indexes[item] ?? 0;
    copyStarts[item] = length;
    length += start(index + 1) - start(index);
  }
  copyStarts[indexes.length] = length;
  const copy = Buffer.allocUnsafe(length);
  for (let item = 0; item < indexes.length;) {
    const first = item;
    // Neighbours are copied at once.
    while (item < indexes.length && indexes[item] === (indexes[first] ?? 0) + item - first)
      item += 1;
    const from = indexes[first] ?? 0;
    copy.set(bytes.subarray(start(from), start(from + item - first)), copyStarts[first]);
  }
  return { bytes: copy, starts: copyStarts };
}

/** Items of a chunk that are neighbours and were sent equally often. */
export interface Piece {
  readonly chunk: Chunk;
  readonly from: number;
  /** The item after the last one. */
  readonly to: number;
  readonly rows: number;
  /** How often they were sent. Once is enough for them to have been applied. */
  readonly attempts: number;
}

export function pieceOf(chunk: Chunk, from: number, to: number, attempts: number): Piece {
  return { chunk, from, to, rows: chunk.rowsOf(from, to), attempts };
}

/** Rows that the pieces lead to. */
export function rowsIn(pieces: readonly Piece[]): number {
  let rows = 0;
  for (const piece of pieces) rows += piece.rows;
  return rows;
}
