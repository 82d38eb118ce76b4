import type { Deadline } from '@grpc/grpc-js';
import { bookOf } from '../../ledger/core/account-id.ts';
import { withCanonicalIds } from '../../ledger/core/validate/canonical-ids.ts';
import { must } from '../../ledger/core/assert.ts';
import { validateDryRun } from '../../ledger/core/validate/validate-dry-run.ts';
import { CALL_ROWS_MAX } from '../../ledger/core/limits.ts';
import { rowsOfAll } from '../../ledger/core/validate/request-rows.ts';
import { type FieldViolation, validateAll } from '../../ledger/core/validate/validate.ts';
import {
  decidingAccountOf,
  validateTransfer,
} from '../../ledger/core/validate/validate-transfer.ts';
import type { Logger } from '../../ledger/logger.ts';
import { overloaded, refuseMalformed } from '../../ledger/rpc/error.ts';
import type { Leaders } from '../../ledger/rpc/leaders.ts';
import {
  type CreateTransferRequest,
  CreateTransferResponse,
  type CreateTransfersRequest,
  CreateTransfersResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { routerTuning, type RouterTuning } from '../router-tuning.ts';
import type { Books } from '../books/books.ts';
import { remainingMs } from '../books/call-deadline.ts';
import { ForwardedDryRuns } from './forwarded-dry-runs.ts';
import type { Forward } from '../books/forward.ts';
import { itemsOf, TransferItems } from './bytes/transfer-items.ts';
import { Call } from './call.ts';
import { Lane } from './lane.ts';
import { MIB } from '../../ledger/core/limits.ts';

/** Sequences with different numbers. */
const SEQUENCES = 2 ** 32;

/** Routes transfers to the lanes of their payers' books and gathers the answers of a call. */
export class Transfers {
  readonly #lanes: ReadonlyMap<number, Lane>;
  readonly #dryRuns: ForwardedDryRuns;
  readonly #tuning: RouterTuning;
  #sequences = 0;
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
   * Bytes of a CreateTransfersResponse: the outcome of each transfer, in the same order.
   *
   * INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE: nothing is known to have been applied.
   * DEADLINE_EXCEEDED with OUTCOME_UNKNOWN: each may or may not have been applied.
   *
   * @param bytes wire size of the request, which counts against the memory limit of calls
   */
  create(
    asked: TransferItems | CreateTransfersRequest,
    deadline: Deadline,
    bytes: number,
  ): Promise<Uint8Array> {
    return this.#within(bytes, async () => {
      if (asked instanceof TransferItems && this.#hasBooksOf(asked)) {
        return (await this.#run(asked, deadline)).responses();
      }
      const transfers = asked instanceof TransferItems ? asked.decoded() : asked.transfers;
      const requests = transfers.map(withCanonicalIds);
      refuseMalformed([
        ...validateAll(requests, 'transfers', (request) => this.#validate(request)),
        ...validateCall(requests),
      ]);
      if (requests[0]?.dryRun === true) {
        const results = await this.#dryRuns.create(requests, deadline);
        return CreateTransfersResponse.encode({ results }).finish();
      }
      return (await this.#run(itemsOf(requests), deadline)).responses();
    });
  }

  /** A number for what must be applied in order: a call, or the transfers of a stream. */
  newSequence(): number {
    this.#sequences = (this.#sequences + 1) % SEQUENCES;
    return this.#sequences;
  }

  /**
   * Bytes of a CreateTransferResponse: the outcome of a single one; failures as above.
   *
   * @param sequence the one of a stream of transfers
   */
  async createOne(
    asked: TransferItems | CreateTransferRequest,
    deadline: Deadline,
    bytes: number,
    sequence = this.newSequence(),
  ): Promise<Uint8Array> {
    if (asked instanceof TransferItems && this.#hasBooksOf(asked)) {
      const call = async () => (await this.#run(asked, deadline, sequence)).response();
      return this.#within(bytes, call);
    }
    const transfers = asked instanceof TransferItems ? asked.decoded() : [asked];
    const requests = transfers.map(withCanonicalIds);
    refuseMalformed(requests.flatMap((request) => this.#validate(request)));
    return this.#within(bytes, async () => {
      if (requests[0]?.dryRun !== true) {
        return (await this.#run(itemsOf(requests), deadline, sequence)).response();
      }
      const [result] = await this.#dryRuns.create(requests, deadline);
      const answered = must(result, 'a call with one transfer has one result');
      return CreateTransferResponse.encode(answered).finish();
    });
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

  #hasBooksOf({ books }: TransferItems): boolean {
    let known = 0;
    for (const book of books) {
      if (book === known) continue;
      if (!this.#lanes.has(book)) return false;
      known = book;
    }
    return true;
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

  /** Returns the call once it has all answers. */
  #run(items: TransferItems, deadline: Deadline, sequence = this.newSequence()): Promise<Call> {
    return new Promise((resolve, reject) => {
      const timeoutMs = remainingMs(deadline, this.#tuning);
      new Call(items, timeoutMs, sequence, resolve, reject).start(this.#lanes);
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
