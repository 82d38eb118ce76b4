import { randomBytes } from 'node:crypto';

const HEX = Buffer.from('0123456789abcdef', 'latin1');
const KEY_LENGTH = 36;

/**
 * Fresh idempotency keys: version 7 UUIDs as text, written straight into a request that is
 * encoded already. Making one costs some tens of nanoseconds, so that the generator leaves the
 * processor to what is being measured. Keys of one instance ascend, as those of a real payer
 * do: ids that arrive in no order would make the journal's unique index slower.
 */
export class TimeOrderedKeys {
  /** Time, then a counter, then 48 random bits that distinguish this instance from any other. */
  readonly #text = Buffer.alloc(KEY_LENGTH);
  readonly #now: () => number;
  #atMs = -1;
  #count = 0;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#text.write('00000000-0000-7000-8000-', 'latin1');
    this.#text.write(randomBytes(6).toString('hex'), 24, 'latin1');
  }

  /** Writes the next key, 36 bytes of ASCII, at `offset`. */
  write(target: Uint8Array, offset: number): void {
    const nowMs = this.#now();
    // A clock that was set back must not bring keys out of order.
    if (nowMs > this.#atMs) this.#setTime(nowMs);
    const count = this.#count;
    // 26 bits: more than can be made in a millisecond. The variant takes two bits of a digit.
    this.#count = (count + 1) & 0x3ff_ffff;
    const text = this.#text;
    text[15] = HEX[(count >>> 22) & 0xf] ?? 0;
    text[16] = HEX[(count >>> 18) & 0xf] ?? 0;
    text[17] = HEX[(count >>> 14) & 0xf] ?? 0;
    text[19] = HEX[0x8 | ((count >>> 12) & 0x3)] ?? 0;
    text[20] = HEX[(count >>> 8) & 0xf] ?? 0;
    text[21] = HEX[(count >>> 4) & 0xf] ?? 0;
    text[22] = HEX[count & 0xf] ?? 0;
    target.set(text, offset);
  }

  /** The next key as text. */
  next(): string {
    const key = Buffer.alloc(KEY_LENGTH);
    this.write(key, 0);
    return key.toString('latin1');
  }

  #setTime(ms: number): void {
    const digits = ms.toString(16).padStart(12, '0');
    this.#text.write(digits.slice(0, 8), 0, 'latin1');
    this.#text.write(digits.slice(8), 9, 'latin1');
    this.#atMs = ms;
    this.#count = 0;
  }
}
