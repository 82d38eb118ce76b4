import { type Deadline, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { Logger } from '../../ledger/logger.ts';
import { invalidArgument, RpcError } from '../../ledger/rpc/error.ts';
import { MalformedMessage } from '../../ledger/rpc/message-bytes.ts';
import type { RouterTuning } from '../router-tuning.ts';
import { remainingMs } from '../books/call-deadline.ts';
import { InvariantError } from '../../ledger/core/assert.ts';
import { MIB } from '../../ledger/core/limits.ts';
import { endByBug } from '../../ledger/rpc/unary.ts';
import { TransferItems } from './bytes/transfer-items.ts';
import { sizeOf, type StreamedAnswer, type StreamedTransfer } from './transfer-service.ts';

type Transfer = NonNullable<StreamedTransfer['transfer']>;

export type Stream = ServerDuplexStream<StreamedTransfer, StreamedAnswer>;

/**
 * Creates one transfer from a request of `bytes` bytes and returns the bytes of the
 * CreateTransferResponse. Throws RpcError.
 */
export type CreateOne = (
  request: Transfer,
  deadline: Deadline,
  bytes: number,
) => Promise<Uint8Array>;

interface Unanswered {
  readonly sequence: bigint;
  readonly bytes: number;
  /** Once it is known; it waits for the answers before it. */
  answer: StreamedAnswer['answer'] | undefined;
}

/**
 * One stream of transfers. Requests are worked on as they come, answers go out in their order.
 * When too many are unanswered nothing more is read, and the flow control of HTTP/2 holds the
 * caller back; an answer that the caller does not take counts as not given.
 */
export class TransferStream {
  readonly #stream: Stream;
  readonly #create: CreateOne;
  readonly #log: Logger;
  readonly #tuning: RouterTuning;
  #unanswered: Unanswered[] = [];
  #bytes = 0;
  /** Sequence of the newest request. */
  #newest: bigint | undefined;
  /** Set when nothing more is read: how the stream ends once all is answered. */
  #end: RpcError | 'complete' | undefined;
  #gone = false;

  constructor(stream: Stream, create: CreateOne, log: Logger, tuning: RouterTuning) {
    this.#tuning = tuning;
    this.#stream = stream;
    this.#create = create;
    this.#log = log;
    stream.on('data', (message: StreamedTransfer | MalformedMessage) => this.#take(message));
    stream.on('end', () => this.stop('complete'));
    stream.on('drain', () => this.#answer());
    // Transfers in flight go on: a caller that comes back asks with the same keys.
    stream.on('cancelled', () => {
      this.#gone = true;
    });
  }

  /** Reads no more, answers what was read, then ends the stream. */
  stop(end: RpcError | 'complete'): void {
    this.#end ??= end;
    this.#stream.pause();
    this.#answer();
  }

  #take(message: StreamedTransfer | MalformedMessage): void {
    if (this.#end !== undefined) return;
    if (message instanceof MalformedMessage) {
      this.stop(message.error);
      return;
    }
    const { sequence, transfer } = message;
    if (this.#newest !== undefined && sequence <= this.#newest) {
      const description = `${sequence} must be greater than ${this.#newest}, the one before`;
      this.stop(invalidArgument([{ field: 'sequence', description }]));
      return;
    }
    if (transfer === undefined) {
      this.stop(invalidArgument([{ field: 'transfer', description: 'must be set' }]));
      return;
    }
    this.#newest = sequence;
    const bytes = transfer instanceof TransferItems ? sizeOf(transfer) : sizeOf(message);
    const item: Unanswered = { sequence, bytes, answer: undefined };
    this.#unanswered.push(item);
    this.#bytes += item.bytes;
    if (this.#load() >= 1) this.#stream.pause();
    void this.#decide(item, transfer);
  }

  /** Share of what may be unanswered that is; at one no more is read. */
  #load(): number {
    const { streamRequests, streamMib } = this.#tuning;
    return Math.max(this.#unanswered.length / streamRequests, this.#bytes / (streamMib * MIB));
  }

  async #decide(item: Unanswered, transfer: Transfer): Promise<void> {
    try {
      if (!(transfer instanceof TransferItems) && transfer.dryRun) {
        throw invalidArgument([
          { field: 'dry_run', description: 'must be unset: dry runs are unary' },
        ]);
      }
      const value = await this.#create(transfer, this.#deadline(), item.bytes);
      item.answer = { $case: 'result', value };
    } catch (error) {
      item.answer = { $case: 'fault', value: this.#faultOf(error) };
    }
    this.#answer();
  }

  /** A transfer has as long as a call without a deadline, unless the stream ends before. */
  #deadline(): number {
    return Math.min(
      Number(this.#stream.getDeadline()),
      Date.now() + remainingMs(Infinity, this.#tuning),
    );
  }

  #faultOf(error: unknown) {
    if (error instanceof RpcError) {
      const { code, message, outcomeUnknown } = error;
      return { code, message, outcomeUnknown };
    }
    if (error instanceof InvariantError) endByBug(error);
    this.#log.warn('a transfer of a stream failed', { why: String(error) });
    return { code: status.INTERNAL, message: 'failed; see the log', outcomeUnknown: true };
  }

  /** Writes the answers whose turn it is, as far as the caller takes them. */
  #answer(): void {
    if (this.#gone) return;
    const stream = this.#stream;
    while (!stream.writableNeedDrain) {
      const [next] = this.#unanswered;
      if (next?.answer === undefined) break;
      this.#unanswered.shift();
      this.#bytes -= next.bytes;
      stream.write({ sequence: next.sequence, answer: next.answer });
    }
    if (this.#end === undefined) {
      if (stream.isPaused() && this.#load() < 0.5) stream.resume();
    } else if (this.#unanswered.length === 0) {
      this.#gone = true;
      if (this.#end === 'complete') stream.end();
      else stream.emit('error', this.#end);
    }
  }
}
