import { status } from '@grpc/grpc-js';
import type { ClientCall } from './client-call.ts';

/**
 * A call of a method that ledger servers of the release before do not have: they are asked what
 * stands for it, so that an installation can be upgraded server by server.
 */
export function orEarlier<Response, Earlier>(
  call: ClientCall<Response>,
  earlier: ClientCall<Earlier>,
  responseFrom: (answer: Earlier) => Response,
): ClientCall<Response> {
  return (client, metadata, options, done) => {
    const first = call(client, metadata, options, (error, response) => {
      if (error?.code !== status.UNIMPLEMENTED) {
        done(error, response);
        return;
      }
      const second = earlier(client, metadata, options, (failed, answer) => {
        if (failed === null) done(null, responseFrom(answer));
        else done(failed, response);
      });
      // The first call is over: cancelling it is meant for the one that is under way.
      first.cancel = () => second.cancel();
    });
    return first;
  };
}
