/** Bytes of U+FFFD. */
const REPLACEMENT = 0xef_bf_bd;

/** Length of a text in UTF-16 units. -1: it is not UTF-8, or has NUL or U+FFFD, which no text may have. */
export function textLength(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  for (let at = start; at < end; length += 1) {
    const first = bytes[at] ?? 0;
    if (first > 0 && first < 0x80) {
      at += 1;
      continue;
    }
    const size = sizeOfCharacter(bytes, at);
    if (size === 0 || at + size > end) return -1;
    if (size === 3) {
      const code = (first << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      if (code === REPLACEMENT) return -1;
    }
    // Characters of four bytes are pairs.
    if (size === 4) length += 1;
    at += size;
  }
  return length;
}

/** Bytes of a character that has more than one; zero: it is none (table 3-7 of Unicode). */
function sizeOfCharacter(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  if (!isTail(second)) return 0;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (!isTail(bytes[at + 2] ?? 0)) return 0;
  if (first >= 0xe0 && first <= 0xef) {
    const isShort = first === 0xe0 && second < 0xa0;
    const isSurrogate = first === 0xed && second > 0x9f;
    return isShort || isSurrogate ? 0 : 3;
  }
  if (!isTail(bytes[at + 3] ?? 0) || first < 0xf0 || first > 0xf4) return 0;
  const isShort = first === 0xf0 && second < 0x90;
  const isBeyond = first === 0xf4 && second > 0x8f;
  return isShort || isBeyond ? 0 : 4;
}

function isTail(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}
