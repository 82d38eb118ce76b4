import { type Deadline, type handleUnaryCall, status } from '@grpc/grpc-js';
import { InvariantError } from '../core/assert.ts';
import type { Logger } from '../logger.ts';
import { RpcError } from './error.ts';

/**
 * Makes a gRPC handler of an async function. An RpcError goes to the caller as it is; anything
 * else is logged and becomes what `otherwise` makes of it. A broken invariant is answered with
 * INTERNAL and is thrown where nothing handles it: it ends the process.
 */
export function unary<Request, Response>(
  log: Logger,
  handle: (request: Request, deadline: Deadline) => Promise<Response>,
  otherwise: () => RpcError = () => new RpcError(status.INTERNAL, 'failed; see the log'),
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const answer = async () => {
      let response: Response;
      try {
        response = await handle(call.request, call.getDeadline());
      } catch (error) {
        if (error instanceof InvariantError) {
          callback(new RpcError(status.INTERNAL, 'the server has come upon a bug, and ends'));
          // Once the answer is written: the process takes nothing with it that the caller needs.
          setImmediate(() => {
            throw error;
          });
          return;
        }
        if (!(error instanceof RpcError)) {
          log.warn('a call failed', { method: call.getPath(), why: String(error) });
        }
        callback(error instanceof RpcError ? error : otherwise());
        return;
      }
      callback(null, response);
    };
    void answer();
  };
}
