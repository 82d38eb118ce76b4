import { type Deadline, status } from '@grpc/grpc-js';
import { bookOf } from '../../ledger/core/account-id.ts';
import { withCanonicalIds } from '../../ledger/core/validate/canonical-ids.ts';
import { must } from '../../ledger/core/assert.ts';
import { validateDryRun } from '../../ledger/core/validate/validate-dry-run.ts';
import { CALL_ROWS_MAX } from '../../ledger/core/limits.ts';
import { rowsOf, rowsOfAll } from '../../ledger/core/validate/request-rows.ts';
import { type FieldViolation, validateAll } from '../../ledger/core/validate/validate.ts';
import {
  decidingAccountOf,
  validateTransfer,
} from '../../ledger/core/validate/validate-transfer.ts';
import type { Logger } from '../../ledger/logger.ts';
import {
  outcomeUnknown,
  overloaded,
  refuseMalformed,
  type RpcError,
  tooLate,
  unavailable,
} from '../../ledger/rpc/error.ts';
import type { Leaders } from '../../ledger/rpc/leaders.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { routerTuning, type RouterTuning } from '../router-tuning.ts';
import type { Books } from '../books/books.ts';
import { remainingMs } from '../books/call-deadline.ts';
import { ForwardedDryRuns } from './forwarded-dry-runs.ts';
import type { Forward } from '../books/forward.ts';
import { Lane, type LaneItem, rowsIn } from './lane.ts';
import { MIB } from '../../ledger/core/limits.ts';

/** Routes transfers to the lanes of their payers' books and gathers the answers of a call. */
export class Transfers {
  readonly #lanes: ReadonlyMap<number, Lane>;
  readonly #dryRuns: ForwardedDryRuns;
  readonly #tuning: RouterTuning;
  /** Encoded size of the calls in progress. */
  #bytes = 0;

