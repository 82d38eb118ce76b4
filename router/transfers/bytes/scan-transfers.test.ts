import { BinaryWriter } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { accountId } from '../../../ledger/core/account-id.ts';
import { CALL_ITEMS_MAX } from '../../../ledger/core/limits.ts';
import { withCanonicalIds } from '../../../ledger/core/validate/canonical-ids.ts';
import { validateTransfer } from '../../../ledger/core/validate/validate-transfer.ts';
import { requestShape } from '../../../ledger/rpc/message-shape.ts';
import { MESSAGES_MAX, scanMessage } from '../../../ledger/rpc/scan-message.ts';
import { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import {
  CreateTransferRequest,
  CreateTransfersRequest,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { anyTransfer, plainTransfer } from '../../testing/any-transfer.ts';
import { decodeSome, scanTransfer, scanTransfers } from './scan-transfers.ts';
import { itemsOf, type TransferItems } from './transfer-items.ts';

const PLAIN = CreateTransferRequest.fromPartial({
  idempotencyKey: '0193b6c2-7a4e-7c3a-9a43-3d1d6c1f0a11',
  debitAccountId: accountId(1, 1),
  creditAccountId: accountId(1, 2),
  amount: 1n,
});

/** Of a group: it has its accounts and amounts in its legs. */
const NOTHING = { debitAccountId: 0n, creditAccountId: 0n, amount: 0n };
const LEG = Leg.fromPartial({
  debitAccountId: accountId(1, 1),
  creditAccountId: accountId(1, 2),
  amount: 1n,
});
const HOLD_ID = 'abcdef01-2345-6789-abcd-ef0123456789';

function capture(holdId: string) {
  return { $case: 'capture' as const, value: { holdId, final: false } };
}

function groupOf(...legs: Leg[]) {
  return { $case: 'group' as const, value: { legs } };
}

function conditionOf(book: number) {
  return { accountId: accountId(book, 1), test: { $case: 'version' as const, value: 1n } };
}

const encode = (transfers: CreateTransferRequest[]) =>
  CreateTransfersRequest.encode({ transfers }).finish();

const columns = ({ bytes, ...others }: TransferItems) => ({ bytes: Buffer.from(bytes), ...others });

test.each([
  ['plain transfers', plainTransfer],
  ['transfers of every kind', anyTransfer],
])('%s are scanned as they are decoded', (_, transfer) => {
  fc.assert(
    fc.property(fc.array(transfer, { minLength: 1, maxLength: 20 }), (transfers) => {
      const items = scanTransfers(encode(transfers));
      expect(items && columns(items)).toEqual(columns(itemsOf(transfers)));
      const [first = PLAIN] = transfers;
      const only = scanTransfer(CreateTransferRequest.encode(first).finish());
      expect(only && columns(only)).toEqual(columns(itemsOf([first])));
    }),
  );
});

test('what is scanned is a valid call, in the only encoding of it, whatever the bytes', () => {
  const edit = fc.record({
    at: fc.nat({ max: 300 }),
    removed: fc.nat({ max: 3 }),
    inserted: fc.uint8Array({ maxLength: 3 }),
  });
  let scanned = 0;
  fc.assert(
    fc.property(
      fc.array(fc.oneof(plainTransfer, anyTransfer), { minLength: 1, maxLength: 3 }),
      fc.array(edit, { maxLength: 2 }),
      (transfers, edits) => {
        let bytes = [...encode(transfers)];
        for (const { at, removed, inserted } of edits) {
          bytes = bytes.toSpliced(at % bytes.length, removed, ...inserted);
        }
        const items = scanTransfers(Uint8Array.from(bytes));
        if (items === undefined) return;
        scanned += 1;
        const decoded = items.decoded();
        expect(decoded.flatMap(validateTransfer)).toEqual([]);
        expect([...encode(decoded)]).toEqual(bytes);
        expect(columns(items)).toEqual(columns(itemsOf(decoded)));
      },
    ),
    { numRuns: 3_000 },
  );
  expect(scanned).toBeGreaterThan(500);
});

test.each<[string, Partial<CreateTransferRequest>]>([
  ['no key', { idempotencyKey: '' }],
  ['a key that is too long', { idempotencyKey: 'k'.repeat(129) }],
  ['a key with NUL', { idempotencyKey: 'NUL \0' }],
  ['a namespace that is too long', { namespace: 'n'.repeat(65) }],
  ['no debit account', { debitAccountId: 0n }],
  ['a debit account below zero', { debitAccountId: -1n }],
  ['a debit account without a book', { debitAccountId: 1n }],
  ['a debit account without a number', { debitAccountId: accountId(2, 1) - 1n }],
  ['one account', { creditAccountId: accountId(1, 1) }],
  ['no credit account', { creditAccountId: 0n }],
  ['a credit account without a book', { creditAccountId: 5n }],
  ['no amount', { amount: 0n }],
  ['an amount below zero', { amount: -1n }],
  ['an asset in small letters', { asset: 'eur' }],
  ['an asset with a scale of 19', { asset: 'EUR/19' }],
  ['an asset with a scale of 01', { asset: 'EUR/01' }],
  ['an asset with no scale after /', { asset: 'EUR/' }],
  ['an asset with a scale of three digits', { asset: 'EUR/100' }],
  ['an asset with a scale alone', { asset: '/2' }],
  ['an asset that is too long', { asset: 'A'.repeat(17) }],
  ['a code below zero', { code: -1 }],
  ['a reference that is too long', { reference: 'r'.repeat(129) }],
  ['metadata without a name', { metadata: { '': 'b' } }],
  ['metadata with a long name', { metadata: { ['n'.repeat(65)]: 'b' } }],
  ['metadata with a long value', { metadata: { a: 'b'.repeat(257) } }],
  [
    'too many pairs of metadata',
    { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, pair) => [`n${pair}`, 'v'])) },
  ],
  ['a hold of less than no time', { action: { $case: 'hold', value: { timeoutSeconds: -1 } } }],
  ['a capture with a payee', { action: capture(HOLD_ID) }],
  ['a capture of no hold', { creditAccountId: 0n, action: capture('hold') }],
  ['a capture below zero', { creditAccountId: 0n, amount: -1n, action: capture(HOLD_ID) }],
  [
    'a release of an amount',
    { creditAccountId: 0n, action: { $case: 'release', value: { holdId: HOLD_ID } } },
  ],
  [
    'a release with a payee',
    { amount: 0n, action: { $case: 'release', value: { holdId: HOLD_ID } } },
  ],
  ['a reversal of nothing', { action: { $case: 'reversal', value: { transferId: '' } } }],
  [
    'up_to of a reversal',
    { upTo: 1, action: { $case: 'reversal', value: { transferId: HOLD_ID } } },
  ],
  ['up_to in another book', { upTo: 2, creditAccountId: accountId(2, 2) }],
  ['allow_zero without up_to', { allowZero: true }],
  ['no conditions', { conditions: { allOf: [] } }],
  ['too many conditions', { conditions: { allOf: Array(9).fill(conditionOf(1)) } }],
  ['a condition in another book', { conditions: { allOf: [conditionOf(2)] } }],
  [
    'a condition without a test',
    { conditions: { allOf: [{ accountId: accountId(1, 1), test: undefined }] } },
  ],
  ['a group with accounts', { action: groupOf(LEG) }],
  ['a group of no legs', { ...NOTHING, action: groupOf() }],
  ['a group with an amount', { ...NOTHING, amount: 1n, action: groupOf(LEG) }],
  ['a group with an asset', { ...NOTHING, asset: 'EUR', action: groupOf(LEG) }],
  ['a group with up_to', { ...NOTHING, upTo: 1, action: groupOf(LEG) }],
  ['a group with allow_zero', { ...NOTHING, allowZero: true, action: groupOf(LEG) }],
  [
    'a group with conditions',
    { ...NOTHING, conditions: { allOf: [conditionOf(1)] }, action: groupOf(LEG) },
  ],
  ['a group with too many legs', { ...NOTHING, action: groupOf(...Array<Leg>(1_001).fill(LEG)) }],
  [
    'a group across books',
    { ...NOTHING, action: groupOf(LEG, { ...LEG, debitAccountId: accountId(2, 1) }) },
  ],
  ['a leg without an amount', { ...NOTHING, action: groupOf({ ...LEG, amount: 0n }) }],
  ['a first leg of the rest', { ...NOTHING, action: groupOf({ ...LEG, rest: true }) }],
  [
    'a leg of the rest between others',
    {
      ...NOTHING,
      action: groupOf(LEG, {
        ...LEG,
        debitAccountId: accountId(1, 8),
        creditAccountId: accountId(1, 9),
        rest: true,
      }),
    },
  ],
  [
    'a capture of the rest',
    {
      ...NOTHING,
      action: groupOf(LEG, { ...LEG, creditAccountId: 0n, action: capture(HOLD_ID), rest: true }),
    },
  ],
])('what is not valid is left to the decoder: %s', (_, fields) => {
  const transfer = { ...PLAIN, ...fields };
  expect(validateTransfer(transfer)).not.toEqual([]);
  expect(scanTransfer(CreateTransferRequest.encode(transfer).finish())).toBeUndefined();
  expect(scanTransfers(encode([PLAIN, transfer]))).toBeUndefined();
  expect(decodeSome(encode([PLAIN, transfer]))).toBeUndefined();
});

