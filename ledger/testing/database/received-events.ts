import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import type { SubscribeReply } from '../../../proto/gen/meridian/internal/v1/book.ts';
import type { Event } from '../../../proto/gen/meridian/v1/event.ts';

/** All events of a subscription, and how it ends. */
export class ReceivedEvents {
  readonly stream: ClientReadableStream<Event> | ClientReadableStream<SubscribeReply>;
  readonly events: Event[] = [];
  /** Undefined: it ended in order. */
  readonly ended: Promise<ServiceError | undefined>;

  /** @param stream of a router, or of a ledger server, which sends several at once */
  constructor(stream: ClientReadableStream<Event> | ClientReadableStream<SubscribeReply>) {
    this.stream = stream;
    stream.on('data', (received: Event | SubscribeReply) => {
      if ('events' in received) this.events.push(...received.events);
      else this.events.push(received);
    });
    this.ended = new Promise((resolve) => {
      stream.on('error', (error: ServiceError) => resolve(error));
      // An error comes right after the end.
      stream.on('end', () => setImmediate(() => resolve(undefined)));
    });
  }

  get seqs(): number[] {
    return this.events.map(({ position }) => Number(position?.seq));
  }

  /** Waits until this number of events has arrived. */
  async until(count: number, timeoutMs = 20_000): Promise<void> {
    for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(2)) {
      if (this.events.length >= count) return;
    }
    throw new Error(`${this.events.length} of ${count} events after ${timeoutMs} ms`);
  }
}

/** The numbers from one to another, both included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
