import { type CallOptions, type ClientUnaryCall, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Event, SubscribeRequest } from '../../../proto/gen/meridian/v1/event.ts';
import { toCallError } from '../../../router/client/call-error.ts';
import { eventsOf, type RouterStub } from '../../../router/client/event-subscription.ts';

/** A method of the API's client, bound to its request. */
export type BoundCall<Response> = (
  stub: RouterStub['stub'],
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** One attempt of one call. Throws CallFault. */
export function askRouter<Response>(
  { address, stub }: RouterStub,
  call: BoundCall<Response>,
  deadlineMs: number,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + deadlineMs);
    call(stub, new Metadata(), { deadline }, (error, response) => {
      if (error === null) resolve(response);
      else reject(toCallError(error, address));
    });
  });
}

/** Limits of the part of a subscription that is read. */
export interface PageLimits {
  readonly most: number;
  /** It ends after this time without an event. */
  readonly silenceMs: number;
  readonly longestMs: number;
}

/**
 * Reads the beginning of a subscription. Throws CallFault when it breaks before the first event;
 * events before a break are a page as well.
 */
export async function readPage(
  router: RouterStub,
  request: SubscribeRequest,
  { most, silenceMs, longestMs }: PageLimits,
): Promise<Event[]> {
  const events: Event[] = [];
  const enough = new AbortController();
  const silence = setTimeout(() => enough.abort(), silenceMs);
  const limit = setTimeout(() => enough.abort(), longestMs);
  try {
    for await (const event of eventsOf(router, request, enough.signal)) {
      events.push(event);
      silence.refresh();
      if (events.length >= most) break;
    }
  } catch (error) {
    if (events.length === 0) throw error;
  } finally {
    clearTimeout(silence);
    clearTimeout(limit);
  }
  return events;
}
