import { status } from '@grpc/grpc-js';
import {
  type BatchFault,
  BookServiceService,
  FaultCode,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import { CALL_ITEMS_MAX } from '../../ledger/core/limits.ts';
import type { Logger } from '../../ledger/logger.ts';
import {
  channelDiverged,
  invalidArgument,
  outcomeUnknown,
  overloaded,
  tooLate,
  unavailable,
} from '../../ledger/rpc/error.ts';
import type { RouterTuning } from '../router-tuning.ts';
import { postRequestOf } from './bytes/post-request.ts';
import { ReplyScan } from './bytes/scan-reply.ts';
import { type Chunk, type Piece, pieceOf, rowsIn } from './chunk.ts';

/** Pause before a leader that refused is asked again. */
const RETRY_MS = 50;
const SWEEP_MS = 1_000;

/** A batch on its way. */
interface Batch {
  readonly number: number;
  readonly pieces: readonly Piece[];
  readonly rows: number;
}

/** What a lane needs of its stream to a ledger server: one of gRPC, or of a test. */
export interface PostStream {
  write(request: Buffer): unknown;
  cancel(): void;
  on(event: 'data', listener: (reply: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

/** What it needs of a leader. */
export interface PostingLeader {
  readonly epoch: number;
  readonly posting: {
    makeBidiStreamRequest(
      path: string,
      serialize: (request: Buffer) => Buffer,
      deserialize: (reply: Buffer) => Buffer,
    ): PostStream;
  };
}

/** What it needs to know of the leaders. */
export interface LaneLeaders {
  leaderOf(book: number): PostingLeader | undefined;
  onChange(listener: (book: number) => void): unknown;
}

const asItIs = (bytes: Buffer) => bytes;

/**
 * The way to one book: gathers the transfers of all calls into batches on one long-lived
 * stream to the book's leader. When the stream or the leader is lost, everything without a
 * final answer is sent again in its old order, under the same keys, to the leader of that time.
 * When the connection is replaced, the batches on their way are waited for first.
 */
export class Lane {
  readonly #book: number;
  readonly #leaders: LaneLeaders;
  readonly #log: Logger;
  readonly #tuning: RouterTuning;
  #pending: Piece[] = [];
  /** Rows of the pending transfers. */
  #pendingRows = 0;
  /** In the order of their numbers; there are few. */
  #inFlight: Batch[] = [];
  /** Transfers that are in transit, waiting for the other book, by batch and index there. */
  #late = new Map<number, Map<number, Piece>>();
  readonly #scan = new ReplyScan();
  #nextBatch = 1;
  #stream: PostStream | undefined;
  #leader: PostingLeader | undefined;
  #scheduled = false;
  #retry: NodeJS.Timeout | undefined;
  readonly #sweeper: NodeJS.Timeout;

  constructor(book: number, leaders: LaneLeaders, log: Logger, tuning: RouterTuning) {
    this.#tuning = tuning;
    this.#book = book;
    this.#leaders = leaders;
    this.#log = log;
    leaders.onChange((changed) => {
      if (changed === book) this.#schedule();
    });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** True if the book has a leader that is known here. */
  get led(): boolean {
    return this.#leaders.leaderOf(this.#book) !== undefined;
  }

  /** True if that many more rows may wait. */
  hasRoomFor(rows: number): boolean {
    return this.#pendingRows + rows <= this.#tuning.pendingRows;
  }

  /** Queues the transfers of one call, in order. Ask `hasRoomFor` first. */
  add(chunk: Chunk): void {
    const piece = pieceOf(chunk, 0, chunk.count, 0);
    this.#pending.push(piece);
    this.#pendingRows += piece.rows;
    this.#schedule();
  }

  close(): void {
    this.#stopRetry();
    clearInterval(this.#sweeper);
    this.#stream?.cancel();
  }

  /** Sends at the end of this turn of the event loop, with all that arrives in it. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    const leader = this.#leaders.leaderOf(this.#book);
    if (leader !== undefined && this.#leader !== undefined && leader.epoch > this.#leader.epoch) {
      this.#reset('another leader has taken over');
      // It has refused nothing yet: there is no reason to wait.
      this.#stopRetry();
    }
    if (this.#hasNewConnection(leader)) {
      // Batches that are answered need not be sent again.
      if (this.#inFlight.length > 0) return;
      this.#reset('the connection to the leader was replaced');
      this.#stopRetry();
    }
    if (this.#pending.length === 0 || this.#retry !== undefined) return;
    const stream = this.#stream ?? this.#open(leader);
    if (stream === undefined) return;
    let sent = true;
    while (sent && this.#pending.length > 0 && this.#maySend()) sent = this.#send(stream);
  }

  /** True if the leader that it has a stream to is reached by a newer connection now. */
  #hasNewConnection(leader: PostingLeader | undefined): boolean {
    if (leader === undefined || leader.epoch !== this.#leader?.epoch) return false;
    return leader.posting !== this.#leader.posting;
  }

  #maySend(): boolean {
    if (this.#inFlight.length < this.#tuning.batches) return true;
    if (!this.#hasLargeBatch()) return false;
    let inFlight = 0;
    for (const { rows } of this.#inFlight) inFlight += rows;
    return inFlight < this.#tuning.inFlightRows;
  }

  #hasLargeBatch(): boolean {
    const { largeBatchRows } = this.#tuning;
    if (this.#pendingRows < largeBatchRows) return false;
    let rows = 0;
    return this.#pending.some((piece) => {
      if (!this.#isUnderWay(piece.chunk)) rows += piece.rows;
      return rows >= largeBatchRows;
    });
  }

  /** True: some of its transfers are in a batch that is not answered. */
  #isUnderWay({ batch }: Chunk): boolean {
    return batch > 0 && this.#inFlight.some(({ number }) => number === batch);
  }

  /** Sends the next batch; false: nothing that is pending can be sent yet. */
  #send(stream: PostStream): boolean {
    const now = performance.now();
    const number = this.#nextBatch;
    const pieces = this.#take(number, now);
    if (pieces.length === 0) return false;
    this.#nextBatch += 1;
    this.#inFlight.push({ number, pieces, rows: rowsIn(pieces) });
    const runs = pieces.map(({ chunk, from, to }) => ({
      bytes: chunk.bytesOf(from, to),
      count: to - from,
      timeoutMs: Math.ceil(chunk.call.deadline - now),
    }));
    stream.write(postRequestOf(number, runs));
    return true;
  }

  /**
   * Takes what goes into a batch from what is pending, as sent once more. No two batches on their
   * way have transfers of the same call: the book could refuse the first and post the second. So a
   * call is divided only if it has more than a batch takes, and then it is sent part by part.
   */
  #take(number: number, now: number): Piece[] {
    const pieces: Piece[] = [];
    const waiting: Piece[] = [];
    const room = { rows: this.#tuning.batchRows, items: CALL_ITEMS_MAX };
    let taken = 0;
    for (const piece of this.#pending) {
      const { chunk, from, to, attempts } = piece;
      if (!chunk.call.isOver && chunk.call.deadline <= now) this.#giveUp(piece, attempts);
      if (chunk.call.isOver) {
        taken += 1;
        this.#pendingRows -= piece.rows;
        continue;
      }
      if (this.#isUnderWay(chunk)) {
        waiting.push(piece);
        taken += 1;
        continue;
      }
      // The first one fits, however many rows it has.
      const fits = Math.max(chunk.fitting(from, to, room), pieces.length === 0 ? from + 1 : from);
      if (fits < to && pieces.length > 0) break;
      const sent = pieceOf(chunk, from, fits, attempts + 1);
      chunk.sent = Math.max(chunk.sent, fits);
      chunk.batch = number;
      pieces.push(sent);
      this.#pendingRows -= sent.rows;
      room.rows -= sent.rows;
      room.items -= fits - from;
      if (fits < to) {
        this.#pending[taken] = pieceOf(chunk, fits, to, attempts);
        break;
      }
      taken += 1;
    }
    const rest = this.#pending.slice(taken);
    this.#pending = waiting.length === 0 ? rest : [...waiting, ...rest];
    return pieces;
  }

  #open(leader: PostingLeader | undefined): PostStream | undefined {
    if (leader === undefined) return undefined;
    const { path } = BookServiceService.post;
    const { epoch, posting } = leader;
    const stream = posting.makeBidiStreamRequest(path, asItIs, asItIs);
    // A leader's connection is the one of the moment: this is the one that the stream is on.
    this.#leader = { epoch, posting };
    this.#stream = stream;
    stream.on('data', (reply: Buffer) => {
      if (stream === this.#stream) this.#receive(reply);
    });
    const lost = (why: string) => {
      if (stream === this.#stream) this.#reset(why);
    };
    stream.on('error', (error: Error) => lost(error.message));
    stream.on('end', () => lost('the ledger server ended the stream'));
    return stream;
  }

  #receive(bytes: Buffer): void {
    const reply = this.#scanned(bytes);
    if (reply === 'outcome') this.#settle();
    else if (reply === 'late') this.#settleLate();
    else if (reply !== undefined) this.#fault(reply.value);
    this.#schedule();
  }

  /** Scans a reply; undefined if there is nothing in it. */
  #scanned(bytes: Buffer): ReturnType<ReplyScan['take']> {
    try {
      return this.#scan.take(bytes);
    } catch (error) {
      this.#reset(`the ledger server sent what is no reply: ${String(error)}`);
      return undefined;
    }
  }

  /** Takes a batch out of those in flight. */
  #taken(number: number): Batch | undefined {
    const at = this.#inFlight.findIndex((batch) => batch.number === number);
    return at < 0 ? undefined : this.#inFlight.splice(at, 1)[0];
  }

  /** Takes the outcome of a batch from the scan. */
  #settle(): void {
    const scan = this.#scan;
    const batch = this.#taken(scan.batch);
    if (batch === undefined) return;
    const late = new Map<number, Piece>();
    let first = 0;
    for (const piece of batch.pieces) {
      this.#settlePiece(piece, first, late);
      const last = first + piece.to - piece.from - 1;
      piece.chunk.call.ownAnswers(piece, scan.starts[first] ?? 0, scan.ends[last] ?? 0);
      first = last + 1;
    }
    if (late.size > 0) this.#late.set(scan.batch, late);
  }

  /**
   * Takes the results of a piece, from the first one of the scan on, and adds to `late` what is in
   * transit and waited for.
   */
  #settlePiece(piece: Piece, first: number, late: Map<number, Piece>): void {
    const scan = this.#scan;
    const { chunk, from, to, attempts } = piece;
    const { call } = chunk;
    for (let item = from; item < to && !call.isOver; item += 1) {
      const result = first + item - from;
      const index = chunk.indexOf(item);
      const channel = scan.halted.size === 0 ? undefined : scan.halted.get(result);
      const posted = result < scan.count ? scan.statuses[result] : TransferStatus.UNSPECIFIED;
      if (channel !== undefined) {
        // The book has looked its key up behind all that it had begun: no attempt before has applied it.
        call.fail(channelDiverged(haltedText(channel), channel));
      } else if (posted === TransferStatus.UNSPECIFIED) {
        this.#giveUp(piece, attempts - 1);
      } else if (posted === TransferStatus.IN_TRANSIT && call.waits(index)) {
        call.keepInTransit(index, attempts, scan, result);
        late.set(result, pieceOf(chunk, item, item + 1, attempts));
      } else {
        call.finish(index, attempts, scan, result);
      }
    }
  }

  /** Takes final outcomes of transfers that were in transit from the scan. */
  #settleLate(): void {
    const scan = this.#scan;
    for (let result = 0; result < scan.count; result += 1) {
      const batch = scan.batches[result] ?? 0;
      const waiting = this.#late.get(batch);
      const piece = waiting?.get(scan.indexes[result] ?? 0);
      if (waiting === undefined || piece === undefined) continue;
      waiting.delete(scan.indexes[result] ?? 0);
      if (waiting.size === 0) this.#late.delete(batch);
      const { call } = piece.chunk;
      call.finish(piece.chunk.indexOf(piece.from), piece.attempts, scan, result);
      call.ownAnswers(piece, scan.starts[result] ?? 0, scan.ends[result] ?? 0);
    }
  }

  #fault({ batch, code, message, channel }: BatchFault): void {
    const isOfBatch =
      code === FaultCode.CHANNEL_DIVERGED ||
      code === FaultCode.OVERLOADED ||
      code === FaultCode.INVALID;
    if (!isOfBatch) {
      // Not led here any more, or the outcome is unknown: the same keys are asked again.
      this.#reset(message);
      return;
    }
    const pieces = this.#taken(Number(batch))?.pieces ?? [];
    for (const { chunk, attempts } of pieces) {
      if (attempts > 1) {
        // This attempt was rejected, but an earlier one may have been applied: the book has looked
        // no key up, and does not know.
        chunk.call.fail(outcomeUnknown(status.UNKNOWN));
      } else if (code === FaultCode.INVALID) {
        chunk.call.fail(invalidArgument([{ field: 'transfers', description: message }]));
      } else if (code === FaultCode.CHANNEL_DIVERGED) {
        chunk.call.fail(channelDiverged(message, channel));
      } else {
        chunk.call.fail(overloaded(message, 200));
      }
    }
  }

  /** Gives the stream up. All that has no final answer goes back to the front, in order. */
  #reset(why: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#leader = undefined;
    stream?.cancel();
    const late = [...this.#late.values()].flatMap((waiting) => [...waiting.values()]);
    const inFlight = this.#inFlight.flatMap(({ pieces }) => pieces);
    const again = [...late, ...inFlight].filter(({ chunk }) => !chunk.call.isOver);
    this.#inFlight = [];
    this.#late = new Map();
    if (again.length > 0) {
      let transfers = 0;
      for (const { from, to } of again) transfers += to - from;
      this.#log.info('sending again', { book: this.#book, transfers, why });
    }
    this.#pending = [...again, ...this.#pending];
    this.#pendingRows += rowsIn(again);
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#schedule();
    }, RETRY_MS);
  }

  #stopRetry(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  /** The time is up for a piece that `before` earlier attempts may have applied. */
  #giveUp({ chunk: { call }, attempts }: Piece, before: number): void {
    if (before > 0) call.fail(outcomeUnknown(status.DEADLINE_EXCEEDED));
    else if (attempts > 0) call.fail(tooLate('the deadline passed before the book began'));
    else if (this.led) call.fail(tooLate('the deadline passed before the book could be asked'));
    else call.fail(unavailable('NO_LEADER', `book ${this.#book} has no leader now`, 200));
  }

  /**
   * Forgets those whose caller has gone: what is in transit, and what waits for a leader, so that
   * it takes no room while there is none.
   */
  #sweep(): void {
    this.#pending = this.#pending.filter(({ chunk }) => !chunk.call.isOver);
    this.#pendingRows = rowsIn(this.#pending);
    for (const [batch, waiting] of this.#late) {
      for (const [index, { chunk }] of waiting) {
        if (chunk.call.isOver) waiting.delete(index);
      }
      if (waiting.size === 0) this.#late.delete(batch);
    }
  }
}

function haltedText(channel: string): string {
  return `the channel ${channel} is halted: its two ends do not have the same legs`;
}
