import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchOutcome, PostRequest } from '../../../proto/gen/meridian/internal/v1/book.ts';
import {
  CreateTransferRequest,
  CreateTransferResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../account-id.ts';
import { must } from '../assert.ts';
import { timestampFrom } from '../timestamp.ts';
import { plainReplies } from './plain-replies.ts';
import { scanPlain } from './scan-plain.ts';

const numbers = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 52 }));

test('answers are byte for byte those of the generated encoder', () => {
  const stamps = fc.record({
    book: fc.integer({ min: 1, max: 32767 }),
    epoch: numbers,
    seqBefore: fc.constant(0),
    atMicros: fc.oneof(
      fc.constantFrom(0, 1, 999_999, 1_000_000, 1_764_000_000_000_000),
      fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    ),
  });
  const keys = fc.array(fc.uuid({ version: [4, 7] }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(stamps, keys, numbers, (stamp, ids, seq) => {
      const { book, epoch, atMicros } = stamp;
      const request = {
        batch: 3n,
        transfers: ids.map((idempotencyKey) => ({
          ...CreateTransferRequest.create(),
          idempotencyKey,
          debitAccountId: accountId(book, 1),
          creditAccountId: accountId(book, 2),
          amount: 1n,
        })),
        timeoutMs: ids.map(() => 1),
      };
      const items = scanPlain(
        Buffer.from(PostRequest.encode(PostRequest.fromPartial(request)).finish()),
        book,
      );
      const results = ids.map((transferId, index) => ({
        ...CreateTransferResponse.create(),
        transferId,
        status: TransferStatus.POSTED,
        position: { book, epoch: BigInt(epoch), seq: BigInt(seq + index) },
        decidedAt: timestampFrom(atMicros),
      }));
      const expected = BatchOutcome.encode({ batch: 0n, results, halted: [] }).finish();
      const replies = plainReplies(must(items, 'it is plain'), stamp, seq);
      expect(replies.toString('hex')).toBe(Buffer.from(expected).toString('hex'));
    }),
  );
});
