import { EventEmitter } from 'node:events';
import type { SubscribeReply } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { type Event, SubscribeRequest } from '../../../proto/gen/meridian/v1/event.ts';
import type { EventStream } from '../../../ledger/service/subscription.ts';
import { standInFor } from '../../stand-in-for.ts';
import type { SimProcess, World } from '../world.ts';

/** How long a server takes to hand a page to its connection, in milliseconds. */
const FLUSH_MS = 0.1;

/** The end of a stream at its subscriber. */
export interface Subscriber {
  readonly process: SimProcess;
  readonly onEvents: (events: readonly Event[]) => void;
  /** Called once, when nothing more comes. */
  readonly onEnd: () => void;
}

/**
 * The stream of one subscription: pages arrive in order, or the connection is lost and none of
 * those that follow arrives.
 */
export function eventFeed(
  world: World,
  server: SimProcess,
  subscriber: Subscriber,
  request: { readonly book: string; readonly after: bigint },
): EventStream {
  const { book, after } = request;
  const { incarnation } = subscriber.process;
  const link = () => world.link(server.region, subscriber.process.region);
  let arrival = 0;
  let over = false;
  const deliver = (act: () => void) => {
    const { delayMs, jitterMs } = link();
    arrival = Math.max(arrival, world.now + delayMs + world.random.next() * jitterMs);
    world.afterFor(subscriber.process, arrival - world.now, act, incarnation);
  };
  const end = () => {
    if (over) return;
    over = true;
    deliver(subscriber.onEnd);
    stream.emit('cancelled');
  };
  const stream = Object.assign(new EventEmitter(), {
    request: SubscribeRequest.fromPartial({ of: { $case: 'book', value: book }, after }),
    cancelled: false,
    write: ({ events }: SubscribeReply, flushed: () => void) => {
      if (over) return;
      if (link().cut) {
        end();
        return;
      }
      deliver(() => subscriber.onEvents(events));
      world.after(FLUSH_MS, flushed);
    },
    end,
  });
  stream.on('error', end);
  return standInFor<EventStream>(stream);
}
