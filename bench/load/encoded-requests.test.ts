import { expect, test } from 'vitest';
import {
  CreateTransferRequest,
  CreateTransferResponse,
  CreateTransfersRequest,
  CreateTransfersResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../ledger/core/account-id.ts';
import { validateTransfer } from '../../ledger/core/validate/validate-transfer.ts';
import { Random } from '../../ledger/core/random.ts';
import { countStatus, countStatuses } from './answer-scan.ts';
import { drawTransfer, EncodedCall, EncodedTransfer, transferOf } from './encoded-requests.ts';
import { TimeOrderedKeys } from './time-ordered-keys.ts';

const accounts = (book: number) =>
  BigInt64Array.from({ length: 10 }, (_, index) => accountId(book, index + 1));

test('an encoded call decodes to what it was made of, with other keys every time', () => {
  const transfers = [transferOf(1n, 2n, 3n), transferOf(2n ** 48n, 2n ** 62n, 70n)];
  const call = new EncodedCall(transfers);
  const keys = new TimeOrderedKeys();
  const seen = new Set<string>();
  for (let use = 0; use < 3; use += 1) {
    const decoded = CreateTransfersRequest.decode(call.withFreshKeys(keys)).transfers;
    expect(decoded.map((transfer) => ({ ...transfer, idempotencyKey: '' }))).toEqual(
      transfers.map((transfer) => ({ ...transfer, idempotencyKey: '' })),
    );
    for (const { idempotencyKey } of decoded) seen.add(idempotencyKey);
  }
  expect(seen.size).toBe(6);
  expect(call.effects.transfer).toEqual({ count: 2, amount: 73n });
});

test('a single transfer is copied, so that an earlier one keeps its key', () => {
  const transfer = new EncodedTransfer(transferOf(1n, 2n, 3n));
  const keys = new TimeOrderedKeys();
  const first = transfer.withFreshKey(keys);
  const second = transfer.withFreshKey(keys);
  const written = [first, second].map(
    (bytes) => CreateTransferRequest.decode(bytes).idempotencyKey,
  );
  expect(new Set(written).size).toBe(2);
});

test('drawn transfers are valid and go away in the share that was asked for', () => {
  const random = new Random(1);
  const payees = [
    { accounts: accounts(1), share: 0.9 },
    { accounts: accounts(2), share: 0.1 },
  ];
  let away = 0;
  for (let count = 0; count < 20_000; count += 1) {
    const drawn = drawTransfer({ payers: accounts(1), payees }, random);
    expect(validateTransfer(drawn)).toEqual([]);
    if (drawn.creditAccountId >= accountId(2, 1)) away += 1;
  }
  expect(away / 20_000).toBeCloseTo(0.1, 1);
});

test('statuses are counted without decoding the rest', () => {
  const position = { book: 1, epoch: 2n, seq: 3n };
  const answer = (status: TransferStatus) =>
    CreateTransferResponse.fromPartial({ transferId: 'x'.repeat(36), status, position });
  const statuses = [
    TransferStatus.POSTED,
    TransferStatus.REJECTED,
    TransferStatus.IN_TRANSIT,
    TransferStatus.POSTED,
    TransferStatus.UNSPECIFIED,
    TransferStatus.HELD,
    TransferStatus.RELEASED,
    TransferStatus.HELD,
  ];
  const results = statuses.map((status) => answer(status));
  const bytes = CreateTransfersResponse.encode({ results }).finish();
  const counts = { posted: 2, inTransit: 1, held: 2, released: 1, refused: 2 };
  expect(countStatuses(bytes)).toEqual(counts);
  const single = CreateTransferResponse.encode(answer(TransferStatus.POSTED)).finish();
  const one = { posted: 1, inTransit: 0, held: 0, released: 0, refused: 0 };
  expect(countStatus(single)).toEqual(one);
});
