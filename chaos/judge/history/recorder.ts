import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { CallFailure, Kind, Kinds } from './operation.ts';
import type { Fact, Harm, HistoryHeader, HistoryRecord, Phase } from './record.ts';
import { keyOf, plainValue } from './value.ts';

/** Ends a call; call exactly one of these methods. */
export interface PendingCall<Reply> {
  ok(reply: Reply): void;
  /** It was definitely not applied. */
  fail(fault: CallFailure): void;
  /** It may or may not have been applied. */
  info(fault: CallFailure): void;
}

/** A call that has ended, as reported to observers of the run. */
export interface EndedCall {
  readonly f: Kind;
  readonly router: string;
  readonly value: Kinds[Kind]['value'];
  readonly type: 'ok' | 'fail' | 'info';
  readonly tookMs: number;
}

/** A record without its index, which the recorder assigns. */
type Unplaced = HistoryRecord extends infer R
  ? R extends { readonly index: number }
    ? Omit<R, 'index'>
    : never
  : never;

/** Writes a history during the run, one JSON object per line. */
export class HistoryRecorder {
  readonly #file: WriteStream;
  readonly #clock: () => number;
  readonly #onEnd: (call: EndedCall) => void;
  #broken: Error | undefined;
  #closed = false;
  #index = 0;
  #processes = 0;
  #faults = 0;

  /**
   * Overwrites the file.
   *
   * @param clock nanoseconds since the run began, monotonic
   * @param onEnd is called for every call that ends
   */
  constructor(
    path: string,
    header: HistoryHeader,
    clock: () => number,
    onEnd: (call: EndedCall) => void = () => {},
  ) {
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.#file = createWriteStream(path, { flags: 'w' });
    this.#file.on('error', (error) => {
      this.#broken = error;
    });
    this.#file.write(`${JSON.stringify(header)}\n`);
  }

  /** A client that makes one call at a time. */
  client(): RecordedClient {
    const start = () => (this.#processes += 1);
    const write = (record: Unplaced) => this.#write(record);
    return new RecordedClient(start, write, this.#clock, this.#onEnd);
  }

  /** Records the beginning of a fault. Returns a function that records its end. */
  fault(what: string, targets: readonly string[], harms: readonly Harm[]): () => void {
    this.#faults += 1;
    const record = { kind: 'nemesis', id: this.#faults, what, targets, harms } as const;
    this.#write({ ...record, type: 'start', ns: this.#clock() });
    return () => this.#write({ ...record, type: 'end', ns: this.#clock() });
  }

  epoch(book: number, epoch: number, region: string): void {
    this.#write({ kind: 'epoch', book, epoch, region, ns: this.#clock() });
  }

  phase(phase: Phase): void {
    this.#write({ kind: 'phase', phase, ns: this.#clock(), wallMs: Date.now() });
  }

  fact(fact: Fact, text: string): void {
    this.#write({ kind: 'fact', fact, text, ns: this.#clock() });
  }

  /**
   * Closes the file. Later events are not part of the run. Throws when the file could not be
   * written.
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#broken === undefined) {
      this.#file.end();
      await once(this.#file, 'close');
    }
    if (this.#broken !== undefined) throw this.#broken;
  }

  #write(record: Unplaced): void {
    if (this.#closed) return;
    const { kind, ...rest } = record;
    this.#file.write(`${JSON.stringify({ kind, index: this.#index, ...rest })}\n`);
    this.#index += 1;
  }
}

/** One process of a history. After an `info` it continues as a new one. */
export class RecordedClient {
  readonly #start: () => number;
  readonly #write: (record: Unplaced) => void;
  readonly #clock: () => number;
  readonly #onEnd: (call: EndedCall) => void;
  #process: number;
  #isBusy = false;

  constructor(
    start: () => number,
    write: (record: Unplaced) => void,
    clock: () => number,
    onEnd: (call: EndedCall) => void,
  ) {
    this.#start = start;
    this.#write = write;
    this.#clock = clock;
    this.#onEnd = onEnd;
    this.#process = start();
  }

  get process(): number {
    return this.#process;
  }

  /**
   * Records the beginning of a call, which must be sent afterwards. Throws if another is under way.
   */
  invoke<K extends Kind>(
    f: K,
    router: string,
    value: Kinds[K]['value'],
  ): PendingCall<Kinds[K]['reply']> {
    if (this.#isBusy) throw new Error(`process ${this.#process} has two calls at once`);
    this.#isBusy = true;
    const call = { kind: 'op', process: this.#process, f, router } as const;
    const key = keyOf(f, value);
    const named = key === '' ? call : { ...call, key };
    const record = { ...named, type: 'invoke', value: plainValue(f, value) } as const;
    const begunNs = this.#clock();
    this.#write({ ...record, ns: begunNs });
    const end = (type: 'ok' | 'fail' | 'info', rest: { reply?: unknown; fault?: CallFailure }) => {
      const ns = this.#clock();
      this.#write({ ...named, type, ns, ...rest });
      this.#isBusy = false;
      if (type === 'info') this.#process = this.#start();
      const tookMs = (ns - begunNs) / 1e6;
      this.#onEnd({ f, router, value, type, tookMs });
    };
    return {
      ok: (reply) => end('ok', { reply }),
      fail: (fault) => end('fail', { fault }),
      info: (fault) => end('info', { fault }),
    };
  }
}
