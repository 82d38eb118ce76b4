import { BinaryWriter } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { accountId } from '../../../ledger/core/account-id.ts';
import { CALL_ITEMS_MAX } from '../../../ledger/core/limits.ts';
import { validateTransfer } from '../../../ledger/core/validate/validate-transfer.ts';
import {
  CreateTransferRequest,
  CreateTransfersRequest,
  Wait,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { scanTransfer, scanTransfers } from './scan-transfers.ts';
import { itemsOf, type TransferItems } from './transfer-items.ts';

const PLAIN = CreateTransferRequest.fromPartial({
  idempotencyKey: '0193b6c2-7a4e-7c3a-9a43-3d1d6c1f0a11',
  debitAccountId: accountId(1, 1),
  creditAccountId: accountId(1, 2),
  amount: 1n,
});

const accounts = fc
  .tuple(fc.integer({ min: 1, max: 32_767 }), fc.integer({ min: 1, max: 2 ** 48 - 1 }))
  .map(([book, number]) => accountId(book, number));

const plain = fc
  .record({
    idempotencyKey: fc.string({
      unit: fc.constantFrom('\u0001', ' ', 'a', 'Z', '~', '\u007f'),
      minLength: 1,
      maxLength: 128,
    }),
    debitAccountId: accounts,
    creditAccountId: accounts,
    amount: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    wait: fc.constantFrom(Wait.UNSPECIFIED, Wait.SETTLED, Wait.POSTED),
  })
  .filter(({ debitAccountId, creditAccountId }) => debitAccountId !== creditAccountId)
  .map((fields) => CreateTransferRequest.fromPartial(fields));

const encode = (transfers: CreateTransferRequest[]) =>
  CreateTransfersRequest.encode({ transfers }).finish();

const columns = ({ bytes, ...others }: TransferItems) => ({ bytes: Buffer.from(bytes), ...others });

test('plain transfers are scanned as they are decoded', () => {
  fc.assert(
    fc.property(fc.array(plain, { minLength: 1, maxLength: 20 }), (transfers) => {
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
      fc.array(plain, { minLength: 1, maxLength: 3 }),
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

test('a plain transfer is scanned', () => {
  expect(scanTransfer(CreateTransferRequest.encode(PLAIN).finish())).toBeDefined();
});

test.each<Partial<CreateTransferRequest>>([
  { idempotencyKey: '' },
  { idempotencyKey: 'k'.repeat(129) },
  { idempotencyKey: 'NUL \0' },
  { idempotencyKey: 'schlüssel' },
  { namespace: 'n' },
  { debitAccountId: 0n },
  { debitAccountId: -1n },
  { debitAccountId: 1n },
  { debitAccountId: accountId(1, 1) - 1n },
  { creditAccountId: accountId(1, 1) },
  { creditAccountId: 0n },
  { creditAccountId: 5n },
  { amount: 0n },
  { amount: -1n },
  { asset: 'EUR' },
  { code: 1 },
  { reference: 'r' },
  { metadata: { a: 'b' } },
  { action: { $case: 'hold', value: { timeoutSeconds: 0 } } },
  { upTo: 1 },
  { conditions: { allOf: [] } },
  { dryRun: true },
  { allowZero: true },
])('anything but a valid plain transfer is left to the decoder: %o', (fields) => {
  const transfer = { ...PLAIN, ...fields };
  expect(scanTransfer(CreateTransferRequest.encode(transfer).finish())).toBeUndefined();
  expect(scanTransfers(encode([PLAIN, transfer]))).toBeUndefined();
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