test.each<[string, Partial<CreateTransferRequest>]>([
  ['half of a pair', { reference: '\ud800' }],
  ['U+FFFD', { metadata: { a: '\ufffd' } }],
  ['128 characters and a pair', { reference: `${'a'.repeat(127)}\u{1f600}` }],
])('text that is not valid is left to the decoder: %s', (_, fields) => {
  const bytes = encode([{ ...PLAIN, ...fields }]);
  const decoded = CreateTransfersRequest.decode(bytes).transfers;
  expect(decoded.flatMap(validateTransfer)).not.toEqual([]);
  expect(scanTransfers(bytes)).toBeUndefined();
  expect(decodeSome(bytes)).toBeUndefined();
});

test('a dry run is left to the decoder, and its call with it', () => {
  const dry = { ...PLAIN, dryRun: true };
  expect(scanTransfer(CreateTransferRequest.encode(dry).finish())).toBeUndefined();
  expect(decodeSome(encode([dry]))).toBeUndefined();
});

/** What can be wrong with a request, or keep it from being scanned, whatever its kind. */
const change = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Partial<CreateTransferRequest>>({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Partial<CreateTransferRequest>>(
      { dryRun: true },
      { reference: '\ufffd' },
      { idempotencyKey: '' },
      { amount: -1n },
      { asset: '?' },
      { code: -5 },
      { action: capture(HOLD_ID.toUpperCase()), creditAccountId: 0n },
    ),
  },
);
/** Bytes after those of a request: unknown fields, and fields once more, of which the last counts. */
const tail = fc.constantFrom(
  [],
  [],
  [],
  [],
  [0xf8, 0x07, 1],
  [0x28, 7],
  [0x50, 2],
  [0x80, 0x01, 9],
);

