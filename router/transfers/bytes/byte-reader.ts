/** Thrown by a reader: the bytes end too early, or are no message. */
export class NotAMessage extends Error {}

/** Bytes of the longest number. */
const VARINT_BYTES_MAX = 10;

/** Reads the fields of one message from its bytes, without making objects of them. */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** Where it reads next. */
  at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** The number that comes next, exact up to 2^53. Throws NotAMessage. */
  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at] ?? 0;
    this.at += 1;
    let value = byte & 127;
    for (let scale = 128, length = 1; byte >= 128; scale *= 128, length += 1) {
      if (length === VARINT_BYTES_MAX) throw new NotAMessage('a number is too long');
      byte = bytes[this.at] ?? 0;
      this.at += 1;
      value += (byte & 127) * scale;
    }
    if (this.at > this.end) throw new NotAMessage('it ends in a number');
    return value;
  }

  /** The same; more than 2^53 is no number here. Throws NotAMessage. */
  exactVarint(): number {
    const value = this.varint();
    if (value > Number.MAX_SAFE_INTEGER) throw new NotAMessage('a number is too large');
    return value;
  }

  /** Passes over bytes. Throws NotAMessage. */
  skip(length: number): void {
    this.at += length;
    if (this.at > this.end) throw new NotAMessage('it ends in a field');
  }

  /** Passes over the value of a field. Throws NotAMessage. */
  skipValue(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.varint();
        break;
      case 1:
        this.skip(8);
        break;
      case 2:
        this.skip(this.varint());
        break;
      case 5:
        this.skip(4);
        break;
      default:
        throw new NotAMessage(`it has the wire type ${tag & 7}`);
    }
  }
}
