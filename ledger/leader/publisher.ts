import { setImmediate as turn } from 'node:timers/promises';
import { TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import { accountNumberOf, bookOf } from '../core/account-id.ts';
import type { PlainBatch } from '../core/plain/plain-batch.ts';
import type { BatchEffects } from '../core/post/book-state.ts';
import type { Logger } from '../logger.ts';
import { describe } from '../store/store-error.ts';
import type { PreparedBatch } from './batch-plan.ts';
import type { BookMemory } from './book-memory.ts';
import type { Publication } from './kinds/batch-part.ts';
import type { KeyedTransfer, KnownOutcomes } from './known-outcomes.ts';
import { isBug } from './ledger-error.ts';
import { SettlementWaiters } from './settlement-waiters.ts';
import type { TransferWork } from './work.ts';

export interface PublisherParts {
  readonly memory: BookMemory;
  readonly known: KnownOutcomes;
  readonly log: Logger;
  /** Called after a commit that sent legs to another book. */
  readonly onSent: (peerBook: number) => void;
  /** Called with a bug that nothing waits for. */
  readonly onBug: (error: unknown) => void;
}

/** The ids of the accounts that a batch has looked at. */
export interface AccountsSeen {
  has(account: bigint): boolean;
}

type Listener = (accounts: AccountsSeen) => void;

/** Sends the answers of committed batches, and reports the commits. */
export class Publisher {
  readonly #parts: PublisherParts;
  /** @throws LedgerError if nothing may be answered as done any more */
  readonly #requireLead: () => void;
  readonly #waiters = new SettlementWaiters();
  readonly #listeners = new Set<Listener>();

  constructor(parts: PublisherParts, requireLead: () => void) {
    this.#parts = parts;
    this.#requireLead = requireLead;
  }

  /** Calls back after each commit that wrote rows. Returns how to stop it. */
  onCommitted(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish({ plan, effects, plain }: PreparedBatch): void {
    const publication = this.publication();
    plan.publish(publication);
    for (const peerBook of publication.peers) this.#parts.onSent(peerBook);
    if (plain === undefined && effects.rows.length === 0) return;
    if (this.#listeners.size === 0) return;
    const accounts = plain === undefined ? effects.accounts : new SeenAccounts(effects, plain);
    for (const listener of this.#listeners) listener(accounts);
  }

  /** What the parts of one batch publish with. */
  publication(): Publication {
    const { memory } = this.#parts;
    return {
      channelName: (peerBook) => memory.channelName(memory.book.number, peerBook),
      waiters: this.#waiters,
      peers: new Set(),
      last: [],
      answerOvertaken: (overtaken, onLate) => void this.#answerOvertaken(overtaken, onLate),
    };
  }

  /**
   * A retry was found to be in transit while the batch that ends it was being committed: the
   * journal knows by now. If it cannot be asked, the caller is left with IN_TRANSIT.
   */
  async #answerOvertaken(
    overtaken: ReadonlyMap<number, KeyedTransfer>,
    onLate: TransferWork['onLate'],
  ): Promise<void> {
    try {
      const recorded = await this.#parts.known.recorded([...overtaken.values()]);
      // The journal may contain a commit that is in doubt, and is known to be so by now.
      await turn();
      this.#requireLead();
      const late = [...overtaken.keys()].flatMap((index, place) => {
        const result = recorded[place]?.response;
        return result === undefined ? [] : [{ index, result }];
      });
      onLate(late.filter(({ result }) => result.status !== TransferStatus.IN_TRANSIT));
    } catch (error) {
      if (isBug(error)) this.#parts.onBug(error);
      this.#parts.log.warn('transfers in transit cannot be looked up', { why: describe(error) });
    }
  }
}

/** The accounts of a batch with plain transfers, listed once one of them is asked for. */
class SeenAccounts implements AccountsSeen {
  readonly #effects: BatchEffects;
  readonly #plain: PlainBatch;
  #numbers: Set<number> | undefined;

  constructor(effects: BatchEffects, plain: PlainBatch) {
    this.#effects = effects;
    this.#plain = plain;
  }

  has(account: bigint): boolean {
    if (this.#effects.accounts.has(account)) return true;
    const { columns, count, stamp } = this.#plain;
    if (bookOf(account) !== stamp.book) return false;
    this.#numbers ??= new Set([
      ...columns.debits.subarray(0, count),
      ...columns.credits.subarray(0, count),
    ]);
    return this.#numbers.has(accountNumberOf(account));
  }
}
