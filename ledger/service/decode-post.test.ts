import { expect, test } from 'vitest';
import { BatchOutcome, PostReply, PostRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import { type Conditions, Leg, UpTo } from '../../proto/gen/meridian/v1/movement.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../core/assert.ts';
import { Random } from '../core/random.ts';
import { requestShape } from '../rpc/message-shape.ts';
import { scanMessage } from '../rpc/scan-message.ts';
import { EXOTIC_TEXTS } from '../testing/books/book-requests.ts';
import { decodePost } from './decode-post.ts';
import { bookService } from './post-method.ts';

const NUMBERS = [0n, 1n, 127n, 128n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, -1n];
const SMALL = [0, 1, 127, 128, 2 ** 31 - 1, -1];
const TEXTS = ['', 'EUR', 'x'.repeat(36), 'y'.repeat(200), ...EXOTIC_TEXTS];
const ROUNDS = 3_000;

class Draw extends Random {
  of<T>(list: readonly T[]): T {
    return must(list[this.below(list.length)], 'something is drawn');
  }

  number = () => this.of(NUMBERS);
  small = () => this.of(SMALL);
  text = () => this.of(TEXTS);
  rarely = <T>(make: () => T, usual: T): T => (this.below(6) === 0 ? make() : usual);
}

function drawFields(draw: Draw) {
  return {
    debitAccountId: draw.number(),
    creditAccountId: draw.number(),
    amount: draw.number(),
    asset: draw.rarely(draw.text, ''),
    code: draw.rarely(draw.small, 0),
    reference: draw.rarely(draw.text, ''),
    metadata: draw.rarely(() => ({ [draw.text()]: draw.text() }), {}),
    upTo: draw.rarely<UpTo>(() => UpTo.CREDIT_ROOM, UpTo.UNSPECIFIED),
    allowZero: draw.rarely(() => true, false),
    conditions: draw.rarely<Conditions | undefined>(
      () => ({ allOf: [{ accountId: 7n, test: { $case: 'version', value: 3n } }] }),
      undefined,
    ),
  };
}

function drawRequest(draw: Draw): CreateTransferRequest {
  const holdId = draw.text();
  const legs = Array.from({ length: draw.below(4) }, () => ({
    ...Leg.fromPartial({}),
    ...drawFields(draw),
    rest: draw.rarely(() => true, false),
    action: draw.rarely<Leg['action']>(() => ({ $case: 'release', value: { holdId } }), undefined),
  }));
  const action = draw.of<() => CreateTransferRequest['action']>([
    () => undefined,
    () => ({ $case: 'hold', value: { timeoutSeconds: draw.small() } }),
    () => ({ $case: 'capture', value: { holdId, final: draw.below(2) === 0 } }),
    () => ({ $case: 'release', value: { holdId } }),
    () => ({ $case: 'reversal', value: { transferId: holdId } }),
    () => ({ $case: 'group', value: { legs } }),
  ]);
  return {
    ...CreateTransferRequest.fromPartial(drawFields(draw)),
    idempotencyKey: draw.text(),
    namespace: draw.rarely(draw.text, ''),
    wait: draw.rarely(() => 2, 0),
    dryRun: draw.rarely(() => true, false),
    action: action(),
  };
}

const draws = (seed: number) => new Draw(seed);
const someNumbers = (draw: Draw) =>
  Array.from({ length: draw.below(4) }, () => draw.of([0, 1, 300, 2 ** 32 - 1]));

test('requests are decoded as the generated decoder decodes them', () => {
  const draw = draws(1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const request: PostRequest = {
      batch: draw.of([0n, 1n, 300n, 2n ** 64n - 1n]),
      transfers: Array.from({ length: draw.below(4) }, () => drawRequest(draw)),
      timeoutMs: someNumbers(draw),
      runSequences: someNumbers(draw),
      runTransfers: someNumbers(draw),
    };
    const bytes = Buffer.from(PostRequest.encode(request).finish());
    expect(decodePost(bytes)).toEqual(PostRequest.decode(bytes));
  }
});

test('and so is every message that a changed byte leaves a message', () => {
  const draw = draws(2);
  const shape = requestShape('/meridian.internal.v1.BookService/Post');
  let compared = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const transfers = [drawRequest(draw), drawRequest(draw)];
    const bytes = Buffer.from(
      PostRequest.encode(
        PostRequest.fromPartial({ batch: 3n, transfers, timeoutMs: [5, 6] }),
      ).finish(),
    );
    bytes[draw.below(bytes.length)] = draw.below(256);
    if (scanMessage(bytes, shape) !== undefined) continue;
    compared += 1;
    const outcome = (decode: (from: Buffer) => PostRequest) => {
      try {
        return decode(bytes);
      } catch (error) {
        return String(error);
      }
    };
    expect(outcome(decodePost)).toEqual(outcome((from) => PostRequest.decode(from)));
  }
  expect(compared).toBeGreaterThan(ROUNDS / 10);
});

function drawResponse(draw: Draw, depth = 0): CreateTransferResponse {
  const number = () => draw.of([0n, 1n, 300n, 2n ** 40n, 2n ** 53n - 1n, 2n ** 62n]);
  const time = () => ({ seconds: number(), nanos: draw.of([0, 1_000, 999_999_000]) });
  const position = () => ({ book: draw.of([1, 300]), epoch: number(), seq: number() });
  const legs = () => Array.from({ length: draw.below(5) }, () => drawResponse(draw, 1));
  return {
    ...CreateTransferResponse.fromPartial({}),
    transferId: draw.of(['', 'x'.repeat(36), 'y'.repeat(200), 'Ünïcödé']),
    status: draw.of([0, 1, 2, 3]),
    reason: draw.of<Reason>([Reason.UNSPECIFIED, Reason.UNSPECIFIED, Reason.OVERFLOW]),
    differingField: draw.rarely(() => 'amount', ''),
    replayed: draw.rarely(() => true, false),
    position: draw.rarely(() => undefined, position()),
    decidedAt: draw.rarely(() => undefined, time()),
    actualAmount: draw.rarely(number, 0n),
    expiresAt: draw.rarely(time, undefined),
    group: depth === 0 ? draw.rarely(() => ({ legs: legs() }), undefined) : undefined,
    dryRun: draw.rarely(() => true, false),
    ...(draw.below(6) === 0 ? { resent: false } : {}),
  };
}

test('replies are encoded as the generated encoder encodes them', () => {
  const draw = draws(3);
  const { post } = bookService(1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const value: BatchOutcome = {
      batch: draw.of([0n, 1n, 2n ** 40n]),
      results: Array.from({ length: draw.below(6) }, () => drawResponse(draw)),
      halted: draw.rarely(() => [{ index: 1, channel: 'eu>us' }], []),
    };
    const reply: PostReply = { reply: { $case: 'outcome', value } };
    expect(post.responseSerialize(reply)).toEqual(Buffer.from(PostReply.encode(reply).finish()));
  }
});
