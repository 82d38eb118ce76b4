import type { World } from '../world.ts';

/** The status that a ledger server publishes. */
export interface ServerStatus {
  readonly server: string;
  readonly book: number;
  readonly epoch: number;
  readonly leading: boolean;
}

/** A server without a status for this long counts as gone. */
const SILENT_MS = 2_500;

/**
 * The leaders that one process knows, from messages that may be lost, late or repeated. Decides
 * like the ledger's own `Leaders`: once an epoch is known, no server leads in an older one.
 */
export class KnownLeaders {
  readonly #world: World;
  readonly #statuses = new Map<string, { readonly status: ServerStatus; readonly at: number }>();
  readonly #epochs = new Map<number, number>();

  constructor(world: World) {
    this.#world = world;
  }

  receive(status: ServerStatus): void {
    this.#statuses.set(status.server, { status, at: this.#world.now });
    if (!status.leading) return;
    this.#epochs.set(status.book, Math.max(this.#epochs.get(status.book) ?? 0, status.epoch));
  }

  /** Name of the server that leads a book; undefined while none is known. */
  leaderOf(book: number): string | undefined {
    let found: string | undefined;
    let newest = this.#epochs.get(book) ?? 0;
    for (const { status, at } of this.#statuses.values()) {
      const silent = this.#world.now - at > SILENT_MS;
      if (silent || !status.leading || status.book !== book || status.epoch < newest) continue;
      newest = status.epoch;
      found = status.server;
    }
    return found;
  }

  /** Forgets everything, as a restart does. */
  forget(): void {
    this.#statuses.clear();
    this.#epochs.clear();
  }
}
