import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BookServiceService } from '../../proto/gen/meridian/internal/v1/book.ts';
import { LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import { type Filter, ListTransfersRequest } from '../../proto/gen/meridian/v1/query.ts';
import {
  CreateTransferRequest,
  CreateTransfersRequest,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { ITEMS_MAX, type MessageShape, requestShape, shapeOf } from './message-shape.ts';
import { DEPTH_MAX, FIELDS_MAX, MESSAGES_MAX, scanMessage } from './scan-message.ts';

const methods = [...Object.values(LedgerServiceService), ...Object.values(BookServiceService)];

function listsOf(shape: MessageShape, seen = new Set<MessageShape>()): string[] {
  if (seen.has(shape)) return [];
  seen.add(shape);
  return shape.fields.flatMap((field) => {
    if (field === undefined) return [];
    const inside = field.message === undefined ? [] : listsOf(field.message, seen);
    return field.list >= 0 ? [field.name, ...inside] : inside;
  });
}

/** Bytes of the same field many times, each with the same content. */
function repeated(field: number, times: number, content: readonly number[] = []): Uint8Array {
  const one = Uint8Array.of((field << 3) | 2, content.length, ...content);
  const bytes = new Uint8Array(one.length * times);
  for (let at = 0; at < bytes.length; at += one.length) bytes.set(one, at);
  return bytes;
}

const inside = (field: number, bytes: Uint8Array) =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(bytes).finish();

const scan = (name: string, bytes: Uint8Array) => scanMessage(bytes, shapeOf(`meridian.${name}`));

test('every list that a request can have has a bound of its own', () => {
  const lists = methods.flatMap(({ path }) => listsOf(requestShape(path)));
  const bounded = Object.keys(ITEMS_MAX).map((name) => name.split('.').at(-1));
  expect(new Set(lists)).toEqual(new Set(bounded));
  for (const name of Object.keys(ITEMS_MAX)) {
    const at = name.lastIndexOf('.');
    const fields = shapeOf(name.slice(0, at)).fields.filter((field) => field !== undefined);
    expect(fields.map((field) => field.name)).toContain(name.slice(at + 1));
  }
});

describe('a message with more items than it may have is refused by the name of its list', () => {
  test.each<[string, Uint8Array, string]>([
    ['v1.OpenAccountsRequest', repeated(1, 8_001), 'accounts'],
    ['v1.OpenAccountRequest', repeated(8, 65), 'metadata'],
    ['v1.GetAccountsRequest', inside(1, new Uint8Array(8_001).fill(1)), 'ids'],
    ['v1.GetAccountsRequest', new Uint8Array(2 * 8_001).fill(8), 'ids'],
    ['v1.CreateTransfersRequest', repeated(1, 8_001), 'transfers'],
    ['v1.GetTransfersRequest', repeated(1, 1_001), 'transfers'],
    ['internal.v1.PostRequest', repeated(2, 8_001), 'transfers'],
    ['internal.v1.PostRequest', inside(3, new Uint8Array(8_001).fill(1)), 'timeout_ms'],
    ['internal.v1.SettleRequest', repeated(5, 8_001), 'legs'],
    ['internal.v1.DryRunLegsRequest', repeated(2, 8_001), 'legs'],
  ])('%s', (name, bytes, field) => {
    expect(scan(name, bytes)).toMatchObject({ field });
  });

  test('and by the place that it has in others', () => {
    const good = CreateTransferRequest.encode(CreateTransferRequest.fromPartial({})).finish();
    const bad = repeated(9, 65);
    const request = Buffer.concat([inside(1, good), inside(1, good), inside(1, bad)]);
    expect(scan('v1.CreateTransfersRequest', request)).toEqual({
      field: 'transfers[2].metadata',
      description: 'has too many items',
    });
  });
});

test('a million empty items are refused in a few milliseconds', () => {
  const bomb = repeated(1, 1_000_000);
  // The fastest of some: a busy machine may interrupt each.
  const tookMs = Array.from({ length: 5 }, () => {
    const began = performance.now();
    expect(scan('v1.CreateTransfersRequest', bomb)).toMatchObject({ field: 'transfers' });
    return performance.now() - began;
  });
  expect(Math.min(...tookMs)).toBeLessThan(100);
});

test('lists that are each within their bounds have one together', () => {
  const group = inside(15, repeated(1, 1_000));
  const transfers = Array.from({ length: 300 }, () => inside(1, group));
  const field = shapeOf('meridian.v1.CreateTransferRequest').fields[15];
  const violation = scan('v1.CreateTransfersRequest', Buffer.concat(transfers));
  expect(field?.name).toBe('group');
  expect(violation?.description).toContain(`${MESSAGES_MAX} messages`);
});

test('fields that mean nothing, or stand there again and again, have a bound', () => {
  const unknown = new Uint8Array(2 * (FIELDS_MAX + 1)).fill(0x78);
  expect(scan('v1.GetAccountRequest', unknown)?.description).toContain(`${FIELDS_MAX} fields`);
  const options = repeated(1, MESSAGES_MAX + 1);
  expect(scan('v1.OpenAccountsRequest', options)).toBeDefined();
});

test('filters that are nested too deep are refused, as deep as they may be', () => {
  const nested = (depth: number): Filter =>
    depth === 0
      ? { test: { $case: 'code', value: 1 } }
      : { test: { $case: 'noneOf', value: nested(depth - 1) } };
  const request = (depth: number) =>
    ListTransfersRequest.encode(
      ListTransfersRequest.fromPartial({ filter: nested(depth) }),
    ).finish();
  expect(scan('v1.ListTransfersRequest', request(DEPTH_MAX - 2))).toBeUndefined();
  const violation = scan('v1.ListTransfersRequest', request(DEPTH_MAX));
  expect(violation?.field).toMatch(/^filter\.none_of\.none_of/u);
  expect(violation?.description).toBe(`is nested more than ${DEPTH_MAX} deep`);
});

describe('bytes that are not a message are refused', () => {
  test.each<[string, number[]]>([
    ['a text that goes on after the end', [0x0a, 5, 1]],
    ['a number that goes on after the end', [0x08, 0x80]],
    ['a number of eleven bytes', [0x08, ...Array.from({ length: 10 }, () => 0xff), 1]],
    ['a fixed number that goes on after the end', [0x79, 1, 2]],
    ['a field without a number, after which a decoder reads nothing more', [0x00, 0x0a, 0]],
    ['the end of a group, after which a decoder reads nothing more', [0x0c]],
    ['groups in groups', Array.from({ length: 100_000 }, () => 0x0b)],
    ['an unknown wire type', [0x0f]],
    ['a length of more than 32 bits', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
  ])('%s', (_, bytes) => {
    expect(scan('v1.CreateTransferRequest', Uint8Array.from(bytes))).toBeDefined();
  });
});

test('whatever can be encoded passes, and nothing that is cut passes as something else', () => {
  const text = fc.string({ maxLength: 20 });
  const transfer = fc.record({
    idempotencyKey: text,
    amount: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    debitAccountId: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    code: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    metadata: fc.dictionary(text, text, { maxKeys: 16 }),
  });
  fc.assert(
    fc.property(fc.array(transfer, { maxLength: 5 }), fc.nat(), (transfers, cut) => {
      const request = CreateTransfersRequest.fromPartial({ transfers });
      const bytes = CreateTransfersRequest.encode(request).finish();
      expect(scan('v1.CreateTransfersRequest', bytes)).toBeUndefined();
      const part = bytes.subarray(0, cut % (bytes.length + 1));
      const passes = scan('v1.CreateTransfersRequest', part) === undefined;
      const decoded = passes ? CreateTransfersRequest.decode(part).transfers : [];
      expect(decoded).toEqual(request.transfers.slice(0, decoded.length));
    }),
  );
});
