import { type Deadline, type handleUnaryCall, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { InvariantError } from '../core/assert.ts';
import type { Logger } from '../logger.ts';
import { RpcError } from './error.ts';

/** How much sooner than its deadline a call is answered that cannot be answered in time. */
const MARGIN_MS = 100;
const MARGIN_SHARE = 0.1;
/** Longer timers run out at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The answers to calls that failed with something other than an RpcError. */
export interface Failures {
  /** The answer to any other error. */
  readonly otherwise?: () => RpcError;
  /**
   * When the time is up, before the caller gives up: else it would get no answer, and would reset
   * the stream, which a connection bears only a few times. Undefined: the handler does so.
   */
  readonly timeUp?: () => RpcError;
}

/** Aborted when the call has ended, by its caller too; made when it is first asked for. */
export type SignalOf = () => AbortSignal;

/**
 * Makes a gRPC handler of an async function. An RpcError goes to the caller as it is; anything
 * else is logged and becomes what `failures` make of it. A broken invariant is answered with
 * INTERNAL and is thrown where nothing handles it: it ends the process.
 */
export function unary<Request, Response>(
  log: Logger,
  handle: (request: Request, deadline: Deadline, signalOf: SignalOf) => Promise<Response>,
  { otherwise = () => new RpcError(status.INTERNAL, 'failed; see the log'), timeUp }: Failures = {},
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    let isAnswered = false;
    const answer = (error: RpcError | null, response?: Response) => {
      if (isAnswered) return;
      isAnswered = true;
      callback(error, response);
    };
    const deadline = call.getDeadline();
    const stopTimer = timeUp && before(deadline, () => answer(timeUp()));
    const work = async () => {
      try {
        answer(null, await handle(call.request, deadline, signalOfCall(call)));
      } catch (error) {
        if (error instanceof InvariantError) {
          answer(
            new RpcError(
              status.INTERNAL,
              'the server has found a bug in itself and is shutting down',
            ),
          );
          endByBug(error);
          return;
        }
        if (!(error instanceof RpcError) && !call.cancelled) {
          log.warn('a call failed', { method: call.getPath(), why: String(error) });
        }
        answer(error instanceof RpcError ? error : otherwise());
      } finally {
        stopTimer?.();
      }
    };
    void work();
  };
}

/**
 * Ends the process, once the answer is written that is given in this turn of the event loop: it
 * takes nothing with it that the caller needs.
 */
export function endByBug(error: InvariantError): void {
  setImmediate(() => {
    throw error;
  });
}

/** Acts a little before a deadline. Returns how to stop it. */
function before(deadline: Deadline, act: () => void): (() => void) | undefined {
  const ms = Number(deadline) - Date.now();
  if (ms > TIMER_MS_MAX) return undefined;
  const timer = setTimeout(act, ms - Math.min(MARGIN_MS, ms * MARGIN_SHARE));
  return () => clearTimeout(timer);
}

function signalOfCall(call: ServerUnaryCall<unknown, unknown>): SignalOf {
  let controller: AbortController | undefined;
  return () => {
    if (controller !== undefined) return controller.signal;
    const made = new AbortController();
    controller = made;
    if (call.cancelled) made.abort();
    else call.once('cancelled', () => made.abort());
    return made.signal;
  };
}
