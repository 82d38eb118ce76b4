import { type handleUnaryCall, status } from '@grpc/grpc-js';
import { InvariantError } from '../core/assert.ts';
import type { Logger } from '../logger.ts';
import { RpcError, unavailable } from '../rpc/error.ts';
import { describe } from '../store/sqlstate.ts';

/** Makes a gRPC handler of an async function. What is not an RpcError becomes UNAVAILABLE. */
export function unary<Request, Response>(
  log: Logger,
  handle: (request: Request) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    handle(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => {
        if (error instanceof RpcError) {
          callback(error);
          return;
        }
        log.warn('a call failed', { method: call.getPath(), why: describe(error) });
        callback(
          error instanceof InvariantError
            ? new RpcError(status.INTERNAL, error.message)
            : unavailable('DATABASE', 'the database of the book cannot be reached', 200),
        );
      },
    );
  };
}
