import { must } from '../../ledger/core/assert.ts';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import type { MemberState } from '../topology/state.ts';
import { linksTo } from '../links/known-links.ts';

/** A leader as reported by the ledger servers of its book. */
export interface Led {
  readonly address: string;
  readonly epoch: number;
}

/** A book, and where the ledger servers of its members are. */
export interface WatchedBook {
  readonly number: number;
  readonly members: readonly { readonly state: Pick<MemberState, 'ledgerAddress'> }[];
}

/** Watches which ledger server leads one book; its servers report every change at once. */
export class LeaderWatch {
  readonly #leaders: Leaders;
  readonly #book: number;
  /** When the book was last seen without a leader. */
  #lostAt: number | undefined;

  constructor({ number, members }: WatchedBook) {
    this.#book = number;
    this.#leaders = new Leaders(
      members.map(({ state }) => state.ledgerAddress),
      linksTo(must(members[0], 'a book has members').state.ledgerAddress),
    );
    this.#leaders.onChange(() => {
      if (this.#leaders.leaderOf(number) !== undefined) return;
      this.#lostAt ??= performance.now();
    });
  }

  /** Returns the leader; undefined if none reports itself within a second. */
  async current(): Promise<Led | undefined> {
    const led = await this.#when(() => true, 1_000);
    if (led !== undefined) this.#lostAt = undefined;
    return led;
  }

  /**
   * Returns the first leader of an epoch newer than `epoch`, and for how long there was none.
   * Throws when there is none within `ms`.
   */
  async newLeader(epoch: number, ms: number): Promise<Led & { readonly pauseMs: number }> {
    const led = await this.#when((found) => found.epoch > epoch, ms);
    if (led === undefined) throw new Error(`no newer leader within ${ms / 1_000} s`);
    const now = performance.now();
    return { ...led, pauseMs: Math.round(now - (this.#lostAt ?? now)) };
  }

  close(): void {
    this.#leaders.close();
  }

  #when(test: (led: Led) => boolean, ms: number): Promise<Led | undefined> {
    return new Promise((resolve) => {
      const look = () => {
        const led = this.#leaders.leaderOf(this.#book);
        if (led === undefined || !test(led)) return;
        end({ address: led.address, epoch: led.epoch });
      };
      const end = (led: Led | undefined) => {
        clearTimeout(timer);
        stop();
        resolve(led);
      };
      const timer = setTimeout(() => end(undefined), ms);
      const stop = this.#leaders.onChange(look);
      look();
    });
  }
}
