import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import type { RegionName } from '../../topology/layout.ts';

/**
 * Every call to an installation and its answer: the ground truth that its journals are
 * compared with. Everything in it is plain JSON; 64-bit numbers are text.
 */

export type CallKind = 'transfer' | 'hold' | 'capture';

/** The request of a call. */
export interface CallRequest {
  readonly key: string;
  readonly kind: CallKind;
  /** The caller's region, whose router it was sent to first. */
  readonly via: RegionName;
  /** Home region of the account that pays. */
  readonly home: RegionName;
  /** Home region of the account that is paid. */
  readonly to: RegionName;
  /** Number of the book that decides: that of the account that pays. */
  readonly book: number;
  /** Number of the book of the account that is paid. */
  readonly toBook: number;
  readonly debitAccount: string;
  /** Empty for a capture. */
  readonly creditAccount: string;
  /** Minor units. */
  readonly amountMinor: string;
  /** Transfer id of the hold of a capture. Empty otherwise. */
  readonly holdId: string;
}

/** Whether a call concerns one book alone, so that nothing but that book can hold it up. */
export function isWithinBook({ book, toBook }: CallRequest): boolean {
  return book === toBook;
}

/** An outcome, in terms of the API such as POSTED and INSUFFICIENT_FUNDS. */
export interface Acknowledgement {
  readonly status: string;
  /** Empty unless rejected or returned. */
  readonly reason: string;
  readonly transferId: string;
  readonly book: number;
  readonly epoch: number;
  readonly seq: number;
  readonly replayed: boolean;
}

/** No outcome. */
export interface CallTrouble {
  /** gRPC status, such as UNAVAILABLE. */
  readonly code: string;
  /** `unknown`: it may or may not have been applied. */
  readonly outcome: 'not_applied' | 'unknown';
  readonly message: string;
}

/** One call that has ended. Times are milliseconds since the run began. */
export interface RecordedCall extends CallRequest {
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  readonly acknowledged?: Acknowledgement;
  readonly trouble?: CallTrouble;
}

/** Keeps every call in memory and writes it to a file, one JSON object a line. */
export class CallLog {
  readonly calls: RecordedCall[] = [];
  readonly #file: WriteStream;
  #broken: Error | undefined;

  readonly #onCall: (call: RecordedCall) => void;

  /** Replaces the file. `onCall` receives every call. */
  constructor(path: string, onCall: (call: RecordedCall) => void) {
    this.#onCall = onCall;
    this.#file = createWriteStream(path, { flags: 'w' });
    this.#file.on('error', (error) => {
      this.#broken = error;
    });
  }

  add(call: RecordedCall): void {
    this.calls.push(call);
    this.#file.write(`${JSON.stringify(call)}\n`);
    this.#onCall(call);
  }

  /** Throws when the file could not be written. */
  async close(): Promise<void> {
    if (this.#broken === undefined) {
      this.#file.end();
      await once(this.#file, 'close');
    }
    if (this.#broken !== undefined) throw this.#broken;
  }
}
