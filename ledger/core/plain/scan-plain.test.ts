import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { PostRequest } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId, accountNumberOf, bookOf } from '../account-id.ts';
import { INT64_MAX } from '../limits.ts';
import { idText, idWords } from './plain-columns.ts';
import { bytesAt, type PlainItems, scanPlain } from './scan-plain.ts';

const BOOK = 7;
const PLAIN_KEY = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-79a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const uuids = fc.uuid({ version: [1, 4, 7, 8] });
const accounts = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 9 }).map((number) => accountId(BOOK, number)) },
  fc.integer({ min: 1, max: 2 ** 48 - 1 }).map((number) => accountId(BOOK, number)),
  fc.constantFrom(accountId(BOOK, 2 ** 32), accountId(8, 1), accountId(32767, 2), 0n, 7n, -1n),
);
const amounts = fc.oneof(
  { weight: 8, arbitrary: fc.bigInt({ min: 1n, max: 100_000n }) },
  fc.bigInt({ min: 1n, max: INT64_MAX }),
  fc.constantFrom(0n, -1n, INT64_MAX, 2n ** 31n, 2n ** 32n, 2n ** 56n, 2n ** 35n - 1n),
);
const usual = fc.record({
  idempotencyKey: fc.oneof(
    { weight: 9, arbitrary: uuids },
    fc.uuid().map((key) => key.toUpperCase()),
  ),
  debitAccountId: accounts,
  creditAccountId: accounts,
  amount: amounts,
  wait: fc.constantFrom(0, 0, 1, 2),
});
const unusual = fc.record(
  {
    idempotencyKey: fc.constantFrom('order-1', '', '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2g'),
    namespace: fc.constantFrom('shop', ''),
    asset: fc.constantFrom('EUR', ''),
    code: fc.constantFrom(1, 0),
    reference: fc.constantFrom('x', ''),
    metadata: fc.constantFrom<Record<string, string>>({ a: 'b' }, {}),
    wait: fc.constantFrom(3, -1, 128),
    upTo: fc.constantFrom(1, 0),
    dryRun: fc.boolean(),
    allowZero: fc.boolean(),
    action: fc.constantFrom(
      { $case: 'hold', value: { timeoutSeconds: 0 } } as const,
      { $case: 'reversal', value: { transferId: '' } } as const,
    ),
    conditions: fc.constant({ allOf: [] }),
  },
  { requiredKeys: [] },
);
const transfers = fc
  .tuple(usual, fc.oneof({ weight: 15, arbitrary: fc.constant({}) }, unusual))
  .map(([fields, others]): CreateTransferRequest =>
    Object.assign(CreateTransferRequest.create(), fields, others),
  );
const requests = fc
  .record({
    batch: fc.bigInt({ min: 0n, max: INT64_MAX }),
    transfers: fc.array(transfers, { maxLength: 6 }),
    surplus: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, -1),
    timeouts: fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 7, maxLength: 7 }),
    runs: fc.array(fc.tuple(fc.nat(300), fc.nat(2)), { maxLength: 3 }),
    last: fc.constantFrom(0, 0, 0, 0, 0, 0, 1),
  })
  .map(({ batch, transfers: items, surplus, timeouts, runs, last }): PostRequest => {
    const timeoutMs = timeouts.slice(0, Math.max(0, items.length + surplus));
    const runSequences = runs.map(([sequence]) => sequence);
    const runTransfers = runs.map(([, count]) => count);
    const before = runTransfers.slice(0, -1).reduce((sum, count) => sum + count, 0);
    if (runs.length > 0) runTransfers[runs.length - 1] = Math.max(0, items.length - before + last);
    return { batch, transfers: items, timeoutMs, runSequences, runTransfers };
  });

const encoded = (request: PostRequest) => Buffer.from(PostRequest.encode(request).finish());

