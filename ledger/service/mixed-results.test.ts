import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchOutcome } from '../../proto/gen/meridian/internal/v1/book.ts';
import { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { mixedResults } from './mixed-results.ts';
import { haltedBytes, outcomeBytes } from './post-method.ts';
import { PostReply } from '../../proto/gen/meridian/internal/v1/book.ts';

const results = fc.array(
  fc.record({ general: fc.boolean(), length: fc.constantFrom(1, 36, 90, 130, 20_000) }),
  { maxLength: 30 },
);

test('the results of both lanes are in the order of the request, byte for byte', () => {
  fc.assert(
    fc.property(results, fc.boolean(), (drawn, isHalted) => {
      const all = drawn.map(({ length }, index) =>
        CreateTransferResponse.fromPartial({
          transferId: `${index}`.padEnd(length, 'x'),
          status: 1,
        }),
      );
      const posted = all.filter((_, index) => drawn[index]?.general === false);
      const indexes = [...all.keys()].filter((index) => drawn[index]?.general === true);
      const halted = isHalted ? [{ index: 3, channel: 'a>b' }] : [];
      const encoded = BatchOutcome.encode({ batch: 0n, results: posted, halted: [] }).finish();
      const general = { indexes, results: all.filter((each) => !posted.includes(each)), halted };
      const mixed = mixedResults(Buffer.from(encoded), general, all.length);
      const bytes = outcomeBytes(7n, mixed, haltedBytes(halted));
      const value = { batch: 7n, results: all, halted };
      const reply = PostReply.encode({ reply: { $case: 'outcome', value } }).finish();
      expect(bytes.equals(reply)).toBe(true);
    }),
  );
});
