import type { Logger } from '../../ledger/logger.ts';
import { unavailable } from '../../ledger/rpc/error.ts';
import { routerTuning, type RouterTuning } from '../router-tuning.ts';
import { type CreateOne, type Stream, TransferStream } from './transfer-stream.ts';

/** All streams of transfers of this router. */
export class TransferStreams {
  readonly #newCreate: () => CreateOne;
  readonly #log: Logger;
  readonly #tuning: RouterTuning;
  readonly #open = new Set<TransferStream>();

  /** @param newCreate called for each stream, whose transfers must be applied in order */
  constructor(newCreate: () => CreateOne, log: Logger, tuning: RouterTuning = routerTuning) {
    this.#tuning = tuning;
    this.#newCreate = newCreate;
    this.#log = log;
  }

  serve(stream: Stream): void {
    const transfers = new TransferStream(stream, this.#newCreate(), this.#log, this.#tuning);
    this.#open.add(transfers);
    // Comes at the end of every call, however it ends.
    stream.on('cancelled', () => this.#open.delete(transfers));
  }

  /** Answers what was read, and sends the callers to another router with the rest. */
  stop(): void {
    const error = unavailable('STOPPING', 'this router is stopping', 100);
    for (const stream of this.#open) stream.stop(error);
  }
}
