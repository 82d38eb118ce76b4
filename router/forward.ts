import { setTimeout as sleep } from 'node:timers/promises';
import { type Deadline, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { outcomeUnknown, reasonOf, RpcError, unavailable } from '../ledger/rpc/error.ts';
import type { Leader, Leaders } from '../ledger/rpc/leaders.ts';
import type { BookServiceClient } from '../proto/gen/meridian/internal/v1/book.ts';
import type { Book } from './books.ts';
import { remainingMs } from './call-deadline.ts';

const PAUSE_MS = 20;
const PAUSE_MS_MAX = 500;

type Callback<Response> = (error: ServiceError | null, response: Response) => void;

/** A unary method of the client, bound to its request. */
export type ClientCall<Response> = (
  client: BookServiceClient,
  metadata: Metadata,
  options: { deadline: number },
  callback: Callback<Response>,
) => unknown;

/**
 * Forwards calls that may be repeated (reads, and openings, which their external id makes
 * idempotent) to the leader of a book, and repeats them while there is time.
 */
export class Forward {
  readonly #leaders: Leaders;

  constructor(leaders: Leaders) {
    this.#leaders = leaders;
  }

  /** UNAVAILABLE: no leader answered within the deadline. Other errors are the leader's. */
  async call<Response>(
    book: Book,
    deadline: Deadline,
    call: ClientCall<Response>,
  ): Promise<Response> {
    const until = performance.now() + remainingMs(deadline);
    let pauseMs = PAUSE_MS;
    for (;;) {
      const leader = this.#leaders.leaderOf(book.number);
      const leftMs = until - performance.now();
      if (leftMs <= 0) throw unavailable('NO_LEADER', `${book.name} does not answer`, 200);
      if (leader !== undefined) {
        try {
          return await once(leader, leftMs, call);
        } catch (error) {
          if (!mayRepeat(error)) throw error;
        }
      }
      await sleep(Math.min(leftMs, pauseMs * (0.5 + Math.random() / 2)));
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
    }
  }
}

function once<Response>(
  leader: Leader,
  leftMs: number,
  call: ClientCall<Response>,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + leftMs };
    call(leader.client, new Metadata(), options, (error, response) => {
      if (error === null) resolve(response);
      // Without details it is not the leader who says so: no answer came in time.
      else if (isOwnDeadline(error)) reject(outcomeUnknown(status.DEADLINE_EXCEEDED));
      else reject(passedOn(error));
    });
  });
}

function isOwnDeadline({ code, metadata }: ServiceError): boolean {
  const said = metadata.get('grpc-status-details-bin').length > 0;
  return code === status.DEADLINE_EXCEEDED && !said;
}

/** The leader's error with its details, without this process's stack and metadata. */
export function passedOn(error: ServiceError): RpcError {
  const passed = new RpcError(error.code, error.details);
  for (const value of error.metadata.get('grpc-status-details-bin')) {
    passed.metadata.add('grpc-status-details-bin', value);
  }
  return passed;
}

function mayRepeat(error: unknown): boolean {
  if (!(error instanceof RpcError)) return false;
  // How long a book may take to come as far as asked, only its caller can say.
  if (error.code === status.UNAVAILABLE) return reasonOf(error) !== 'BEHIND';
  return error.code === status.ABORTED;
}
