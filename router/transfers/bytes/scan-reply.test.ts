import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  BatchFault,
  BatchOutcome,
  FaultCode,
  LateOutcome,
  PostReply,
} from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { CreateTransferResponse, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { shapeOf } from '../../../ledger/rpc/message-shape.ts';
import { scanMessage } from '../../../ledger/rpc/scan-message.ts';
import { framed } from './frame.ts';
import { ReplyScan } from './scan-reply.ts';

const scan = new ReplyScan();
const SHAPE = shapeOf('meridian.internal.v1.PostReply');

const result = fc
  .record({
    transferId: fc.string({ maxLength: 40 }),
    status: fc.constantFrom(...Object.values(TransferStatus).filter((each) => each >= 0)),
    reason: fc.constantFrom(...Object.values(Reason)),
    differingField: fc.string({ maxLength: 200 }),
    replayed: fc.boolean(),
    position: fc.option(fc.constant({ book: 1, epoch: 3n, seq: 2n ** 40n }), { nil: undefined }),
    actualAmount: fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
  })
  .map((fields) => CreateTransferResponse.fromPartial(fields));
const batch = fc.bigInt({ min: 0n, max: 2n ** 40n });
const index = fc.nat();

const outcome = fc
  .record({
    batch,
    results: fc.array(result),
    halted: fc.array(fc.record({ index, channel: fc.string() }), { maxLength: 2 }),
  })
  .map((value) => ({ $case: 'outcome' as const, value: BatchOutcome.fromPartial(value) }));
const late = fc
  .record({
    results: fc.array(fc.record({ batch, index, result: fc.option(result, { nil: undefined }) })),
  })
  .map((value) => ({ $case: 'late' as const, value: LateOutcome.fromPartial(value) }));

/** What a scan has found, as the reply that it stands for. */
function found(kind: ReturnType<ReplyScan['take']>): PostReply['reply'] {
  if (kind !== 'outcome' && kind !== 'late') return kind;
  const results = Array.from({ length: scan.count }, (_, at) => {
    const field = framedMessage(scan.bytes.subarray(scan.starts[at], scan.ends[at]));
    const decoded = CreateTransferResponse.decode(field);
    expect(scan.statuses[at]).toBe(decoded.status);
    expect(scan.replayed[at]).toBe(decoded.replayed ? 1 : 0);
    return decoded;
  });
  if (kind === 'outcome') {
    const halted = [...scan.halted].map(([at, channel]) => ({ index: at, channel }));
    return { $case: kind, value: { batch: BigInt(scan.batch), results, halted } };
  }
  const lateResults = results.map((each, at) => ({
    batch: BigInt(scan.batches[at] ?? 0),
    index: scan.indexes[at] ?? 0,
    result: each,
  }));
  return { $case: kind, value: { results: lateResults } };
}

/** The message in a field that is as encoders write it. */
function framedMessage(field: Uint8Array): Uint8Array {
  for (let length = 0; length < 5; length += 1) {
    const message = field.subarray(1 + length);
    if (Buffer.compare(framed(field[0] ?? 0, message), field) === 0) return message;
  }
  throw new Error('it is no field');
}

/** The reply as a scan sees it: late results that have no result are none. */
function seen(reply: PostReply['reply']): PostReply['reply'] {
  if (reply?.$case === 'late') {
    const results = reply.value.results.filter((each) => each.result !== undefined);
    return { $case: 'late', value: { results } };
  }
  if (reply?.$case !== 'outcome') return reply;
  const halted = new Map(reply.value.halted.map((each) => [each.index, each.channel]));
  const last = [...halted].map(([at, channel]) => ({ index: at, channel }));
  return { $case: 'outcome', value: { ...reply.value, halted: last } };
}

test('results are found as they are decoded', () => {
  fc.assert(
    fc.property(fc.oneof(outcome, late), (reply) => {
      expect(found(scan.take(PostReply.encode({ reply }).finish()))).toEqual(seen(reply));
    }),
  );
});

test('fields that a later release adds are passed over, and stay in the result', () => {
  const added = Uint8Array.of(0xf8, 0x01, 5, 0xfa, 0x01, 1, 7, 0xfd, 0x01, 0, 0, 0, 0);
  const posted = CreateTransferResponse.fromPartial({ transferId: 'a', status: 1, replayed: true });
  const item = framed(0x12, CreateTransferResponse.encode(posted).finish(), added);
  const bytes = framed(0x0a, Uint8Array.of(0x08, 3), item, added);
  const value = { batch: 3n, results: [posted], halted: [] };
  expect(found(scan.take(bytes))).toEqual({ $case: 'outcome', value });
  expect(Buffer.from(bytes.subarray(scan.starts[0], scan.ends[0]))).toEqual(item);
});

test('a reply without results is decoded', () => {
  const value = BatchFault.fromPartial({ batch: 2n, code: FaultCode.OVERLOADED, message: 'full' });
  const fault = { $case: 'fault' as const, value };
  expect(scan.take(PostReply.encode({ reply: fault }).finish())).toEqual(fault);
  expect(scan.take(new Uint8Array(0))).toBeUndefined();
});

test('more results than ever before are found', () => {
  const results = Array.from({ length: 9_000 }, (_, at) =>
    CreateTransferResponse.fromPartial({ status: TransferStatus.POSTED, transferId: `${at}` }),
  );
  const value = { batch: 1n, results, halted: [] };
  const bytes = PostReply.encode({ reply: { $case: 'outcome', value } }).finish();
  expect(found(scan.take(bytes))).toEqual({
    $case: 'outcome',
    value,
  });
});

/** False: there is a number that no reply has, and that a scan need not know. */
function hasKnownNumbers(reply: PostReply['reply']): boolean {
  const batches =
    reply?.$case === 'late' ? reply.value.results.map((each) => each.batch) : [reply?.value.batch];
  const results =
    reply?.$case === 'late' ? reply.value.results.map((each) => each.result) : resultsOf(reply);
  return (
    batches.every((each = 0n) => each <= Number.MAX_SAFE_INTEGER) &&
    results.every((each) => (each?.status ?? 0) >= 0)
  );
}

function resultsOf(reply: PostReply['reply']): readonly CreateTransferResponse[] {
  return reply?.$case === 'outcome' ? reply.value.results : [];
}

test('damaged bytes are taken as they are decoded', () => {
  const edit = fc.record({
    at: fc.nat({ max: 300 }),
    removed: fc.nat({ max: 3 }),
    inserted: fc.uint8Array({ maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.oneof(outcome, late), fc.array(edit, { maxLength: 2 }), (reply, edits) => {
      let bytes = [...PostReply.encode({ reply }).finish()];
      for (const { at, removed, inserted } of edits) {
        bytes = bytes.toSpliced(at % Math.max(1, bytes.length), removed, ...inserted);
      }
      // The decoder also takes fields that reach beyond the end of their message.
      fc.pre(scanMessage(Uint8Array.from(bytes), SHAPE) === undefined);
      const decoded = PostReply.decode(Uint8Array.from(bytes)).reply;
      fc.pre(hasKnownNumbers(decoded));
      expect(found(scan.take(Uint8Array.from(bytes)))).toEqual(seen(decoded));
    }),
    { numRuns: 1_000 },
  );
});
