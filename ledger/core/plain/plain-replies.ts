import type { PlainStamp } from './plain-batch.ts';
import type { PlainItems } from './scan-plain.ts';

// Tags of CreateTransferResponse and of what is in it.
const RESULT = 18;
const TRANSFER_ID = 10;
const STATUS = 16;
const POSTED = 1;
const POSITION = 50;
const DECIDED_AT = 58;
const BOOK = 8;
const EPOCH = 16;
const SEQ = 24;
const SECONDS = 8;
const NANOS = 16;

const KEY_BYTES = 36;
const INT_MAX = 2 ** 31 - 1;
/** Bytes of one result before its position, without its own tag and length. */
const HEAD_BYTES = 2 + KEY_BYTES + 2;
/** Of the longest numbers. */
const RESULT_BYTES_MAX = 2 + HEAD_BYTES + 2 + 31 + 2 + 17;

/**
 * The answers to plain transfers that were posted, as the items of BatchOutcome.results, byte for
 * byte as the generated encoder writes them.
 *
 * @param items of one work
 * @param first number of the row of the first that was posted; the others follow
 * @param demoted by place, 1: it was not posted here; undefined: all were
 */
export function plainReplies(
  items: PlainItems,
  stamp: PlainStamp,
  first: number,
  demoted?: Uint8Array,
): Buffer {
  const { bytes, columns, keys } = items;
  const { count } = columns;
  const reply = Buffer.allocUnsafe(count * RESULT_BYTES_MAX);
  const position = positionStart(stamp);
  const decidedAt = decidedAtField(stamp.atMicros);
  let end = 0;
  let seq = first;
  for (let place = 0; place < count; place += 1) {
    if (demoted !== undefined && demoted[place] === 1) continue;
    const seqBytes = varintBytes(seq);
    const positionBytes = position.length + seqBytes;
    reply[end] = RESULT;
    reply[end + 1] = HEAD_BYTES + 2 + positionBytes + decidedAt.length;
    reply[end + 2] = TRANSFER_ID;
    reply[end + 3] = KEY_BYTES;
    end += 4;
    const key = keys[place] ?? 0;
    for (let at = 0; at < KEY_BYTES; at += 1) reply[end + at] = bytes[key + at] ?? 0;
    end += KEY_BYTES;
    reply[end] = STATUS;
    reply[end + 1] = POSTED;
    reply[end + 2] = POSITION;
    reply[end + 3] = positionBytes;
    end += 4;
    for (let at = 0; at < position.length; at += 1) reply[end + at] = position[at] ?? 0;
    end = writeVarint(reply, end + position.length, seq);
    seq += 1;
    for (let at = 0; at < decidedAt.length; at += 1) reply[end + at] = decidedAt[at] ?? 0;
    end += decidedAt.length;
  }
  return reply.subarray(0, end);
}

/** The position up to the number of its row. */
function positionStart({ book, epoch }: PlainStamp): Buffer {
  return Buffer.from([BOOK, ...varint(book), EPOCH, ...varint(epoch), SEQ]);
}

function decidedAtField(atMicros: number): Buffer {
  const seconds = Math.floor(atMicros / 1_000_000);
  const nanos = (atMicros - seconds * 1_000_000) * 1_000;
  // A field that is zero is not written.
  const content = [
    ...(seconds === 0 ? [] : [SECONDS, ...varint(seconds)]),
    ...(nanos === 0 ? [] : [NANOS, ...varint(nanos)]),
  ];
  return Buffer.from([DECIDED_AT, content.length, ...content]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

function varintBytes(value: number): number {
  let bytes = 1;
  let rest = value;
  for (; rest > INT_MAX; rest = Math.floor(rest / 128)) bytes += 1;
  // Whole numbers of 32 bits are shifted, which takes a fraction of a division.
  for (rest |= 0; rest > 127; rest >>>= 7) bytes += 1;
  return bytes;
}

/** Writes a number and returns where it ends. */
function writeVarint(bytes: Buffer, start: number, value: number): number {
  let end = start;
  let rest = value;
  for (; rest > INT_MAX; rest = Math.floor(rest / 128)) {
    bytes[end] = (rest % 128) | 128;
    end += 1;
  }
  for (rest |= 0; rest > 127; rest >>>= 7) {
    bytes[end] = (rest & 127) | 128;
    end += 1;
  }
  bytes[end] = rest;
  return end + 1;
}