test('a call of which some is decoded is what it is if all is', () => {
  let kept = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(plainTransfer, anyTransfer), change, tail), {
        minLength: 1,
        maxLength: 6,
      }),
      (drawn) => {
        const writer = new BinaryWriter();
        for (const [transfer, fields, rest] of drawn) {
          const item = CreateTransferRequest.encode({ ...transfer, ...fields }).finish();
          writer.uint32(10).bytes(Uint8Array.of(...item, ...rest));
        }
        const bytes = writer.finish();
        const all = CreateTransfersRequest.decode(bytes).transfers.map(withCanonicalIds);
        const isSound = all.every((each) => !each.dryRun && validateTransfer(each).length === 0);
        const items = decodeSome(Buffer.from(bytes));
        expect(items && columns(items)).toEqual(isSound ? columns(itemsOf(all)) : undefined);
        if (items !== undefined) kept += 1;
      },
    ),
    { numRuns: 1_000 },
  );
  expect(kept).toBeGreaterThan(100);
});

const ITEM = [...CreateTransferRequest.encode(PLAIN).finish()];
const AMOUNT = ITEM.length - 2;
const ones = (length: number) => Array<number>(length).fill(0xff);

test.each<[string, number[]]>([
  ['a field twice', [...ITEM, 0x28, 1]],
  ['fields in another order', [...ITEM.slice(AMOUNT), ...ITEM.slice(0, AMOUNT)]],
  ['an unknown field', [...ITEM, 0xf8, 0x01, 1]],
  ['a number that is longer than need be', [...ITEM.slice(0, -1), 0x81, 0]],
  ['a number of 64 bits', [...ITEM.slice(0, -1), ...ones(9), 1]],
  ['a number of 80 bits', [...ITEM.slice(0, -1), ...ones(10), 1]],
  ['a length that is longer than need be', [0x0a, 0xa4, 0x00, ...ITEM.slice(2)]],
  ['a default that is written', [...ITEM, 0x50, 0]],
  ['a wait of 3', [...ITEM, 0x50, 3]],
  ['a wait of -1', [...ITEM, 0x50, ...ones(9), 1]],
  ['an unknown up_to', [...ITEM, 0x80, 0x01, 4]],
  ['a code of 2^31', [...ITEM, 0x38, 0x80, 0x80, 0x80, 0x80, 0x08]],
  ['a default in a hold', [...ITEM, 0x5a, 2, 0x08, 0]],
  ['a hold of 2^31 seconds', [...ITEM, 0x5a, 6, 0x08, 0x80, 0x80, 0x80, 0x80, 0x08]],
  ['more in a hold', [...ITEM, 0x5a, 4, 0x08, 1, 0x10, 1]],
  ['two actions', [...ITEM, 0x5a, 0, 0x72, 38, 0x0a, 36, ...Buffer.from(HOLD_ID)]],
  ['an empty reference', [...ITEM, 0x42, 0]],
  ['a field of a leg', [...ITEM, 0xa0, 0x01, 1]],
  ['allow_zero of 2', [...ITEM, 0x80, 0x01, 1, 0x98, 0x01, 2]],
  ['an end in a hold', [...ITEM, 0x5a, 2, 0x08]],
  ['a block that is longer than the item', [...ITEM, 0x42, 0xff, 0xff, 0xff, 0x7f]],
  ['another wire type', [...ITEM.slice(0, AMOUNT), 0x29, ...ones(8)]],
  ['an end in the middle of a number', [...ITEM.slice(0, -1), 0x81]],
  ['an end after a tag', ITEM.slice(0, -1)],
  ['no bytes', []],
])('a plain transfer in another encoding is left to the decoder: %s', (_, other) => {
  expect(scanTransfer(Uint8Array.from(other))).toBeUndefined();
  const call = new BinaryWriter().uint32(10).bytes(Uint8Array.from(other)).finish();
  expect(scanTransfers(call)).toBeUndefined();
  expect(scanTransfers(Uint8Array.of(...call, ...encode([PLAIN])))).toBeUndefined();
});

