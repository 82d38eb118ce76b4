import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';

import type { Event, SubscribeRequest } from '../../proto/gen/meridian/v1/event.ts';
import type { LedgerServiceClient } from '../../proto/gen/meridian/v1/ledger.ts';
import { badAnswer, toCallError } from './call-error.ts';

/** One router, and the calls that it takes. */
export interface RouterStub {
  readonly address: string;
  readonly stub: LedgerServiceClient;
}

/**
 * The events of one stream, read no faster than they are taken. Throws CallError when it breaks;
 * ends quietly on an abort.
 */
export async function* eventsOf(
  { address, stub }: RouterStub,
  request: SubscribeRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<Event> {
  if (signal?.aborted) return;
  const stream: ClientReadableStream<Event> = stub.subscribe(request);
  const abort = () => stream.cancel();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    for await (const event of stream) yield event;
  } catch (error) {
    if (signal?.aborted) return;
    // Reading applies nothing, whatever became of the stream.
    throw isServiceError(error) ? toCallError(error, address).withOutcome('not_applied') : error;
  } finally {
    signal?.removeEventListener('abort', abort);
    stream.on('error', () => {}); // The error of cancelling: no caller waits for it.
    stream.cancel();
  }
}

/** Returns the `after` that continues behind an event. Throws CallError for an unexpected one. */
export function placeOf(event: Event, of: SubscribeRequest['of']): bigint {
  if (of?.$case !== 'accountId') {
    if (event.position) return event.position.seq;
    throw badAnswer('the router sent an event without its position');
  }
  const states = [event.debitAccount, event.creditAccount];
  const state = states.find((candidate) => candidate?.accountId === of.value);
  if (state) return state.version;
  throw badAnswer(`the router sent an event that is not of account ${of.value}`);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}
