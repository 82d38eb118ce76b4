import type { World } from '../world.ts';

/** What a ledger server says of itself. */
export interface Said {
  readonly server: string;
  readonly book: number;
  readonly epoch: number;
  readonly leading: boolean;
}

/** A server that has not been heard for so long is as good as gone. */
const SILENT_MS = 2_500;

/**
 * What one process knows of who leads, from messages that may be lost, late or repeated. Decides
 * as the ledger's own `Leaders` does: once an epoch has been heard of, nobody leads in an older
 * one.
 */
export class Topology {
  readonly #world: World;
  readonly #said = new Map<string, { readonly said: Said; readonly at: number }>();
  readonly #epochs = new Map<number, number>();

  constructor(world: World) {
    this.#world = world;
  }

  hear(said: Said): void {
    this.#said.set(said.server, { said, at: this.#world.now });
    if (!said.leading) return;
    this.#epochs.set(said.book, Math.max(this.#epochs.get(said.book) ?? 0, said.epoch));
  }

  /** Name of the server that leads a book; undefined while none is known. */
  leaderOf(book: number): string | undefined {
    let found: string | undefined;
    let newest = this.#epochs.get(book) ?? 0;
    for (const { said, at } of this.#said.values()) {
      const silent = this.#world.now - at > SILENT_MS;
      if (silent || !said.leading || said.book !== book || said.epoch < newest) continue;
      newest = said.epoch;
      found = said.server;
    }
    return found;
  }

  /** As after a restart. */
  forget(): void {
    this.#said.clear();
    this.#epochs.clear();
  }
}
