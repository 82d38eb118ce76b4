import { EventEmitter } from 'node:events';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { unavailable } from './error.ts';

/**
 * Streams that go on for as long as their callers like, such as a watch. A server that stops ends
 * them itself: otherwise it would wait for callers who wait for it.
 */
export class EndlessStreams {
  readonly #open = new Set<EventEmitter>();
  #ended = false;

  /** The same implementation; the streams of these methods are known here from now on. */
  knownOf(
    implementation: UntypedServiceImplementation,
    methods: readonly string[],
  ): UntypedServiceImplementation {
    const known = methods.map((name) => {
      const handle = implementation[name];
      const knowing = (call: unknown, ...rest: unknown[]) => {
        if (handle !== undefined) Reflect.apply(handle, implementation, [call, ...rest]);
        // A unary call, which has a callback, is answered anyway.
        if (rest.length === 0 && call instanceof EventEmitter) this.#add(call);
      };
      return [name, knowing];
    });
    return { ...implementation, ...Object.fromEntries(known) };
  }

  /** Ends with UNAVAILABLE what is open, after what has been written to it, and what comes. */
  end(): void {
    this.#ended = true;
    for (const stream of this.#open) endOne(stream);
  }

  #add(stream: EventEmitter): void {
    this.#open.add(stream);
    const forget = () => void this.#open.delete(stream);
    for (const event of ['cancelled', 'error', 'finish']) stream.once(event, forget);
    if (this.#ended) endOne(stream);
  }
}

function endOne(stream: EventEmitter): void {
  stream.emit('error', unavailable('STOPPING', 'this server is stopping', 200));
}
