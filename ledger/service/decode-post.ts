import { PostRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import { CreateTransferRequest, Wait } from '../../proto/gen/meridian/v1/transfer.ts';
import { NO_METADATA } from '../core/no-metadata.ts';

/**
 * Decodes a PostRequest, whose bytes are known to be a message, into what the generated decoder makes
 * of them, for a quarter of its cost: text that is ASCII is not decoded as UTF-8, numbers are
 * read as words, and requests without metadata share one record. An item that has anything
 * else in it than most have (metadata, a reversal, conditions, text beyond ASCII, fields of a later
 * release, ...) is left to the generated decoder.
 */
export function decodePost(bytes: Buffer): PostRequest {
  return reader.post(bytes) ?? PostRequest.decode(bytes);
}

/** Decodes one transfer of a request likewise. @throws Error if its bytes are no message */
export function decodeTransfer(bytes: Buffer, start: number, end: number): CreateTransferRequest {
  return reader.transfer(bytes, start, end);
}

// Tags: the number of a field and its wire type.
const POST = { batch: 8, transfer: 18, timeouts: 26, sequences: 34, counts: 42 } as const;
const KEY = 10;
const NAMESPACE = 18;
const DEBIT = 24;
const CREDIT = 32;
const AMOUNT = 40;
const ASSET = 50;
const CODE = 56;
const REFERENCE = 66;
const WAIT = 80;
const HOLD = 90;
const CAPTURE = 98;
const RELEASE = 106;
const GROUP = 122;
const LEG = { debit: 8, credit: 16, amount: 24, asset: 34, code: 40, reference: 50 } as const;
const TIMEOUT = 8;
const HOLD_ID = 10;
const FINAL = 16;
const LEGS = 10;

type Action = CreateTransferRequest['action'];

/** Thrown, and caught where the item begins: the generated decoder is to decode it. */
const UNUSUAL = new Error('the generated decoder decodes this');

function unusual(): never {
  throw UNUSUAL;
}

/** By their numbers. */
const WAITS: readonly Wait[] = [Wait.UNSPECIFIED, Wait.SETTLED, Wait.POSTED];

// The two halves of a number; a half is 32 bits. Little-endian, as all processors that run Node.
const whole = new BigInt64Array(1);
const halves = new Uint32Array(whole.buffer);

/** There is one for all messages, because nothing else happens while a message is read. */
class PostReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Undefined: the message has a field that is not known here. */
  post(bytes: Buffer): PostRequest | undefined {
    this.#bytes = bytes;
    this.#at = 0;
    const numbers = { timeoutMs: [], runSequences: [], runTransfers: [] };
    const request: PostRequest = { batch: 0n, transfers: [], ...numbers };
    try {
      while (this.#at < bytes.length) {
        const tag = this.#byte();
        if (tag === POST.transfer) {
          const end = this.#end();
          request.transfers.push(this.#item(end));
        } else if (tag === POST.timeouts) {
          this.#numbers(request.timeoutMs);
        } else if (tag === POST.sequences) {
          this.#numbers(request.runSequences);
        } else if (tag === POST.counts) {
          this.#numbers(request.runTransfers);
        } else if (tag === POST.batch) {
          request.batch = BigInt.asUintN(64, this.#int64());
        } else {
          return undefined;
        }
      }
      // The last number of all may be cut off.
      return this.#at === bytes.length ? request : undefined;
    } catch (error) {
      if (error === UNUSUAL) return undefined;
      throw error;
    } finally {
      this.#bytes = NOTHING;
    }
  }

  #numbers(numbers: number[]): void {
    const end = this.#end();
    while (this.#at < end) numbers.push(this.#uint32());
  }

  /** One transfer, whose message stands between two places. */
  transfer(bytes: Buffer, start: number, end: number): CreateTransferRequest {
    this.#bytes = bytes;
    this.#at = start;
    try {
      return this.#item(end);
    } finally {
      this.#bytes = NOTHING;
    }
  }

  #item(end: number): CreateTransferRequest {
    const start = this.#at;
    try {
      const request = this.#transfer(end);
      if (this.#at === end) return request;
    } catch (error) {
      if (error !== UNUSUAL) throw error;
    }
    this.#at = end;
    return CreateTransferRequest.decode(this.#bytes.subarray(start, end));
  }

  #transfer(end: number): CreateTransferRequest {
    let idempotencyKey = '';
    let namespace = '';
    let debitAccountId = 0n;
    let creditAccountId = 0n;
    let amount = 0n;
    let asset = '';
    let code = 0;
    let reference = '';
    let wait: Wait = Wait.UNSPECIFIED;
    let action: Action;
    while (this.#at < end) {
      const tag = this.#byte();
      if (tag === KEY) idempotencyKey = this.#text();
      else if (tag === DEBIT) debitAccountId = this.#int64();
      else if (tag === CREDIT) creditAccountId = this.#int64();
      else if (tag === AMOUNT) amount = this.#int64();
      else if (tag === WAIT) wait = WAITS[this.#small()] ?? unusual();
      else if (tag === NAMESPACE) namespace = this.#text();
      else if (tag === ASSET) asset = this.#text();
      else if (tag === CODE) code = this.#small();
      else if (tag === REFERENCE) reference = this.#text();
      else action = this.#action(tag);
    }
    // The fields are in the order in which the generated decoder makes them.
    return {
      idempotencyKey,
      namespace,
      debitAccountId,
      creditAccountId,
      amount,
      asset,
      code,
      reference,
      metadata: NO_METADATA,
      wait,
      action,
      upTo: 0,
      conditions: undefined,
      dryRun: false,
      allowZero: false,
    };
  }

  #action(tag: number): Action {
    if (tag === HOLD) return { $case: 'hold', value: { timeoutSeconds: this.#hold() } };
    if (tag === CAPTURE) return { $case: 'capture', value: this.#capture() };
    if (tag === RELEASE) {
      const { holdId, final } = this.#capture();
      if (final) throw UNUSUAL;
      return { $case: 'release', value: { holdId } };
    }
    if (tag !== GROUP) throw UNUSUAL;
    const end = this.#end();
    const legs: Leg[] = [];
    while (this.#at < end) {
      if (this.#byte() !== LEGS) throw UNUSUAL;
      const legEnd = this.#end();
      legs.push(this.#leg(legEnd));
    }
    return { $case: 'group', value: { legs } };
  }

  #hold(): number {
    const end = this.#end();
    let timeoutSeconds = 0;
    while (this.#at < end) {
      if (this.#byte() !== TIMEOUT) throw UNUSUAL;
      timeoutSeconds = this.#small();
    }
    return timeoutSeconds;
  }

  /** Of a release as well, which has no `final`. */
  #capture(): { holdId: string; final: boolean } {
    const end = this.#end();
    let holdId = '';
    let final = false;
    while (this.#at < end) {
      const tag = this.#byte();
      if (tag === HOLD_ID) holdId = this.#text();
      else if (tag === FINAL && this.#byte() === 1) final = true;
      else throw UNUSUAL;
    }
    return { holdId, final };
  }

  #leg(end: number): Leg {
    const start = this.#at;
    let debitAccountId = 0n;
    let creditAccountId = 0n;
    let amount = 0n;
    let asset = '';
    let code = 0;
    let reference = '';
    while (this.#at < end) {
      const tag = this.#byte();
      if (tag === LEG.debit) debitAccountId = this.#int64();
      else if (tag === LEG.credit) creditAccountId = this.#int64();
      else if (tag === LEG.amount) amount = this.#int64();
      else if (tag === LEG.asset) asset = this.#text();
      else if (tag === LEG.code) code = this.#small();
      else if (tag === LEG.reference) reference = this.#text();
      else {
        this.#at = end;
        return Leg.decode(this.#bytes.subarray(start, end));
      }
    }
    return {
      debitAccountId,
      creditAccountId,
      amount,
      asset,
      code,
      reference,
      metadata: NO_METADATA,
      action: undefined,
      upTo: 0,
      conditions: undefined,
      allowZero: false,
      rest: false,
    };
  }

  #byte(): number {
    const byte = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return byte;
  }

  /** Reads a length, and returns where that number of bytes ends. */
  #end(): number {
    const length = this.#uint32();
    return this.#at + length;
  }

  #text(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    const end = this.#end();
    const from = this.#at;
    let all = 0;
    for (let at = from; at < end; at += 1) all |= bytes[at] ?? 128;
    if (all > 127 || end < start) throw UNUSUAL;
    this.#at = end;
    return bytes.toString('latin1', from, end);
  }

  /** A number of up to 31 bits, as most are. */
  #small(): number {
    const value = this.#uint32();
    if (value > 0x7fff_ffff) throw UNUSUAL;
    return value;
  }

  #uint32(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let scale = 1; scale < 2 ** 35; scale *= 128) {
      const byte = bytes[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 127) * scale;
      if (byte > 127) continue;
      if (value >= 2 ** 32) throw UNUSUAL;
      return value;
    }
    throw UNUSUAL;
  }

  /** A number from 0 to 2^63 - 1; a negative one has ten bytes. */
  #int64(): bigint {
    const bytes = this.#bytes;
    let part = 0;
    let low = 0;
    let middle = 0;
    let byte = bytes[this.#at] ?? 0;
    // 28 bits in each of two parts, and seven in the last byte.
    for (; byte > 127 && part < 8; part += 1) {
      if (part < 4) low |= (byte & 127) << (part * 7);
      else middle |= (byte & 127) << ((part - 4) * 7);
      this.#at += 1;
      byte = bytes[this.#at] ?? 0;
    }
    if (byte > 127) throw UNUSUAL;
    let top = 0;
    if (part < 4) low |= byte << (part * 7);
    else if (part < 8) middle |= byte << ((part - 4) * 7);
    else top = byte;
    this.#at += 1;
    halves[0] = low | (middle << 28);
    halves[1] = (middle >>> 4) + top * 0x100_0000;
    return whole[0] ?? 0n;
  }
}

const NOTHING = Buffer.alloc(0);
const reader = new PostReader();