/** Whether the plain lane may take a transfer, by the words of the design. */
function isPlainLane(transfer: CreateTransferRequest): boolean {
  const { idempotencyKey, debitAccountId, creditAccountId, amount, wait } = transfer;
  const bare = { idempotencyKey, debitAccountId, creditAccountId, amount, wait };
  const again = CreateTransferRequest.encode(CreateTransferRequest.fromPartial(bare)).finish();
  return (
    Buffer.compare(again, CreateTransferRequest.encode(transfer).finish()) === 0 &&
    PLAIN_KEY.test(idempotencyKey) &&
    debitAccountId !== creditAccountId &&
    [debitAccountId, creditAccountId].every(
      (id) => bookOf(id) === BOOK && accountNumberOf(id) > 0,
    ) &&
    amount > 0n &&
    [0, 1, 2].includes(wait)
  );
}

/** True if all that is not plain is written as encoders write it. */
function areMessages({ bytes, mixed }: PlainItems): boolean {
  return (mixed?.others ?? []).every(({ start, end }) => {
    const own = bytes.subarray(start, end);
    try {
      const again = CreateTransferRequest.encode(CreateTransferRequest.decode(own)).finish();
      return own.equals(again);
    } catch {
      return false;
    }
  });
}

/** What is read, in the words of the decoded request. */
function shown(items: PlainItems) {
  const { columns, batch, count, timeouts, timeoutMs, keys, bytes, mixed } = items;
  const all: unknown[] = Array.from({ length: count });
  for (let place = 0; place < columns.count; place += 1) {
    const [start, end] = bytesAt(items, place);
    const { wait } = CreateTransferRequest.decode(bytes.subarray(start, end));
    all[mixed?.indexes[place] ?? place] = {
      plain: true,
      ...CreateTransferRequest.create(),
      idempotencyKey: idText(columns.ids, place),
      debitAccountId: accountId(BOOK, columns.debits[place] ?? 0),
      creditAccountId: accountId(BOOK, columns.credits[place] ?? 0),
      amount: columns.amount(place),
      wait,
    };
    const key = bytes.toString('latin1', keys[place], (keys[place] ?? 0) + 36);
    expect(key).toBe(idText(columns.ids, place));
  }
  for (const { index, start, end } of mixed?.others ?? []) {
    const request = CreateTransferRequest.decode(bytes.subarray(start, end));
    all[index] = { plain: false, ...request };
  }
  return { batch, least: timeoutMs, timeoutMs: [...timeouts], runs: items.runs, transfers: all };
}

function expected(request: PostRequest): ReturnType<typeof shown> | undefined {
  const { batch, transfers: items, timeoutMs } = request;
  if (items.length !== timeoutMs.length || !items.some(isPlainLane)) return undefined;
  const ends = request.runTransfers.map((_, index, counts) =>
    counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0),
  );
  if (ends.length > 0 && ends.at(-1) !== items.length) return undefined;
  return {
    batch,
    least: Math.min(...timeoutMs),
    timeoutMs,
    runs: ends.length === 0 ? undefined : { sequences: request.runSequences, ends },
    transfers: items.map((item) => ({ plain: isPlainLane(item), ...item })),
  };
}

const scanned = (bytes: Buffer) => {
  const items = scanPlain(bytes, BOOK);
  return items && shown(items);
};

test('it reads exactly the transfers that are plain, as the decoder does', () => {
  let plain = 0;
  let mixed = 0;
  fc.assert(
    fc.property(requests, (request) => {
      const bytes = encoded(request);
      expect(scanned(bytes)).toEqual(expected(request));
      if (expected(request) === undefined) return;
      if (request.transfers.every(isPlainLane)) plain += 1;
      else mixed += 1;
    }),
    { numRuns: 3_000 },
  );
  expect(plain).toBeGreaterThan(100);
  expect(mixed).toBeGreaterThan(100);
});

