import { status } from '@grpc/grpc-js';
import { must } from '../../ledger/core/assert.ts';
import {
  outcomeUnknown,
  overloaded,
  type RpcError,
  tooLate,
  unavailable,
} from '../../ledger/rpc/error.ts';
import { ByteReader } from './bytes/byte-reader.ts';
import { framed } from './bytes/frame.ts';
import type { TransferItems } from './bytes/transfer-items.ts';
import { type RoutedCall, Chunk, type Piece, type Results } from './chunk.ts';
import type { Lane } from './lane.ts';

/** Bits of the state of a transfer. */
const FINAL = 1;
const IN_TRANSIT = 2;
/** The answer that it was in transit was a replay. */
const REPLAYED = 4;

/** Tag of an item of `CreateTransfersResponse.results`. */
const RESULTS_TAG = 0x0a;
/** Tags of the fields of CreateTransferResponse that the router sets. */
const REPLAYED_TAG = 0x28;
const RESENT_TAG = 0x60;

/** One call: its transfers, spread over the lanes, until all are answered or time is up. */
export class Call implements RoutedCall {
  /** By performance.now(): no caller waits for it after that. */
  readonly deadline: number;
  readonly sequence: number;
  /** By number of the book. */
  readonly #chunks: ReadonlyMap<number, Chunk>;
  /** 1: the caller waits until the transfer is settled. */
  readonly #waits: Uint8Array;
  /** Bits of each transfer. */
  readonly #states: Uint8Array;
  /** The bytes that answers are in; of each transfer the index of those, and where it is there. */
  readonly #replies: Uint8Array[] = [];
  readonly #replyOf: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  readonly #resolve: (call: Call) => void;
  readonly #reject: (error: RpcError) => void;
  readonly #timer: NodeJS.Timeout;
  /** Transfers without a final answer. */
  #left: number;
  #isOver = false;
  /** True: all books had a leader when the call began. */
  #led = false;

  /**
   * @param items whose bytes nothing else may use from now on
   * @param sequence as of a RoutedCall
   * @param resolve called with the call once it has an answer to each transfer
   */
  constructor(
    items: TransferItems,
    timeoutMs: number,
    sequence: number,
    resolve: (call: Call) => void,
    reject: (error: RpcError) => void,
  ) {
    const { count, waits } = items;
    this.deadline = performance.now() + timeoutMs;
    this.sequence = sequence;
    this.#waits = waits;
    this.#states = new Uint8Array(count);
    this.#replyOf = new Uint32Array(count);
    this.#starts = new Uint32Array(count);
    this.#ends = new Uint32Array(count);
    this.#left = count;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#timeUp(), Math.max(0, timeoutMs));
    this.#chunks = chunksOf(this, items);
  }

