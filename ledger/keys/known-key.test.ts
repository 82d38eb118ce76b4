import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { accountId } from '../core/account-id.ts';
import { differingTransferField } from '../core/validate/same-request.ts';
import { EXOTIC_TEXTS, transferRequest } from '../testing/books/book-requests.ts';
import { fingerprintOf } from './known-key.ts';

const texts = fc.oneof(
  fc.constantFrom(...EXOTIC_TEXTS),
  fc.string({ unit: fc.constantFrom(' ', '"', '[', ']', ',', '\\', '1', 'a', '\n'), maxLength: 8 }),
  fc.string({ unit: 'grapheme', maxLength: 128 }),
);
const requests = fc
  .record({
    debitAccountId: fc.constantFrom(accountId(1, 1), accountId(1, 11)),
    creditAccountId: fc.constantFrom(accountId(1, 2), accountId(2, 1)),
    amount: fc.constantFrom(1n, 11n, 2n ** 63n - 1n),
    asset: fc.constantFrom('', 'EUR', 'E'),
    code: fc.constantFrom(0, 1, 11),
    reference: fc.oneof(fc.constant(''), texts),
    metadata: fc.dictionary(texts, texts, { maxKeys: 3, noNullPrototype: true }),
  })
  .map((fields) => ({ ...transferRequest(), ...fields }));

test('two requests have the same fingerprint exactly if they are the same transfer', () => {
  fc.assert(
    fc.property(requests, requests, (a, b) => {
      const same = differingTransferField(a, b) === '';
      expect(fingerprintOf(a) === fingerprintOf(b)).toBe(same);
      const turned = Object.fromEntries(Object.entries(a.metadata).toReversed());
      expect(fingerprintOf({ ...a, metadata: turned })).toBe(fingerprintOf(a));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['an amount that runs into the asset', { amount: 1n, asset: '1' }, { amount: 11n, asset: '' }],
  ['a code that runs into the reference', { code: 1, reference: '1' }, { code: 11 }],
  ['a reference that looks like metadata', { reference: '[["a","b"]]' }, { metadata: { a: 'b' } }],
  ['the two sides', { metadata: { a: '' } }, { metadata: { '': 'a' } }],
  ['a pair and its text', { metadata: { 'a","b': '' } }, { metadata: { a: 'b', '': '' } }],
])('%s cannot be taken for another transfer', (_, a, b) => {
  expect(fingerprintOf(transferRequest(a))).not.toBe(fingerprintOf(transferRequest(b)));
});
