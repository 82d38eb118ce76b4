import { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';

// Tags of CreateTransferResponse and of what is in it.
const RESULT = 18;
const TRANSFER_ID = 10;
const STATUS = 16;
const REASON = 24;
const REPLAYED = 40;
const POSITION = 50;
const DECIDED_AT = 58;
const ACTUAL_AMOUNT = 64;
const EXPIRES_AT = 74;
const GROUP = 82;
const LEG = 10;
const BOOK = 8;
const EPOCH = 16;
const SEQ = 24;
const SECONDS = 8;
const NANOS = 16;

/** Of a result without legs and with the longest numbers, but for text. */
const RESULT_BYTES_MAX = 128;
const TEXT_MAX = 127;
const USUAL_BYTES = 96;

/**
 * Answers as items of BatchOutcome.results, byte for byte as the generated encoder writes them. What
 * few answers have is left to that one.
 */
export function resultBytes(results: readonly CreateTransferResponse[]): Buffer {
  return new ResultWriter(results.length * USUAL_BYTES).all(results);
}

class ResultWriter {
  #bytes: Buffer;
  #end = 0;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size + RESULT_BYTES_MAX);
  }

  all(results: readonly CreateTransferResponse[]): Buffer {
    for (const result of results) this.#message(RESULT, result);
    return this.#bytes.subarray(0, this.#end);
  }

  #message(tag: number, result: CreateTransferResponse): void {
    if (!isUsual(result)) {
      this.#encoded(tag, CreateTransferResponse.encode(result).finish());
      return;
    }
    this.#reserve(RESULT_BYTES_MAX + TEXT_MAX);
    const start = this.#begin(tag);
    this.#text(TRANSFER_ID, result.transferId);
    this.#small(STATUS, result.status);
    this.#small(REASON, result.reason);
    if (result.replayed) this.#small(REPLAYED, 1);
    if (result.position !== undefined) this.#position(result.position);
    if (result.decidedAt !== undefined) this.#time(DECIDED_AT, result.decidedAt);
    this.#number(ACTUAL_AMOUNT, result.actualAmount);
    if (result.expiresAt !== undefined) this.#time(EXPIRES_AT, result.expiresAt);
    if (result.group !== undefined) {
      const groupStart = this.#begin(GROUP);
      for (const leg of result.group.legs) this.#message(LEG, leg);
      this.#finish(groupStart);
    }
    this.#finish(start);
  }

  #position({ book, epoch, seq }: NonNullable<CreateTransferResponse['position']>): void {
    const start = this.#begin(POSITION);
    this.#small(BOOK, book);
    this.#number(EPOCH, epoch);
    this.#number(SEQ, seq);
    this.#finish(start);
  }

  #time(tag: number, { seconds, nanos }: NonNullable<CreateTransferResponse['decidedAt']>): void {
    const start = this.#begin(tag);
    this.#number(SECONDS, seconds);
    this.#small(NANOS, nanos);
    this.#finish(start);
  }

  /** Begins a message whose length is not known; one byte is kept for it. Returns where it begins. */
  #begin(tag: number): number {
    this.#bytes[this.#end] = tag;
    this.#end += 2;
    return this.#end;
  }

  /** Writes the length in front of a message, which makes room if it needs more than a byte. */
  #finish(start: number): void {
    const length = this.#end - start;
    if (length < 128) {
      this.#bytes[start - 1] = length;
      return;
    }
    let more = 0;
    for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) more += 1;
    this.#reserve(more);
    this.#bytes.copyWithin(start + more, start, this.#end);
    const end = this.#end + more;
    this.#end = start - 1;
    this.#varint(length);
    this.#end = end;
  }

  #encoded(tag: number, message: Uint8Array): void {
    this.#reserve(message.length + 10);
    this.#bytes[this.#end] = tag;
    this.#end += 1;
    this.#varint(message.length);
    this.#bytes.set(message, this.#end);
    this.#end += message.length;
  }

  /** Text of up to 127 bytes of ASCII. */
  #text(tag: number, text: string): void {
    if (text === '') return;
    const bytes = this.#bytes;
    bytes[this.#end] = tag;
    bytes[this.#end + 1] = text.length;
    this.#end += 2;
    for (let at = 0; at < text.length; at += 1) bytes[this.#end + at] = text.charCodeAt(at);
    this.#end += text.length;
  }

  #small(tag: number, value: number): void {
    if (value === 0) return;
    this.#bytes[this.#end] = tag;
    this.#end += 1;
    this.#varint(value);
  }

  #number(tag: number, value: bigint): void {
    if (value !== 0n) this.#small(tag, Number(value));
  }

  #varint(value: number): void {
    let rest = value;
    // The remainder of a number of up to 31 bits takes a fraction of the time.
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) this.#push((rest % 128) | 128);
    for (; rest > 127; rest >>= 7) this.#push((rest & 127) | 128);
    this.#push(rest);
  }

  #push(byte: number): void {
    this.#bytes[this.#end] = byte;
    this.#end += 1;
  }

  /** Makes room for a number of bytes more. */
  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}

/** True if a result has nothing but what is written here, and numbers that are exact. */
function isUsual(result: CreateTransferResponse): boolean {
  const { transferId, differingField, resent, dryRun, position, actualAmount } = result;
  return (
    differingField === '' &&
    resent === undefined &&
    !dryRun &&
    isShortAscii(transferId) &&
    result.status >= 0 &&
    result.reason >= 0 &&
    isExact(actualAmount) &&
    (position === undefined ||
      (position.book >= 0 && isExact(position.epoch) && isExact(position.seq))) &&
    isUsualTime(result.decidedAt) &&
    isUsualTime(result.expiresAt)
  );
}

function isUsualTime(time: CreateTransferResponse['decidedAt']): boolean {
  return time === undefined || (isExact(time.seconds) && time.nanos >= 0);
}

function isExact(value: bigint): boolean {
  return value >= 0n && value <= Number.MAX_SAFE_INTEGER;
}

function isShortAscii(text: string): boolean {
  let all = 0;
  for (let at = 0; at < text.length; at += 1) all |= text.charCodeAt(at);
  return all < 128 && text.length <= TEXT_MAX;
}
