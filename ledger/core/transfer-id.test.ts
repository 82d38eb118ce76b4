import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  canonicalKey,
  derivedId,
  earlierIdOf,
  expiryId,
  isTransferId,
  legId,
  settlementId,
  storedKey,
  transferIdOf,
} from './transfer-id.ts';

const V7 = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';

test('a UUID is the id itself, whatever its case and version', () => {
  expect(transferIdOf('', V7)).toBe(V7);
  expect(transferIdOf('', V7.toUpperCase())).toBe(V7);
  for (const version of '01234567') {
    const uuid = `0193a1b2-c3d4-${version}e5f-8a6b-7c8d9e0f1a2b`;
    expect(transferIdOf('', uuid)).toBe(uuid);
  }
});

test('a UUID of version 8 is hashed, so that no client can choose a derived id', () => {
  const derived = derivedId('settlement', V7);
  expect(derived[14]).toBe('8');
  expect(transferIdOf('', derived)).not.toBe(derived);
  expect(transferIdOf('', derived)).toBe(derivedId('transfer', '', derived));
});

test.each([
  `{${V7}}`,
  `urn:uuid:${V7}`,
  V7.replaceAll('-', ''),
  ` ${V7.slice(1)}`,
  `${V7}\n`,
  V7.replace('a', 'g'),
  'order 17',
])('%j is no UUID and is hashed into one of version 8', (key) => {
  const id = transferIdOf('', key);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
  expect(isTransferId(id)).toBe(true);
});

test('a namespace keeps keys apart, UUIDs too', () => {
  const ids = ['', 'a', 'b'].map((namespace) => transferIdOf(namespace, V7));
  expect(new Set(ids).size).toBe(3);
  expect(ids[1]?.[14]).toBe('8');
});

test('a key that is a UUID is one in every case, with or without a namespace', () => {
  const v8 = V7.replace('7e5f', '8e5f');
  for (const [namespace, key] of [
    ['', V7],
    ['', v8],
    ['shop', V7],
    ['shop', v8],
  ] as const) {
    const id = transferIdOf(namespace, key);
    expect(transferIdOf(namespace, key.toUpperCase())).toBe(id);
    expect(transferIdOf(namespace, key.replace('a', 'A'))).toBe(id);
    expect(storedKey(id, key.toUpperCase())).toBe(id === key ? '' : key);
  }
});

test('keys that are other text keep their case', () => {
  expect(transferIdOf('', 'Order')).not.toBe(transferIdOf('', 'order'));
  const text = V7.replaceAll('-', '');
  expect(transferIdOf('', text)).not.toBe(transferIdOf('', text.toUpperCase()));
  expect(canonicalKey('Order')).toBe('Order');
  expect(storedKey('', 'Order')).toBe('Order');
});

test('only a UUID that is hashed, and not in lower case, had another id', () => {
  const v8 = V7.replace('7e5f', '8e5f').toUpperCase();
  expect(earlierIdOf('', v8)).toBe(derivedId('transfer', '', v8));
  expect(earlierIdOf('shop', V7.toUpperCase())).toBe('d9d8f9cf-9cc7-8ca3-a6ff-ce2abf4d74c3');
  expect(earlierIdOf('', v8.toLowerCase())).toBeUndefined();
  expect(earlierIdOf('shop', V7)).toBeUndefined();
  expect(earlierIdOf('', V7.toUpperCase())).toBeUndefined();
  expect(earlierIdOf('', 'Order 17')).toBeUndefined();
});

test('the id of a key never changes between releases', () => {
  expect(transferIdOf('', 'order 17')).toBe('26fcaa1d-85d6-8ad2-b988-3f7c4fa51ca4');
  expect(transferIdOf('shop', V7)).toBe('12ac22d1-d1aa-8953-952d-a25782355d7a');
});

test('ids of rows that belong to another never change between releases', () => {
  expect(settlementId(2, V7)).toBe('57a59a7e-6060-88e1-be8b-a94acdbd6ea9');
  expect(expiryId(V7)).toBe('97b4484c-ec3a-8c9d-b513-6efd4c392a2a');
  expect(legId(V7, 999)).toBe('16658ebf-a51f-8e13-a0f3-798f2be8ed23');
});

test('no two lists of parts are read as the same', () => {
  const part = fc.string({ unit: fc.constantFrom('1', ':', 'a', ''), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(part), fc.array(part), (a, b) => {
      const same = JSON.stringify(a) === JSON.stringify(b);
      expect(derivedId('x', ...a) === derivedId('x', ...b)).toBe(same);
    }),
  );
  expect(derivedId('a', 'b')).not.toBe(derivedId('ab'));
});

test('only the canonical form is a transfer id', () => {
  expect(isTransferId(V7)).toBe(true);
  for (const text of ['', V7.toUpperCase(), `${V7} `, `${V7}\n`, V7.slice(1), `0${V7}`]) {
    expect(isTransferId(text)).toBe(false);
  }
});
