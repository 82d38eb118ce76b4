import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { withCanonicalIds } from '../../ledger/core/validate/canonical-ids.ts';
import { measured, MalformedMessage } from '../../ledger/rpc/message-bytes.ts';
import {
  CreateTransfersRequest,
  StreamTransfersRequest,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { anyTransfer, plainTransfer } from '../testing/any-transfer.ts';
import { TransferItems } from './bytes/transfer-items.ts';
import { type StreamedTransfer, transferService } from './transfer-service.ts';

/** What a handler is given for damaged bytes is what the decoder makes of them. */

const edits = fc.array(
  fc.record({
    at: fc.nat({ max: 400 }),
    removed: fc.nat({ max: 3 }),
    inserted: fc.uint8Array({ maxLength: 3 }),
  }),
  { maxLength: 2 },
);

function damaged(bytes: Uint8Array, all: { at: number; removed: number; inserted: Uint8Array }[]) {
  let damage = [...bytes];
  for (const { at, removed, inserted } of all) {
    damage = damage.toSpliced(at % Math.max(1, damage.length), removed, ...inserted);
  }
  return Buffer.from(damage);
}

const transfer = fc.oneof(plainTransfer, anyTransfer);
const { createTransfers, streamTransfers } = measured(transferService);

test('damaged calls', () => {
  let scanned = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.array(transfer, { maxLength: 3 }), edits, (transfers, all) => {
      const bytes = damaged(CreateTransfersRequest.encode({ transfers }).finish(), all);
      const asked: TransferItems | CreateTransfersRequest | MalformedMessage =
        createTransfers.requestDeserialize(Buffer.from(bytes));
      if (asked instanceof MalformedMessage) {
        refused += 1;
        return;
      }
      const isScanned = asked instanceof TransferItems;
      if (isScanned) scanned += 1;
      const given = isScanned ? asked.decoded() : asked.transfers.map(withCanonicalIds);
      const { transfers: decoded } = CreateTransfersRequest.decode(bytes);
      expect(given).toEqual(decoded.map(withCanonicalIds));
    }),
    { numRuns: 2_000 },
  );
  expect(Math.min(scanned, refused)).toBeGreaterThan(100);
});

test('damaged messages of a stream', () => {
  let scanned = 0;
  let refused = 0;
  fc.assert(
    fc.property(
      transfer,
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      edits,
      (request, sequence, all) => {
        const message = StreamTransfersRequest.encode({ sequence, transfer: request });
        const bytes = damaged(message.finish(), all);
        const asked: StreamedTransfer | MalformedMessage = streamTransfers.requestDeserialize(
          Buffer.from(bytes),
        );
        if (asked instanceof MalformedMessage) {
          refused += 1;
          return;
        }
        const isScanned = asked.transfer instanceof TransferItems;
        if (isScanned) scanned += 1;
        const given =
          asked.transfer instanceof TransferItems ? asked.transfer.decoded()[0] : asked.transfer;
        const decoded = StreamTransfersRequest.decode(bytes);
        expect({ ...asked, transfer: given }).toEqual(decoded);
      },
    ),
    { numRuns: 2_000 },
  );
  expect(Math.min(scanned, refused)).toBeGreaterThan(100);
});
