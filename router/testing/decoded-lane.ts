import { status } from '@grpc/grpc-js';
import { bookOf } from '../../ledger/core/account-id.ts';
import { rowsOf } from '../../ledger/core/validate/request-rows.ts';
import { decidingAccountOf } from '../../ledger/core/validate/validate-transfer.ts';
import {
  type BatchFault,
  type BatchOutcome,
  BookServiceService,
  FaultCode,
  PostReply,
  PostRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
  Wait,
} from '../../proto/gen/meridian/v1/transfer.ts';
import {
  channelDiverged,
  invalidArgument,
  outcomeUnknown,
  overloaded,
  type RpcError,
  tooLate,
  unavailable,
} from '../../ledger/rpc/error.ts';
import type { RouterTuning } from '../router-tuning.ts';
import type { LaneLeaders, PostingLeader, PostStream } from '../transfers/lane.ts';

/**
 * Lanes and calls that decode everything and have an object for each transfer: what the lanes that
 * pass bytes on are compared with. Written for reading, not for speed; nothing but tests uses it.
 */

/** Pause before a leader that refused is asked again. */
const RETRY_MS = 50;
const SWEEP_MS = 1_000;

const asItIs = (bytes: Buffer) => bytes;

/** A transfer on its way through a lane, and who waits for it. */
interface LaneItem {
  readonly request: CreateTransferRequest;
  /** Rows that it leads to: one, or more if it is a group. */
  readonly rows: number;
  /** By performance.now(): no caller waits for it after that. */
  readonly deadline: number;
  /** Shared by those of one call for one book: the batch that some of them were sent in last. */
  readonly chunk: { batch: bigint };
  /** Shared by neighbours of one call that go in one batch, if it takes them all. */
  run: object;
  /** How often it was sent. Once is enough for it to have been applied. */
  attempts: number;
  /** Its answer so far, while it is in transit. */
  inTransit: CreateTransferResponse | undefined;
  /** True: answered or given up. */
  done: boolean;
  /** Called at most once, unless `onError` is. */
  readonly onResult: (result: CreateTransferResponse) => void;
  readonly onError: (error: RpcError) => void;
}

/**
 * The way to one book: gathers the transfers of all calls into batches on one long-lived
 * stream to the book's leader. When the stream or the leader is lost, everything without a
 * final answer is sent again in its old order, under the same keys, to the leader of that time.
 */
export class DecodedLane {
  readonly #book: number;
  readonly #leaders: LaneLeaders;
  readonly #tuning: RouterTuning;
  #pending: LaneItem[] = [];
  /** Rows of the pending transfers. */
  #pendingRows = 0;
  #inFlight = new Map<bigint, LaneItem[]>();
  /** Batches with transfers that are in transit, waiting for the other book. */
  #late = new Map<bigint, Map<number, LaneItem>>();
  #nextBatch = 1n;
  #stream: PostStream | undefined;
  #leader: PostingLeader | undefined;
  #scheduled = false;
  #retry: NodeJS.Timeout | undefined;
  readonly #sweeper: NodeJS.Timeout;

