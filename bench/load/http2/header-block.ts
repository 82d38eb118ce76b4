/**
 * Just as much of HPACK (RFC 7541) as a gRPC client needs that knows all its headers in advance:
 * those of a call are encoded once, and of the answer's only the status is read.
 */

/** Places in the static table. */
const AUTHORITY = 1;
const METHOD_POST = 3;
const PATH = 4;
const SCHEME_HTTP = 6;
const CONTENT_TYPE = 31;

const INDEXED = 0x80;
/** How a field begins whose name stands in the table, or as text if that is number 0. */
const WITH_INDEXING = { mark: 0x40, bits: 6 };
const TABLE_SIZE = { mark: 0x20, bits: 5 };
const WITHOUT_INDEXING = { mark: 0, bits: 4 };
const HUFFMAN = 0x80;

/** grpc-status as senders write it: in Huffman code, which is shorter. */
const STATUS_NAME_HUFFMAN = Buffer.from('9acac8b21234da8f', 'hex');
const STATUS_NAME = Buffer.from('grpc-status', 'latin1');

/** The headers of a gRPC call. @param timeout such as 60S */
export function callHeaders(path: string, authority: string, timeout: string): Buffer {
  return Buffer.concat([
    Buffer.of(INDEXED | METHOD_POST, INDEXED | SCHEME_HTTP),
    named(PATH, path),
    named(AUTHORITY, authority),
    literal('te', 'trailers'),
    named(CONTENT_TYPE, 'application/grpc'),
    literal('grpc-timeout', timeout),
  ]);
}

function named(name: number, value: string): Buffer {
  const { mark, bits } = WITHOUT_INDEXING;
  return Buffer.concat([integer(name, bits, mark), text(value)]);
}

function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(WITHOUT_INDEXING.mark), text(name), text(value)]);
}

const text = (value: string) =>
  Buffer.concat([integer(value.length, 7, 0), Buffer.from(value, 'latin1')]);

function integer(value: number, bits: number, mark: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(mark | value);
  const bytes = [mark | most];
  let left = value - most;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.of(...bytes, left);
}

/**
 * The gRPC status in a block of headers; undefined if there is none. The sender must have been
 * asked for a table of size 0, so that no field refers to an earlier block.
 */
export function statusIn(block: Buffer): number | undefined {
  const reader = new BlockReader(block);
  while (!reader.done) {
    const field = reader.field();
    if (field === undefined) continue;
    const { name, value } = field;
    if (!STATUS_NAME_HUFFMAN.equals(name) && !STATUS_NAME.equals(name)) continue;
    // Digits are never shorter in Huffman code, so that senders write them as they are.
    return Number(value.toString('latin1'));
  }
  return undefined;
}

interface Field {
  /** Empty if it stands in the static table. */
  readonly name: Buffer;
  readonly value: Buffer;
}

class BlockReader {
  readonly #block: Buffer;
  #at = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get done(): boolean {
    return this.#at >= this.#block.length;
  }

  /** Undefined for what has no text. */
  field(): Field | undefined {
    const first = this.#block[this.#at] ?? 0;
    if ((first & INDEXED) !== 0) {
      this.#integer(7);
      return undefined;
    }
    if ((first & WITH_INDEXING.mark) !== 0) return this.#literal(WITH_INDEXING.bits);
    if ((first & TABLE_SIZE.mark) !== 0) {
      this.#integer(TABLE_SIZE.bits);
      return undefined;
    }
    return this.#literal(WITHOUT_INDEXING.bits);
  }

  #literal(bits: number): Field {
    const name = this.#integer(bits) === 0 ? this.#text() : Buffer.alloc(0);
    return { name, value: this.#text() };
  }

  #text(): Buffer {
    const length = this.#integer(7);
    const begin = this.#at;
    this.#at += length;
    return this.#block.subarray(begin, this.#at);
  }

  /** The mark of Huffman code stands before the length's own bits, and is passed over. */
  #integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = (this.#block[this.#at] ?? 0) & most;
    this.#at += 1;
    if (value < most) return value;
    let factor = 1;
    for (;;) {
      const byte = this.#block[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 127) * factor;
      factor *= 128;
      if (byte < HUFFMAN) return value;
    }
  }
}
