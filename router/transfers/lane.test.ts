import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import { must } from '../../ledger/core/assert.ts';
import { withCanonicalIds } from '../../ledger/core/validate/canonical-ids.ts';
import { Random } from '../../ledger/core/random.ts';
import { reasonOf, type RpcError } from '../../ledger/rpc/error.ts';
import {
  BatchFault,
  BatchOutcome,
  FaultCode,
  LateOutcome,
  type PostReply,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import {
  CreateTransferRequest,
  CreateTransferResponse,
  CreateTransfersRequest,
  CreateTransfersResponse,
  TransferStatus,
  Wait,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { routerTuning } from '../router-tuning.ts';
import { DecodedCall, DecodedLane } from '../testing/decoded-lane.ts';
import { ScriptedLeaders, type ScriptedStream } from '../testing/scripted-leaders.ts';
import { decodeSome, scanTransfers } from './bytes/scan-transfers.ts';
import { itemsOf } from './bytes/transfer-items.ts';
import { Call } from './call.ts';
import { Lane } from './lane.ts';

/** Random calls, books and replies: lanes of bytes do what lanes of objects do. */

const BOOKS = [1, 2, 3];
const HOLD_ID = '0193b6c2-7a4e-7c3a-9a43-3d1d6c1f0a11';
const TUNING = {
  ...routerTuning,
  pendingRows: 60,
  batchRows: 9,
  batches: 2,
  largeBatchRows: 5,
  inFlightRows: 25,
};
const nothing = () => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** How a call ended. */
interface End {
  readonly call: number;
  readonly results?: CreateTransferResponse[];
  readonly error?: { code: number; message: string; reason: string | undefined };
}
type Reply = PostReply['reply'];

function failed(call: number, error: RpcError): End {
  return { call, error: { code: error.code, message: error.message, reason: reasonOf(error) } };
}

/** Lanes of one kind, the leaders that they see, and how their calls ended. */
interface Side {
  readonly leaders: ScriptedLeaders;
  readonly ends: End[];
  call(number: number, requests: readonly CreateTransferRequest[], timeoutMs: number): void;
  close(): void;
}

function decodedSide(tuning = TUNING): Side {
  const leaders = new ScriptedLeaders();
  const ends: End[] = [];
  const lanes = new Map(BOOKS.map((book) => [book, new DecodedLane(book, leaders, tuning)]));
  return {
    leaders,
    ends,
    call(number, requests, timeoutMs) {
      const resolve = (results: CreateTransferResponse[]) => ends.push({ call: number, results });
      const reject = (error: RpcError) => ends.push(failed(number, error));
      new DecodedCall(requests.map(withCanonicalIds), timeoutMs, resolve, reject).start(lanes);
    },
    close: () => lanes.forEach((lane) => lane.close()),
  };
}

function bytesSide(tuning = TUNING): Side {
  const leaders = new ScriptedLeaders();
  const ends: End[] = [];
  const lanes = new Map(BOOKS.map((book) => [book, new Lane(book, leaders, SILENT, tuning)]));
  return {
    leaders,
    ends,
    call(number, requests, timeoutMs) {
      const bytes = CreateTransfersRequest.encode({ transfers: [...requests] }).finish();
      const items = scanTransfers(bytes) ?? decodeSome(bytes) ?? itemsOf(requests);
      const resolve = (call: Call) => {
        const { results } = CreateTransfersResponse.decode(call.responses());
        ends.push({ call: number, results });
        const [only, ...others] = results;
        if (others.length > 0) return;
        expect(CreateTransferResponse.decode(call.response())).toEqual(only);
      };
      const reject = (error: RpcError) => ends.push(failed(number, error));
      new Call(items, timeoutMs, resolve, reject).start(lanes);
    },
    close: () => lanes.forEach((lane) => lane.close()),
  };
}

/** What a test does to both sides, and the comparison of what they do. */
class Play {
  readonly sides = [decodedSide(), bytesSide()] as const;
  readonly #random: Random;
  readonly #epochs = new Map(BOOKS.map((book) => [book, 1]));
  /** Transfers that were answered as in transit. */
  readonly #inTransit: { stream: number; batch: bigint; index: number }[] = [];
  /** Batches that were answered, as text. */
  readonly #answered = new Set<string>();
  /** How much of what they did was asked for. */
  #seen = { events: 0, ends: 0 };
  #calls = 0;
  #results = 0n;

  constructor(seed: number) {
    this.#random = new Random(seed);
    for (const book of BOOKS) this.#lead(book, 1);
  }

  step(): void {
    const action = this.#random.weighted({
      call: 30,
      wait: 30,
      answer: 40,
      late: 10,
      lead: 3,
      renew: 2,
      lose: 3,
      nonsense: 2,
    });
    switch (action) {
      case 'call':
        return this.#call();
      case 'answer':
        return this.#answer();
      case 'late':
        return this.#late();
      case 'lead':
        return this.#changeLeader();
      case 'renew':
        return this.#renew();
      case 'lose':
        return this.#lose();
      case 'nonsense':
        return this.#nonsense();
      case 'wait':
      case undefined:
        vi.advanceTimersByTime(this.#random.below(this.#random.chance(0.1) ? 1_500 : 60));
    }
  }

  /** What each side has sent, and how its calls have ended, since it was asked last. */
  news(): { readonly events: unknown[]; readonly ends: End[] }[] {
    vi.advanceTimersByTime(0);
    const { events, ends } = this.#seen;
    const [{ leaders, ends: ended }] = this.sides;
    this.#seen = { events: leaders.events.length, ends: ended.length };
    return this.sides.map((side) => ({
      events: side.leaders.events.slice(events),
      ends: side.ends.slice(ends),
    }));
  }

  /** Waits until every call has ended. Returns how many there were. */
  finish(): number {
    vi.advanceTimersByTime(10_000);
    for (const side of this.sides) side.close();
    return this.#calls;
  }

  #call(): void {
    const random = this.#random;
    const isPlain = random.chance(0.6);
    const books = random.chance(0.5) ? [random.pick(BOOKS)] : BOOKS;
    const requests = Array.from({ length: 1 + random.below(random.chance(0.1) ? 30 : 6) }, () =>
      this.#request(random.pick(books), isPlain),
    );
    const timeoutMs = random.between(-5, random.chance(0.3) ? 100 : 3_000);
    for (const side of this.sides) side.call(this.#calls, requests, timeoutMs);
    this.#calls += 1;
  }

  #request(book: number, isPlain: boolean): CreateTransferRequest {
    const random = this.#random;
    const debitAccountId = accountId(book, 1 + random.below(1_000));
    const creditAccountId = accountId(random.pick(BOOKS), 2_000);
    const amount = BigInt(1 + random.below(1_000_000));
    const idempotencyKey = `key ${random.below(1_000_000)}`;
    const wait = random.pick([Wait.UNSPECIFIED, Wait.UNSPECIFIED, Wait.SETTLED, Wait.POSTED]);
    if (!isPlain && random.chance(0.3)) {
      const legs = Array.from({ length: 1 + random.below(12) }, () => ({
        debitAccountId,
        creditAccountId,
        amount,
      }));
      const action = { $case: 'group' as const, value: { legs } };
      return CreateTransferRequest.fromPartial({ idempotencyKey, wait, action });
    }
    if (!isPlain && random.chance(0.3)) {
      // What is not in lower case is decoded.
      const holdId = random.pick([HOLD_ID, HOLD_ID.toUpperCase()]);
      const value = { holdId, final: random.chance(0.5) };
      const action = { $case: 'capture' as const, value };
      return CreateTransferRequest.fromPartial({ idempotencyKey, debitAccountId, wait, action });
    }
    const reference = isPlain || random.chance(0.5) ? '' : 'a reference';
    const fields = { idempotencyKey, debitAccountId, creditAccountId, amount, wait, reference };
    return CreateTransferRequest.fromPartial(fields);
  }

  #lead(book: number, epoch: number | undefined): void {
    for (const { leaders } of this.sides) leaders.lead(book, epoch);
  }

  #changeLeader(): void {
    const book = this.#random.pick(BOOKS);
    if (this.#random.chance(0.3)) {
      this.#lead(book, undefined);
      return;
    }
    const epoch = (this.#epochs.get(book) ?? 0) + this.#random.below(2);
    this.#epochs.set(book, epoch);
    this.#lead(book, epoch);
  }

  #renew(): void {
    const book = this.#random.pick(BOOKS);
    for (const { leaders } of this.sides) leaders.renew(book);
  }

  /** A stream by its place, on each side. */
  #streams(place: number): ScriptedStream[] {
    return this.sides.map(({ leaders }) => must(leaders.streams[place], 'both have opened it'));
  }

  /** Places of streams that are open; sometimes one that is not, whose replies come too late. */
  #pickStream(): number | undefined {
    const { streams } = this.sides[0].leaders;
    const places = streams.flatMap(({ isCancelled }, place) =>
      isCancelled && !this.#random.chance(0.02) ? [] : [place],
    );
    return places.length === 0 ? undefined : this.#random.pick(places);
  }

  #reply(place: number, reply: Reply): void {
    for (const stream of this.#streams(place)) stream.reply(reply);
  }

  #answer(): void {
    const place = this.#pickStream();
    if (place === undefined) return;
    const requests = must(this.sides[0].leaders.streams[place], 'it was opened').requests.filter(
      ({ batch }) => !this.#answered.has(`${place} ${batch}`),
    );
    if (requests.length === 0) return;
    const { batch, transfers } = this.#random.pick(requests);
    this.#answered.add(`${place} ${batch}`);
    if (this.#random.chance(0.1)) {
      const code = this.#random.pick(Object.values(FaultCode));
      const fault = { batch, code, message: `fault ${code}`, channel: 'a>b' };
      this.#reply(place, { $case: 'fault', value: BatchFault.fromPartial(fault) });
      return;
    }
    const fate = this.#random.pick(['posted', 'posted', 'in transit', 'mixed', 'bad'] as const);
    const results = transfers.map((_, index) => {
      const result = this.#result(fate);
      if (result.status === TransferStatus.IN_TRANSIT) {
        this.#inTransit.push({ stream: place, batch, index });
      }
      return result;
    });
    const halted = fate === 'bad' && this.#random.chance(0.5) ? [{ index: 0, channel: 'a>b' }] : [];
    if (fate === 'bad' && this.#random.chance(0.5)) results.pop();
    const outcome = BatchOutcome.fromPartial({ batch, results, halted });
    this.#reply(place, { $case: 'outcome', value: outcome });
  }

  #result(fate: 'posted' | 'in transit' | 'mixed' | 'bad'): CreateTransferResponse {
    const random = this.#random;
    const { POSTED, IN_TRANSIT, REJECTED, UNSPECIFIED } = TransferStatus;
    const statuses = {
      posted: [POSTED],
      'in transit': [IN_TRANSIT],
      mixed: [POSTED, POSTED, IN_TRANSIT, REJECTED],
      bad: [POSTED, POSTED, UNSPECIFIED],
    }[fate];
    this.#results += 1n;
    return CreateTransferResponse.fromPartial({
      transferId: `id ${'x'.repeat(random.below(200))}`,
      status: random.pick(statuses),
      replayed: random.chance(0.3),
      position: { book: 1, epoch: 3n, seq: this.#results },
      differingField: random.chance(0.1) ? 'amount' : '',
    });
  }

  #late(): void {
    const known = this.#inTransit.splice(this.#random.below(this.#inTransit.length + 1), 3);
    const [first] = known;
    if (first === undefined) return;
    const results = known
      .filter(({ stream }) => stream === first.stream)
      .map(({ batch, index }) => ({ batch, index, result: this.#result('posted') }));
    if (this.#random.chance(0.1))
      results.push({ ...first, index: 999, result: this.#result('bad') });
    this.#reply(first.stream, { $case: 'late', value: LateOutcome.fromPartial({ results }) });
  }

  #lose(): void {
    const place = this.#pickStream();
    if (place === undefined) return;
    const event = this.#random.pick(['error', 'end']);
    for (const stream of this.#streams(place)) stream.emit(event, new Error('lost'));
  }

  /** An outcome of a batch that is not on its way, and bytes that are no reply. */
  #nonsense(): void {
    const place = this.#pickStream();
    if (place === undefined) return;
    if (this.#random.chance(0.5)) {
      const outcome = BatchOutcome.fromPartial({ batch: 1n << 60n, results: [{}] });
      this.#reply(place, { $case: 'outcome', value: outcome });
      return;
    }
    const [decoded, bytes] = this.#streams(place);
    decoded?.emit('error', new Error('it cannot be decoded'));
    bytes?.emit('data', Buffer.of(0x0a, 0x02, 0x12));
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('bytes are sent and answered as objects were, whatever happens to the books', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const play = new Play(seed);
    let ended = 0;
    const compare = (step: string) => {
      const [decoded, bytes] = play.news();
      expect(bytes, `seed ${seed}, ${step}`).toEqual(decoded);
      ended += bytes?.ends.length ?? 0;
    };
    for (let step = 0; step < 150; step += 1) {
      play.step();
      compare(`step ${step}`);
    }
    const calls = play.finish();
    compare('the end');
    expect(ended).toBe(calls);
  }
});

function keys(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `key ${from + index}`);
}

function plainOfKey(idempotencyKey: string): CreateTransferRequest {
  const debitAccountId = accountId(1, 1);
  const creditAccountId = accountId(1, 2);
  return CreateTransferRequest.fromPartial({
    idempotencyKey,
    debitAccountId,
    creditAccountId,
    amount: 1n,
  });
}

test('a call of more than a batch is sent part by part, each behind the answer to the one before', () => {
  const side = bytesSide();
  side.leaders.lead(1, 1);
  const sent = () => {
    vi.advanceTimersByTime(0);
    const { requests } = must(side.leaders.streams[0], 'it was opened');
    return requests.map((request) => request.transfers.map((each) => each.idempotencyKey));
  };
  side.call(0, keys(0, 20).map(plainOfKey), 5_000);
  side.call(1, keys(20, 26).map(plainOfKey), 5_000);
  side.call(2, keys(26, 30).map(plainOfKey), 5_000);
  // Calls that fit are not divided. What is left of the first one is no reason to hurry.
  expect(sent()).toEqual([keys(0, 9), keys(20, 26)]);
  const answer = (batch: bigint, count: number) => {
    const results = Array.from({ length: count }, () => ({ status: TransferStatus.POSTED }));
    const value = BatchOutcome.fromPartial({ batch, results });
    side.leaders.streams[0]?.reply({ $case: 'outcome', value });
  };
  answer(2n, 6);
  // They do not wait for it either.
  expect(sent().slice(2)).toEqual([keys(26, 30)]);
  answer(1n, 9);
  expect(sent().slice(3)).toEqual([keys(9, 18)]);
  // What is refused is the end of the call: the rest of it is not posted behind it.
  const refused = { batch: 4n, code: FaultCode.OVERLOADED, message: 'full' };
  side.leaders.streams[0]?.reply({ $case: 'fault', value: BatchFault.fromPartial(refused) });
  expect(sent()).toHaveLength(4);
  answer(3n, 4);
  expect(sent()).toHaveLength(4);
  expect(side.ends).toMatchObject([
    { call: 1 },
    { call: 0, error: { code: status.RESOURCE_EXHAUSTED } },
    { call: 2 },
  ]);
  side.close();
});

/** Answers a batch of one transfer. */
const answerPosted = (stream: ScriptedStream | undefined, batch: bigint) => {
  const results = [{ transferId: 'id', status: TransferStatus.POSTED }];
  const value = BatchOutcome.fromPartial({ batch, results });
  stream?.reply({ $case: 'outcome', value });
  vi.advanceTimersByTime(0);
};

test('a new connection is used once the batches on the old one are answered', () => {
  const side = bytesSide();
  const { leaders, ends } = side;
  leaders.lead(1, 1);
  const events = () => leaders.events.splice(0).map(({ event }) => event);
  side.call(1, [plainOfKey('before')], 3_000);
  vi.advanceTimersByTime(0);
  expect(events()).toEqual(['opened', expect.objectContaining({ batch: 1n })]);
  leaders.renew(1);
  side.call(2, [plainOfKey('after')], 3_000);
  vi.advanceTimersByTime(100);
  expect(events()).toEqual([]);
  answerPosted(leaders.streams[0], 1n);
  expect(ends).toEqual([expect.objectContaining({ call: 1, results: [expect.anything()] })]);
  expect(events()).toEqual(['cancelled', 'opened', expect.objectContaining({ batch: 2n })]);
  answerPosted(leaders.streams[1], 2n);
  expect(ends).toHaveLength(2);
  // A lane that has nothing to send lets the old connection end too.
  leaders.renew(1);
  vi.advanceTimersByTime(0);
  expect(events()).toEqual(['cancelled']);
  side.close();
});