  constructor(book: number, leaders: LaneLeaders, tuning: RouterTuning) {
    this.#tuning = tuning;
    this.#book = book;
    this.#leaders = leaders;
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
  add(items: readonly LaneItem[]): void {
    for (const item of items) this.#pending.push(item);
    this.#pendingRows += rowsIn(items);
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
      this.#reset();
      // It has refused nothing yet: there is no reason to wait.
      this.#stopRetry();
    }
    if (leader?.epoch === this.#leader?.epoch && leader?.posting !== this.#leader?.posting) {
      if (this.#inFlight.size > 0) return;
      this.#reset();
      this.#stopRetry();
    }
    if (this.#pending.length === 0 || this.#retry !== undefined) return;
    const stream = this.#stream ?? this.#open(leader);
    if (stream === undefined) return;
    let sent = true;
    while (sent && this.#pending.length > 0 && this.#maySend()) sent = this.#send(stream);
  }

  #maySend(): boolean {
    if (this.#inFlight.size < this.#tuning.batches) return true;
    const ready = this.#pending.filter(({ chunk }) => !this.#inFlight.has(chunk.batch));
    if (rowsIn(ready) < this.#tuning.largeBatchRows) return false;
    let inFlight = 0;
    for (const items of this.#inFlight.values()) inFlight += rowsIn(items);
    return inFlight < this.#tuning.inFlightRows;
  }

  /** Sends the next batch; false: nothing that is pending can be sent yet. */
  #send(stream: PostStream): boolean {
    const now = performance.now();
    const batch = this.#nextBatch;
    const items = this.#take(now);
    if (items.length === 0) return false;
    this.#nextBatch += 1n;
    this.#inFlight.set(batch, items);
    for (const item of items) {
      item.attempts += 1;
      item.chunk.batch = batch;
    }
    const transfers = items.map((item) => item.request);
    const timeoutMs = items.map((item) => Math.ceil(item.deadline - now));
    const request = PostRequest.encode({ batch, transfers, timeoutMs }).finish();
    stream.write(Buffer.from(request));
    return true;
  }

  #take(now: number): LaneItem[] {
    const items: LaneItem[] = [];
    const left: LaneItem[] = [];
    let isFull = false;
    for (const item of this.#pending) {
      if (!isFull && !item.done && item.deadline <= now) this.#giveUp(item, item.attempts);
      const waits = this.#inFlight.has(item.chunk.batch);
      if (!isFull && !item.done && !waits) isFull = !this.#fits(item, items);
      if (item.done && !isFull) continue;
      if (isFull || waits) left.push(item);
      else items.push(item);
    }
    // What is left of the last one goes on its own from here on.
    const last = items.at(-1)?.run;
    const rest = {};
    for (const item of left) if (item.run === last) item.run = rest;
    this.#pending = left;
    this.#pendingRows = rowsIn(left);
    return items;
  }

  #fits(item: LaneItem, items: readonly LaneItem[]): boolean {
    if (items.length === 0) return true;
    const isNew = items.at(-1)?.run !== item.run;
    const room = this.#tuning.batchRows - rowsIn(items);
    return rowsIn(isNew ? this.#pending.filter(({ run }) => run === item.run) : [item]) <= room;
  }

  #open(leader: PostingLeader | undefined): PostStream | undefined {
    if (leader === undefined) return undefined;
    const { path } = BookServiceService.post;
    const { epoch, posting } = leader;
    const stream = posting.makeBidiStreamRequest(path, asItIs, asItIs);
    this.#leader = { epoch, posting };
    this.#stream = stream;
    stream.on('data', (bytes: Buffer) => {
      const { reply } = PostReply.decode(bytes);
      if (stream === this.#stream && reply !== undefined) this.#receive(reply);
    });
    const lost = () => {
      if (stream === this.#stream) this.#reset();
    };
    stream.on('error', lost);
    stream.on('end', lost);
    return stream;
  }

  #receive(reply: NonNullable<PostReply['reply']>): void {
    switch (reply.$case) {
      case 'outcome':
        this.#settle(reply.value);
        break;
      case 'late':
        for (const { batch, index, result } of reply.value.results) {
          const waiting = this.#late.get(batch);
          const item = waiting?.get(index);
          if (waiting === undefined || item === undefined || result === undefined) continue;
          waiting.delete(index);
          if (waiting.size === 0) this.#late.delete(batch);
          finish(item, result);
        }
        break;
      case 'fault':
        this.#fault(reply.value);
        break;
    }
    this.#schedule();
  }

  #settle({ batch, results, halted }: BatchOutcome): void {
    const channels = new Map(halted.map(({ index, channel }) => [index, channel]));
    const items = this.#inFlight.get(batch) ?? [];
    this.#inFlight.delete(batch);
    const late = new Map<number, LaneItem>();
    for (const [index, item] of items.entries()) {
      const result = results[index];
      const channel = channels.get(index);
      if (channel !== undefined) {
        // The book has looked its key up: no attempt before has applied it.
        fail(item, channelDiverged(haltedText(channel), channel));
      } else if (result === undefined || result.status === TransferStatus.UNSPECIFIED) {
        this.#giveUp(item, item.attempts - 1);
      } else if (result.status === TransferStatus.IN_TRANSIT && waits(item)) {
        item.inTransit = answerTo(item, result);
        item.run = {};
        late.set(index, item);
      } else {
        finish(item, result);
      }
    }
    if (late.size > 0) this.#late.set(batch, late);
  }

  #fault({ batch, code, message, channel }: BatchFault): void {
    if (code === FaultCode.CHANNEL_DIVERGED) {
      for (const item of this.#inFlight.get(batch) ?? []) {
        // The book looks no key up: it does not know what an attempt before has done.
        const isFirst = item.attempts === 1;
        fail(item, isFirst ? channelDiverged(message, channel) : outcomeUnknown(status.UNKNOWN));
      }
      this.#inFlight.delete(batch);
      return;
    }
    if (code === FaultCode.OVERLOADED || code === FaultCode.INVALID) {
      const items = this.#inFlight.get(batch) ?? [];
      this.#inFlight.delete(batch);
      for (const item of items) {
        if (item.attempts > 1) {
          // This attempt was rejected, but an earlier one may have been applied.
          fail(item, outcomeUnknown(status.UNKNOWN));
        } else if (code === FaultCode.INVALID) {
          fail(item, invalidArgument([{ field: 'transfers', description: message }]));
        } else {
          fail(item, overloaded(message, 200));
        }
      }
      return;
    }
    // Not led here any more, or the outcome is unknown: the same keys are asked again.
    this.#reset();
  }

  /** Gives the stream up. All that has no final answer goes back to the front, in order. */
  #reset(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#leader = undefined;
    stream?.cancel();
    const inFlight = [...this.#inFlight.values()].flat();
    const late = [...this.#late.values()].flatMap((waiting) => [...waiting.values()]);
    this.#inFlight = new Map();
    this.#late = new Map();
    const again = [...late, ...inFlight].filter((item) => !item.done);
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

  /** The time is up for an item that `attempts` earlier attempts may have applied. */
  #giveUp(item: LaneItem, attempts: number): void {
    if (attempts > 0) fail(item, outcomeUnknown(status.DEADLINE_EXCEEDED));
    else if (item.attempts > 0) fail(item, tooLate('the deadline passed before the book began'));
    else if (this.led) fail(item, tooLate('the deadline passed before the book could be asked'));
    else fail(item, unavailable('NO_LEADER', `book ${this.#book} has no leader now`, 200));
  }

  /**
   * Forgets those whose caller has gone: what is in transit, and what waits for a leader, so that
   * it takes no room while there is none.
   */
  #sweep(): void {
    this.#pending = this.#pending.filter(({ done }) => !done);
    this.#pendingRows = rowsIn(this.#pending);
    for (const [batch, waiting] of this.#late) {
      for (const [index, item] of waiting) {
        if (item.done) waiting.delete(index);
      }
      if (waiting.size === 0) this.#late.delete(batch);
    }
  }
}

function haltedText(channel: string): string {
  return `the channel ${channel} is halted: its two ends do not have the same legs`;
}

/** Rows that the items lead to. */
function rowsIn(items: readonly LaneItem[]): number {
  let rows = 0;
  for (const item of items) rows += item.rows;
  return rows;
}

const waits = ({ request }: LaneItem) => request.wait !== Wait.POSTED;

function finish(item: LaneItem, result: CreateTransferResponse): void {
  if (item.done) return;
  item.done = true;
  item.onResult(answerTo(item, result));
}

/**
 * Returns the answer of the caller. After more than one attempt the book cannot distinguish the
 * caller's repetition from the lane's own, unless an answer within this call has shown which
 * it is.
 */
function answerTo(item: LaneItem, result: CreateTransferResponse): CreateTransferResponse {
  if (item.attempts <= 1) return result;
  const replayed = item.inTransit?.replayed ?? result.replayed;
  return { ...result, replayed, resent: true };
}

function fail(item: LaneItem, error: RpcError): void {
  if (item.done) return;
  item.done = true;
  item.onError(error);
}

/** What all transfers of a call for one book share at first. */
function shared(chunks: Map<number, { batch: bigint }>, book: number) {
  const chunk = chunks.get(book) ?? { batch: 0n };
  chunks.set(book, chunk);
  return { chunk, run: chunk as object };
}

/** One call: its transfers, spread over the lanes, until all are answered or time is up. */
export class DecodedCall {
  readonly #items: LaneItem[];
  readonly #results: CreateTransferResponse[];
  readonly #resolve: (results: CreateTransferResponse[]) => void;
  readonly #reject: (error: RpcError) => void;
  readonly #timer: NodeJS.Timeout;
  #left: number;
  /** True: all books had a leader when the call began. */
  #led = false;

