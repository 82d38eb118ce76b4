import { assert } from '../../core/assert.ts';

/** Filters of one size that share their memory: one bit of each byte belongs to each of them. */
const SLOTS = 8;
/** Places of a block: all probes of an id stay in one. */
const BLOCK = 512;
/** Places of a filter for each id that it has room for. */
const PLACES_PER_ID = 16;
const PROBES = 8;
/** Version of what is stored: a filter of another recipe is made again. */
export const FILTER_RECIPE = 1;

/** Version of UUIDs that begin with a time. */
const TIMED = 7;

/** Hash of the id that was looked at last: the words that its block and its probes are made of. */
const hashed = new Uint32Array(4);
let time = -1;

/** When the id was made that was hashed last, in milliseconds since 1970; -1: it does not say. */
export const hashedTime = (): number => time;

/**
 * Up to eight Bloom filters of ids (UUIDs), side by side: a place is a byte, and each filter has
 * one bit of it, so that one pass over the probes of an id asks all of them. No filter ever misses
 * an id that was added. Of the others it takes about one in 1,400 for one of its own when it is
 * full, at two bytes for each id.
 */
export class FilterGroup {
  /** Ids that each filter has room for. */
  readonly room: number;
  readonly #blocks: number;
  readonly #places: Uint8Array;
  #used = 0;

  constructor(room: number) {
    this.room = room;
    this.#blocks = Math.ceil((room * PLACES_PER_ID) / BLOCK);
    this.#places = new Uint8Array(this.#blocks * BLOCK);
  }

  get full(): boolean {
    return this.#used === SLOTS;
  }

  /** Takes the next filter. Returns its bit. */
  take(): number {
    assert(!this.full, 'a group has eight filters');
    this.#used += 1;
    return 1 << (this.#used - 1);
  }

  /** Adds the id that was hashed last to the filter of this bit. */
  add(bit: number): void {
    const start = this.#start();
    for (let probe = 0; probe < PROBES; probe += 1) {
      const place = start + placeOf(probe);
      this.#places[place] = (this.#places[place] ?? 0) | bit;
    }
  }

  /** The filters that may have the id that was hashed last: the sum of their bits. */
  filtersWith(bits: number): number {
    const start = this.#start();
    let found = bits;
    for (let probe = 0; probe < PROBES && found !== 0; probe += 1) {
      found &= this.#places[start + placeOf(probe)] ?? 0;
    }
    return found;
  }

  #start(): number {
    return Math.floor(((hashed[0] ?? 0) * this.#blocks) / 2 ** 32) * BLOCK;
  }

  /** Bytes of one filter as it is stored. */
  get storedBytes(): number {
    return (this.#blocks * BLOCK) / 8;
  }

  /** Copies a part of a filter, in whole bytes as it is stored, from the byte `from` on. */
  copyOut(bit: number, bytes: Uint8Array, from: number, count: number): void {
    const until = Math.min(from + count, bytes.length);
    for (let index = from; index < until; index += 1) {
      let byte = 0;
      for (let place = 0; place < 8; place += 1) {
        if (((this.#places[index * 8 + place] ?? 0) & bit) !== 0) byte |= 1 << place;
      }
      bytes[index] = byte;
    }
  }

  /** The reverse: adds what was stored. */
  copyIn(bit: number, bytes: Uint8Array, from: number, count: number): void {
    const until = Math.min(from + count, bytes.length);
    const places = this.#places;
    for (let index = from; index < until; index += 1) {
      const byte = bytes[index] ?? 0;
      for (let at = index * 8, left = byte; left !== 0; at += 1, left >>= 1) {
        if ((left & 1) !== 0) places[at] = (places[at] ?? 0) | bit;
      }
    }
  }
}

/** Hashes an id for `add` and `filtersWith`. @param id a UUID in its canonical form */
export function hashText(id: string): void {
  hashWords(
    word(id, 0),
    // The dashes stand at 8, 13, 18 and 23.
    (half(id, 9) << 16) | half(id, 14),
    (half(id, 19) << 16) | half(id, 24),
    word(id, 28),
  );
}

/** The same of 16 bytes. */
export function hashBytes(bytes: Buffer, at: number): void {
  hashWords(
    bytes.readInt32BE(at),
    bytes.readInt32BE(at + 4),
    bytes.readInt32BE(at + 8),
    bytes.readInt32BE(at + 12),
  );
}

const word = (id: string, at: number) => (half(id, at) << 16) | half(id, at + 4);

const half = (id: string, at: number) =>
  (digit(id, at) << 12) | (digit(id, at + 1) << 8) | (digit(id, at + 2) << 4) | digit(id, at + 3);

function digit(id: string, at: number): number {
  const code = id.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}

/** The same of four words. Callers choose ids: each bit of them must reach each bit of the hash. */
export function hashWords(a: number, b: number, c: number, d: number): void {
  time = ((b >>> 12) & 15) === TIMED ? (a >>> 0) * 0x1_0000 + (b >>> 16) : -1;
  let hash = mixed(mixed(mixed(mixed(0x9e3779b9 ^ a) ^ b) ^ c) ^ d);
  for (let index = 0; index < hashed.length; index += 1) {
    hash = mixed(hash + 0x6d2b79f5 + Math.imul(b ^ d, index));
    hashed[index] = hash;
  }
}

/** The last step of MurmurHash3: one to one, and each bit depends on all. */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Three places of nine bits come from each word but the first, two from the last. */
function placeOf(probe: number): number {
  const from = hashed[1 + Math.floor(probe / 3)] ?? 0;
  return (from >>> ((probe % 3) * 9)) & (BLOCK - 1);
}