test.each<[string, number[]]>([
  ['no items', []],
  ['an unknown field', [0x0a, ITEM.length, ...ITEM, 0x10, 1]],
  ['a length of an item that is longer than need be', [0x0a, ITEM.length + 128, 0, ...ITEM]],
  ['an item that is cut off', [0x0a, ITEM.length, ...ITEM.slice(0, -1)]],
])('a call in another encoding is left to the decoder: %s', (_, other) => {
  expect(scanTransfers(Uint8Array.from(other))).toBeUndefined();
});

test('a call has no more items than are allowed', () => {
  const most = Array<CreateTransferRequest>(CALL_ITEMS_MAX).fill(PLAIN);
  expect(scanTransfers(encode(most))?.count).toBe(CALL_ITEMS_MAX);
  expect(scanTransfers(encode([...most, PLAIN]))).toBeUndefined();
});

function group(legs: number, metadata: Record<string, string>): CreateTransferRequest {
  const all = Array.from({ length: legs }, () => ({ ...LEG, metadata }));
  return { ...PLAIN, ...NOTHING, action: groupOf(...all) };
}

function pairs(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, pair) => [`n${pair}`, '']));
}

/** 64 groups, of 63,000 rows but for those of the last one. */
function manyRows(last: number): Uint8Array {
  return encode([...Array.from({ length: 63 }, () => group(999, {})), group(last - 1, {})]);
}

/** 15 groups of 17,002 messages each, one of 872, and plain transfers. */
function manyMessages(plain: number): Uint8Array {
  const groups = Array.from({ length: 15 }, () => group(1_000, pairs(16)));
  return encode([...groups, group(58, pairs(14)), ...Array.from({ length: plain }, () => PLAIN)]);
}

test('a call has no more rows and messages than are allowed', () => {
  expect(scanTransfers(manyRows(1_000))?.count).toBe(64);
  expect(scanTransfers(manyRows(1_001))).toBeUndefined();
  const shape = requestShape('/meridian.v1.LedgerService/CreateTransfers');
  // The call is a message itself.
  const most = MESSAGES_MAX - 1 - 15 * 17_002 - 872;
  for (const plain of [most - 1, most, most + 1]) {
    const bytes = manyMessages(plain);
    const isRefused = scanMessage(bytes, shape) !== undefined;
    expect(isRefused).toBe(plain > most);
    expect(scanTransfers(bytes) === undefined).toBe(isRefused);
  }
});