  start(lanes: ReadonlyMap<number, Lane>): void {
    // All lanes are asked before any is given something: a call that is refused for want of
    // room has not been begun.
    for (const [book, chunk] of this.#chunks) {
      if (lanes.get(book)?.hasRoomFor(chunk.rowsOf(0, chunk.count)) === true) continue;
      this.fail(overloaded(`too many transfers wait for book ${book}`, 200));
      return;
    }
    this.#led = [...this.#chunks.keys()].every((book) => lanes.get(book)?.led === true);
    for (const [book, chunk] of this.#chunks) lanes.get(book)?.add(chunk);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  waits(index: number): boolean {
    return this.#waits[index] === 1;
  }

  finish(index: number, attempts: number, results: Results, result: number): void {
    if (!this.#isWaiting(index)) return;
    this.#keep(index, attempts, results, result);
    this.#states[index] = FINAL;
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#end();
    this.#resolve(this);
  }

  keepInTransit(index: number, attempts: number, results: Results, result: number): void {
    if (!this.#isWaiting(index)) return;
    const replayed = this.#keep(index, attempts, results, result);
    this.#states[index] = IN_TRANSIT | (replayed ? REPLAYED : 0);
  }

  ownAnswers(piece: Piece, start: number, end: number): void {
    const last = this.#replies.length - 1;
    const reply = this.#replies[last];
    // Answers that were changed here are the call's own already.
    if (this.#isOver || reply === undefined || piece.attempts > 1) return;
    this.#replies[last] = Buffer.from(reply.subarray(start, end));
    for (let item = piece.from; item < piece.to; item += 1) {
      const index = piece.chunk.indexOf(item);
      this.#starts[index] = (this.#starts[index] ?? 0) - start;
      this.#ends[index] = (this.#ends[index] ?? 0) - start;
    }
  }

  fail(error: RpcError): void {
    if (this.#isOver) return;
    this.#end();
    this.#reject(error);
  }

  /** Bytes of a CreateTransfersResponse with all answers. */
  responses(): Buffer {
    const starts = this.#starts;
    const ends = this.#ends;
    let length = 0;
    for (let index = 0; index < starts.length; index += 1) {
      length += (ends[index] ?? 0) - (starts[index] ?? 0);
    }
    const bytes = Buffer.allocUnsafe(length);
    let at = 0;
    for (let index = 0; index < starts.length;) {
      const first = index;
      const start = starts[first] ?? 0;
      // Neighbours are copied at once.
      do index += 1;
      while (
        index < starts.length &&
        this.#replyOf[index] === this.#replyOf[first] &&
        starts[index] === ends[index - 1]
      );
      const end = ends[index - 1] ?? 0;
      bytes.set(this.#replyTo(first).subarray(start, end), at);
      for (let each = first; each < index; each += 1) {
        bytes[at + (starts[each] ?? 0) - start] = RESULTS_TAG;
      }
      at += end - start;
    }
    return bytes;
  }

  /** Bytes of the CreateTransferResponse to the only transfer. */
  response(): Buffer {
    return Buffer.from(inside(this.#replyTo(0), this.#starts[0] ?? 0, this.#ends[0] ?? 0));
  }

  /** True: the transfer has no final answer, and its caller waits for one. */
  #isWaiting(index: number): boolean {
    return !this.#isOver && ((this.#states[index] ?? 0) & FINAL) === 0;
  }

  #replyTo(index: number): Uint8Array {
    return must(this.#replies[this.#replyOf[index] ?? 0], 'every answer came in a reply');
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  /**
   * Keeps an answer, and returns whether it is a replay. After more than one attempt the book cannot
   * distinguish the caller's repetition from the lane's own, unless an answer within this call has
   * shown which it is.
   */
  #keep(index: number, attempts: number, results: Results, result: number): boolean {
    const start = results.starts[result] ?? 0;
    const end = results.ends[result] ?? 0;
    const isReplay = results.replayed[result] === 1;
    if (attempts <= 1) {
      this.#refer(index, results.bytes, start, end);
      return isReplay;
    }
    const state = this.#states[index] ?? 0;
    const replayed = (state & IN_TRANSIT) === 0 ? isReplay : (state & REPLAYED) !== 0;
    // The last value of a field counts.
    const changes = Uint8Array.of(REPLAYED_TAG, replayed ? 1 : 0, RESENT_TAG, 1);
    const answer = framed(RESULTS_TAG, inside(results.bytes, start, end), changes);
    this.#refer(index, answer, 0, answer.length);
    return replayed;
  }

  #refer(index: number, bytes: Uint8Array, start: number, end: number): void {
    const replies = this.#replies;
    if (replies.at(-1) !== bytes) replies.push(bytes);
    this.#replyOf[index] = replies.length - 1;
    this.#starts[index] = start;
    this.#ends[index] = end;
  }

  #notSent(): RpcError {
    return this.#led
      ? tooLate('the deadline passed before the book could be asked')
      : unavailable('NO_LEADER', 'a book has no leader now', 200);
  }

  /** Those in transit are answered so; anything else without an answer fails the call. */
  #timeUp(): void {
    let unknown = false;
    let unsent = false;
    for (const chunk of this.#chunks.values()) {
      for (let item = 0; item < chunk.count; item += 1) {
        if (this.#states[chunk.indexOf(item)] !== 0) continue;
        if (item < chunk.sent) unknown = true;
        else unsent = true;
      }
    }
    if (unknown) this.fail(outcomeUnknown(status.DEADLINE_EXCEEDED));
    else if (unsent) this.fail(this.#notSent());
    else {
      this.#end();
      this.#resolve(this);
    }
  }
}

/** The message in a field, which is from its tag of one byte to its end. */
function inside(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const reader = new ByteReader(bytes, start + 1, end);
  reader.varint();
  return bytes.subarray(reader.at, end);
}

/** The transfers of a call by the number of their books, in the order in which those come first. */
function chunksOf(call: Call, items: TransferItems): ReadonlyMap<number, Chunk> {
  const { books, count } = items;
  const [first = 0] = books;
  if (books.every((book) => book === first)) {
    return new Map([[first, new Chunk(call, items, undefined)]]);
  }
  const indexes = new Map<number, number[]>();
  for (let index = 0; index < count; index += 1) {
    const book = books[index] ?? 0;
    const ofBook = indexes.get(book);
    if (ofBook === undefined) indexes.set(book, [index]);
    else ofBook.push(index);
  }
  const chunks = new Map<number, Chunk>();
  for (const [book, ofBook] of indexes) {
    chunks.set(book, new Chunk(call, items, Uint32Array.from(ofBook)));
  }
  return chunks;
}