  constructor(
    requests: readonly CreateTransferRequest[],
    timeoutMs: number,
    resolve: (results: CreateTransferResponse[]) => void,
    reject: (error: RpcError) => void,
  ) {
    const deadline = performance.now() + timeoutMs;
    this.#left = requests.length;
    this.#results = Array.from<CreateTransferResponse>({ length: requests.length });
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#timeUp(), Math.max(0, timeoutMs));
    const chunks = new Map<number, { batch: bigint }>();
    this.#items = requests.map((request, index) => ({
      request,
      rows: rowsOf(request),
      deadline,
      ...shared(chunks, bookOf(decidingAccountOf(request))),
      attempts: 0,
      inTransit: undefined,
      done: false,
      onResult: (result) => this.#answered(index, result),
      onError: (error) => this.#failed(error),
    }));
  }

  start(lanes: ReadonlyMap<number, DecodedLane>): void {
    const byBook = new Map<number, LaneItem[]>();
    for (const item of this.#items) {
      const book = bookOf(decidingAccountOf(item.request));
      const items = byBook.get(book);
      if (items === undefined) byBook.set(book, [item]);
      else items.push(item);
    }
    // All lanes are asked before any is given something: a call that is refused for want of
    // room has not been begun.
    for (const [book, items] of byBook) {
      if (lanes.get(book)?.hasRoomFor(rowsIn(items)) === true) continue;
      this.#failed(overloaded(`too many transfers wait for book ${book}`, 200));
      return;
    }
    this.#led = [...byBook.keys()].every((book) => lanes.get(book)?.led === true);
    for (const [book, items] of byBook) lanes.get(book)?.add(items);
  }

  #notSent(): RpcError {
    return this.#led
      ? tooLate('the deadline passed before the book could be asked')
      : unavailable('NO_LEADER', 'a book has no leader now', 200);
  }

  #answered(index: number, result: CreateTransferResponse): void {
    this.#results[index] = result;
    this.#left -= 1;
    if (this.#left > 0) return;
    clearTimeout(this.#timer);
    this.#resolve(this.#results);
  }

  #failed(error: RpcError): void {
    clearTimeout(this.#timer);
    for (const item of this.#items) item.done = true;
    this.#reject(error);
  }

  /** Those in transit are answered so; anything else without an answer fails the call. */
  #timeUp(): void {
    let unknown = false;
    let unsent = false;
    for (const [index, item] of this.#items.entries()) {
      if (item.done) continue;
      if (item.inTransit !== undefined) this.#results[index] = item.inTransit;
      else if (item.attempts > 0) unknown = true;
      else unsent = true;
      item.done = true;
    }
    if (unknown) this.#reject(outcomeUnknown(status.DEADLINE_EXCEEDED));
    else if (unsent) this.#reject(this.#notSent());
    else this.#resolve(this.#results);
  }
}
