import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
  StreamTransfersRequest,
  StreamTransfersResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';

type Stream = ClientDuplexStream<StreamTransfersRequest, StreamTransfersResponse>;

/** All answers of a stream of transfers, and how it ends. */
export class ReceivedAnswers {
  readonly stream: Stream;
  readonly answers: StreamTransfersResponse[] = [];
  /** Undefined: it ended without an error. */
  readonly ended: Promise<ServiceError | undefined>;

  constructor(stream: Stream) {
    this.stream = stream;
    stream.on('data', (answer: StreamTransfersResponse) => this.answers.push(answer));
    this.ended = new Promise((resolve) => {
      stream.on('error', (error: ServiceError) => resolve(error));
      // An error comes right after the end.
      stream.on('end', () => setImmediate(() => resolve(undefined)));
    });
  }

  /** Sends transfers, numbered from one. */
  send(transfers: readonly CreateTransferRequest[]): void {
    for (const [index, transfer] of transfers.entries()) {
      this.stream.write({ sequence: BigInt(index + 1), transfer });
    }
  }

  get sequences(): number[] {
    return this.answers.map(({ sequence }) => Number(sequence));
  }

  get results(): CreateTransferResponse[] {
    return this.answers.flatMap(({ answer }) => (answer?.$case === 'result' ? [answer.value] : []));
  }

  /** The distinct statuses of the results. */
  get statuses(): TransferStatus[] {
    return [...new Set(this.results.map((result) => result.status))];
  }

  /** Waits until this number of answers has arrived. */
  async until(count: number, timeoutMs = 60_000): Promise<void> {
    for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(2)) {
      if (this.answers.length >= count) return;
    }
    throw new Error(`${this.answers.length} of ${count} answers after ${timeoutMs} ms`);
  }
}
