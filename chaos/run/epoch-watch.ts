import { must } from '../../ledger/core/assert.ts';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import type { Copy } from '../drive/installation/installation.ts';
import { linksTo } from '../../regions/links/known-links.ts';

/** Which server leads which book, as every ledger server reports to the harness directly. */
export class EpochWatch {
  readonly #copies: readonly Copy[];
  readonly #leaders: Leaders;
  readonly #newest = new Map<number, number>();

  /** `onEpoch` receives every newer epoch of a book, and the copy that leads in it. */
  constructor(copies: readonly Copy[], onEpoch: (epoch: number, copy: Copy) => void) {
    this.#copies = copies;
    this.#leaders = new Leaders(
      copies.map(({ ledgerAddress }) => ledgerAddress),
      linksTo(must(copies[0], 'there are copies').ledgerAddress),
    );
    this.#leaders.onChange((book) => {
      const led = this.#leaders.leaderOf(book);
      if (led === undefined || led.epoch <= (this.#newest.get(book) ?? 0)) return;
      const copy = this.#at(led.address);
      if (copy === undefined) return;
      this.#newest.set(book, led.epoch);
      onEpoch(led.epoch, copy);
    });
  }

  leader(book: number): Copy | undefined {
    const led = this.#leaders.leaderOf(book);
    return led && this.#at(led.address);
  }

  /** The newest epoch in which a server has led the book; 0: none was reported. */
  epoch(book: number): number {
    return this.#newest.get(book) ?? 0;
  }

  close(): void {
    this.#leaders.close();
  }

  #at(address: string): Copy | undefined {
    return this.#copies.find(({ ledgerAddress }) => ledgerAddress === address);
  }
}
