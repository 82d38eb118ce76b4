import type { ClientReadableStream } from '@grpc/grpc-js';
import { must } from '../../../ledger/core/assert.ts';
import { type Event, SubscribeRequest } from '../../../proto/gen/meridian/v1/event.ts';
import type { RegionState } from '../../topology/state.ts';
import type { Api } from '../../testing/api-client.ts';

/** How long the journals may have nothing new while a history waits. */
const SILENT_MS = 30_000;

/** Rows of one history that the model has not applied yet, by book. */
export type UnappliedRows = ReadonlyMap<number, Event[]>;

/** The journals of all books as they grow, by Subscribe; each history receives its own rows. */
export class Journals {
  readonly #streams: readonly ClientReadableStream<Event>[];
  readonly #owners = new Map<string, UnappliedRows>();
  #failure: Error | undefined;
  #grown = Promise.withResolvers<void>();

  /** @param apis of routers: each follows the book of another region */
  constructor(apis: readonly Api[], regions: readonly RegionState[]) {
    this.#streams = regions.map(({ book, bookName }, place) => {
      const api = must(apis[(place + 1) % apis.length], 'there are routers');
      const of = { $case: 'book', value: bookName } as const;
      const stream = api.stub.subscribe(SubscribeRequest.fromPartial({ of }));
      stream.on('data', (event: Event) => {
        this.#put(book, event);
        this.#wake();
      });
      stream.on('error', (error) => {
        this.#failure = error;
        this.#wake();
      });
      return stream;
    });
  }

  /** From now on, rows of these transfers and changes are put into the queues. */
  claim(ids: readonly string[], unapplied: UnappliedRows): void {
    for (const id of ids) this.#owners.set(id, unapplied);
  }

  /** Waits until a condition is true, and checks it after new rows. */
  async until(isTrue: () => boolean, what: string): Promise<void> {
    const end = performance.now() + SILENT_MS;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (isTrue()) return;
      const left = end - performance.now();
      if (left <= 0) throw new Error(`after ${SILENT_MS} ms still not: ${what}`);
      const timer = setTimeout(() => this.#wake(), left + 1);
      await this.#grown.promise;
      clearTimeout(timer);
    }
  }

  /** Dry runs write nothing: a row that no history has asked for ends the test. */
  #put(book: number, event: Event): void {
    const { transferId } = event;
    // Of openings, registrations and take-overs.
    if (transferId === '') return;
    const unapplied = this.#owners.get(transferId)?.get(book);
    if (unapplied !== undefined) unapplied.push(event);
    else this.#failure ??= new Error(`no history has asked for ${transferId} in book ${book}`);
  }

  close(): void {
    for (const stream of this.#streams) stream.cancel();
  }

  #wake(): void {
    const grown = this.#grown;
    this.#grown = Promise.withResolvers<void>();
    grown.resolve();
  }
}
