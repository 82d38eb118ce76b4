import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { PostRequest } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { framed } from './frame.ts';
import { POSTED_TAG, postRequestOf } from './post-request.ts';

test('a batch of runs is the message that encoders write', () => {
  const transfer = fc
    .record({
      idempotencyKey: fc.string({ maxLength: 200 }),
      amount: fc.bigInt({ min: 0n, max: 9n }),
    })
    .map((fields) => CreateTransferRequest.fromPartial(fields));
  const run = fc.record({
    transfers: fc.array(transfer, { minLength: 1, maxLength: 20 }),
    timeoutMs: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    sequence: fc.constantFrom(0, 1, 300, 2 ** 32 - 1),
  });
  fc.assert(
    fc.property(
      fc.array(run, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      (runs, batch) => {
        const bytes = postRequestOf(
          batch,
          runs.map(({ transfers, timeoutMs, sequence }) => ({
            bytes: Buffer.concat(
              transfers.map((each) =>
                framed(POSTED_TAG, CreateTransferRequest.encode(each).finish()),
              ),
            ),
            count: transfers.length,
            timeoutMs,
            sequence,
          })),
        );
        const request = {
          batch: BigInt(batch),
          transfers: runs.flatMap(({ transfers }) => transfers),
          timeoutMs: runs.flatMap(({ transfers, timeoutMs }) => transfers.map(() => timeoutMs)),
        };
        const decoded = PostRequest.decode(bytes);
        expect(bytes).toEqual(Buffer.from(PostRequest.encode(decoded).finish()));
        expect(decoded).toMatchObject(request);
        const sequences = decoded.runSequences.flatMap((sequence, index) =>
          Array.from({ length: decoded.runTransfers[index] ?? 0 }, () => sequence),
        );
        expect(sequences).toEqual(
          runs.flatMap(({ transfers, sequence }) => transfers.map(() => sequence)),
        );
        expect(
          decoded.runSequences.some((each, index) => each === decoded.runSequences[index + 1]),
        ).toBe(false);
      },
    ),
  );
});