test('bytes that are altered in any place are read as the decoder reads them, or not at all', () => {
  const alteration = fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.nat(3) });
  fc.assert(
    fc.property(requests, alteration, (request, { at, value, cut }) => {
      const bytes = encoded(request);
      if (bytes.length === 0) return;
      bytes[at % bytes.length] = value;
      const altered = cut === 0 ? bytes.subarray(0, at % bytes.length) : bytes;
      const items = scanPlain(altered, BOOK);
      if (items === undefined) return;
      // One that is not plain may be no message, which is found before it is decoded.
      if (!areMessages(items)) return;
      const read = shown(items);
      const decoded = PostRequest.decode(altered);
      // A transfer that is not written as encoders write it counts as one that is not plain.
      for (const [index, transfer] of decoded.transfers.entries()) {
        const plain = items.mixed?.others.every((other) => other.index !== index) ?? true;
        expect(read.transfers[index]).toEqual({ plain, ...transfer });
        expect(!plain || isPlainLane(transfer)).toBe(true);
      }
      expect(read).toMatchObject({ batch: decoded.batch, timeoutMs: decoded.timeoutMs });
      expect(read.transfers.length).toBe(decoded.transfers.length);
      // Nothing is left out that a decoder would see, and nothing is read twice.
      expect(items.mixed !== undefined || encoded(decoded).equals(altered)).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});

const PLAIN: PostRequest = PostRequest.fromPartial({
  batch: 1n,
  transfers: [
    CreateTransferRequest.fromPartial({
      idempotencyKey: '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b',
      debitAccountId: accountId(BOOK, 1),
      creditAccountId: accountId(BOOK, 2),
      amount: 300n,
    }),
  ],
  timeoutMs: [10],
});

test.each<[string, (bytes: Buffer) => Buffer]>([
  ['an unknown field behind it', (bytes) => Buffer.concat([bytes, Buffer.from([0x78, 1])])],
  ['a second batch', (bytes) => Buffer.concat([Buffer.from([8, 2]), bytes])],
  ['a field twice', (bytes) => Buffer.concat([bytes, Buffer.from([26, 1, 5])])],
  [
    'a number in more bytes than it needs',
    (bytes) => replaced(bytes, [40, 172, 2], [40, 172, 130, 0]),
  ],
  ['nothing', () => Buffer.alloc(0)],
])('%s is left to the decoder', (_, alter) => {
  const bytes = encoded(PLAIN);
  expect(scanPlain(bytes, BOOK)).toBeDefined();
  expect(scanPlain(alter(bytes), BOOK)).toBeUndefined();
});

/** The bytes with a field of the transfer replaced, whose length is corrected. */
function replaced(bytes: Buffer, from: number[], to: number[]): Buffer {
  const at = bytes.indexOf(Buffer.from(from));
  expect(at).toBeGreaterThan(0);
  const parts = [bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)];
  const altered = Buffer.concat(parts);
  altered[3] = (altered[3] ?? 0) + to.length - from.length;
  return altered;
}

test('a request for another book is left to the decoder', () => {
  expect(scanPlain(encoded(PLAIN), BOOK + 1)).toBeUndefined();
});

test('more transfers than a call may have are left to the decoder', () => {
  const [transfer] = PLAIN.transfers;
  const many = (count: number): PostRequest => ({
    ...PLAIN,
    transfers: Array.from({ length: count }, () => transfer ?? CreateTransferRequest.create()),
    timeoutMs: Array.from({ length: count }, () => 1),
  });
  expect(scanPlain(encoded(many(8_000)), BOOK)?.columns.count).toBe(8_000);
  expect(scanPlain(encoded(many(8_001)), BOOK)).toBeUndefined();
});

test('the words of an id are those that are scanned, and only a plain id has them', () => {
  fc.assert(
    fc.property(uuids, (id) => {
      const words = idWords(id);
      const text = words === undefined ? 'none' : idText(Int32Array.from(words), 0);
      expect(text).toBe(id.charAt(14) === '8' ? 'none' : id);
    }),
  );
  expect(idWords('order-1')).toBeUndefined();
});
