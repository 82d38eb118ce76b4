import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isText } from '../../../ledger/core/validate/validate.ts';
import { textLength } from './utf8.ts';

/** What the decoder of messages makes of bytes; undefined: a text that no field may have. */
function decodedLength(bytes: Uint8Array): number | undefined {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return isText(text, 0, Infinity) ? text.length : undefined;
}

/** Bytes at the edges of what is allowed come often. */
const EDGES = Uint8Array.from(
  Buffer.from('0001417f808f909f9fa0bbbdbfc0c1c2dfe0e1ecedeeeff0f1f3f4f5ff', 'hex'),
);
const edge = fc.constantFrom(...EDGES);

test('bytes have the length of what they are decoded to, or are no text', () => {
  let texts = 0;
  const bytes = fc.oneof(
    fc.array(edge, { maxLength: 6 }).map((all) => Uint8Array.from(all)),
    fc.string({ unit: 'binary', maxLength: 8 }).map((text) => new TextEncoder().encode(text)),
  );
  fc.assert(
    fc.property(bytes, (all) => {
      const length = decodedLength(all);
      if (length !== undefined) texts += 1;
      // What follows the text must not count.
      const within = Uint8Array.of(0x80, ...all, 0x80);
      expect(textLength(within, 1, 1 + all.length)).toBe(length ?? -1);
    }),
    { numRuns: 5_000 },
  );
  expect(texts).toBeGreaterThan(500);
});

test.each([
  ['nothing', '', 0],
  ['ASCII', 'a\u0001\u007f', 3],
  ['two bytes', 'é\u0080\u07ff', 3],
  ['three bytes', '€\u0800\ud7ff\ue000\uffff', 5],
  ['four bytes', '😀\u{10000}\u{10ffff}', 6],
  ['a byte order mark', '\ufeffa\ufeff', 3],
])('%s', (_, text, length) => {
  const bytes = new TextEncoder().encode(text);
  expect(textLength(bytes, 0, bytes.length)).toBe(length);
});

test.each([
  ['NUL', [0x41, 0]],
  ['U+FFFD', [0xef, 0xbf, 0xbd]],
  ['a character that is cut off', [0x41, 0xc3]],
  ['half a pair', [0xed, 0xa0, 0x80]],
  ['two bytes for a character of one', [0xc1, 0xbf]],
  ['three bytes for a character of two', [0xe0, 0x9f, 0xbf]],
  ['four bytes for a character of three', [0xf0, 0x8f, 0xbf, 0xbf]],
  ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
])('no text: %s', (_, bytes) => {
  expect(textLength(Uint8Array.from(bytes), 0, bytes.length)).toBe(-1);
});