  constructor(
    books: Books,
    leaders: Leaders,
    forward: Forward,
    log: Logger,
    tuning: RouterTuning = routerTuning,
  ) {
    this.#tuning = tuning;
    this.#dryRuns = new ForwardedDryRuns(books, forward);
    this.#lanes = new Map(
      books.all.map(({ number }) => [number, new Lane(number, leaders, log, tuning)]),
    );
  }

  /**
   * The outcome of each, in the same order.
   *
   * INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE: nothing is known to have been applied.
   * DEADLINE_EXCEEDED with OUTCOME_UNKNOWN: each may or may not have been applied.
   */
  async create(
    asked: readonly CreateTransferRequest[],
    deadline: Deadline,
  ): Promise<CreateTransferResponse[]> {
    const requests = asked.map(withCanonicalIds);
    refuseMalformed([
      ...validateAll(requests, 'transfers', (request) => this.#validate(request)),
      ...validateCall(requests),
    ]);
    return this.#start(requests, deadline);
  }

  /**
   * Like `create`, but also counts `bytes` (wire size) against the memory limit.
   * RESOURCE_EXHAUSTED: the calls in progress take too much memory; this one was not begun.
   */
  createWithin(
    requests: readonly CreateTransferRequest[],
    deadline: Deadline,
    bytes: number,
  ): Promise<CreateTransferResponse[]> {
    return this.#within(bytes, () => this.create(requests, deadline));
  }

  /** The outcome of a single one, from a request of `bytes` on the wire; failures as above. */
  async createOne(
    asked: CreateTransferRequest,
    deadline: Deadline,
    bytes: number,
  ): Promise<CreateTransferResponse> {
    const request = withCanonicalIds(asked);
    refuseMalformed(this.#validate(request));
    const [result] = await this.#within(bytes, () => this.#start([request], deadline));
    return must(result, 'a call with one transfer has one result');
  }

  async #within<T>(bytes: number, call: () => Promise<T>): Promise<T> {
    if (this.#bytes + bytes > this.#tuning.callsMib * MIB) {
      throw overloaded(`the calls in progress take ${this.#bytes} bytes already`, 200);
    }
    this.#bytes += bytes;
    try {
      return await call();
    } finally {
      this.#bytes -= bytes;
    }
  }

  #validate(request: CreateTransferRequest): FieldViolation[] {
    const violations = validateTransfer(request);
    const book = bookOf(decidingAccountOf(request));
    if (violations.length === 0 && !this.#lanes.has(book)) {
      const description = `points to book ${book}, which does not exist`;
      const isGroup = request.action?.$case === 'group';
      const field = isGroup ? 'group.legs[0].debit_account_id' : 'debit_account_id';
      violations.push({ field, description });
    }
    return violations;
  }

  #start(
    requests: readonly CreateTransferRequest[],
    deadline: Deadline,
  ): Promise<CreateTransferResponse[]> {
    if (requests[0]?.dryRun === true) return this.#dryRuns.create(requests, deadline);
    return new Promise((resolve, reject) => {
      new Call(requests, remainingMs(deadline, this.#tuning), resolve, reject).start(this.#lanes);
    });
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.close();
  }
}

/** Returns the violations of a call as a whole. */
function validateCall(requests: readonly CreateTransferRequest[]): FieldViolation[] {
  const found = validateDryRun(requests, 'transfers');
  if (rowsOfAll(requests) > CALL_ROWS_MAX) {
    const description = `must have at most ${CALL_ROWS_MAX} transfers and legs in all`;
    found.push({ field: 'transfers', description });
  }
  return found;
}

/** One call: its transfers, spread over the lanes, until all are answered or time is up. */
class Call {
  readonly #items: LaneItem[];
  readonly #results: CreateTransferResponse[];
  readonly #resolve: (results: CreateTransferResponse[]) => void;
  readonly #reject: (error: RpcError) => void;
  readonly #timer: NodeJS.Timeout;
  #left: number;
  /** True: all books had a leader when the call began. */
  #led = false;

  constructor(
    requests: readonly CreateTransferRequest[],
    timeoutMs: number,
    resolve: (results: CreateTransferResponse[]) => void,
    reject: (error: RpcError) => void,
  ) {
    const deadline = performance.now() + timeoutMs;
    this.#left = requests.length;
    this.#results = Array.from<CreateTransferResponse>({ length: requests.length });
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#timeUp(), Math.max(0, timeoutMs));
    this.#items = requests.map((request, index) => ({
      request,
      rows: rowsOf(request),
      deadline,
      attempts: 0,
      inTransit: undefined,
      done: false,
      onResult: (result) => this.#answered(index, result),
      onError: (error) => this.#failed(error),
    }));
  }

  start(lanes: ReadonlyMap<number, Lane>): void {
    const byBook = new Map<number, LaneItem[]>();
    for (const item of this.#items) {
      const book = bookOf(decidingAccountOf(item.request));
      const items = byBook.get(book);
      if (items === undefined) byBook.set(book, [item]);
      else items.push(item);
    }
    // All lanes are asked before any is given something: a call that is refused for want of
    // room has not been begun.
    for (const [book, items] of byBook) {
      if (lanes.get(book)?.hasRoomFor(rowsIn(items)) === true) continue;
      this.#failed(overloaded(`too many transfers wait for book ${book}`, 200));
      return;
    }
    this.#led = [...byBook.keys()].every((book) => lanes.get(book)?.led === true);
    for (const [book, items] of byBook) lanes.get(book)?.add(items);
  }

  #notSent(): RpcError {
    return this.#led
      ? tooLate('the deadline passed before the book could be asked')
      : unavailable('NO_LEADER', 'a book has no leader now', 200);
  }

  #answered(index: number, result: CreateTransferResponse): void {
    this.#results[index] = result;
    this.#left -= 1;
    if (this.#left > 0) return;
    clearTimeout(this.#timer);
    this.#resolve(this.#results);
  }

  #failed(error: RpcError): void {
    clearTimeout(this.#timer);
    for (const item of this.#items) item.done = true;
    this.#reject(error);
  }

  /** Those in transit are answered so; anything else without an answer fails the call. */
  #timeUp(): void {
    let unknown = false;
    let unsent = false;
    for (const [index, item] of this.#items.entries()) {
      if (item.done) continue;
      if (item.inTransit !== undefined) this.#results[index] = item.inTransit;
      else if (item.attempts > 0) unknown = true;
      else unsent = true;
      item.done = true;
    }
    if (unknown) this.#reject(outcomeUnknown(status.DEADLINE_EXCEEDED));
    else if (unsent) this.#reject(this.#notSent());
    else this.#resolve(this.#results);
  }
}
