import type { RegionName } from '../../topology/layout.ts';
import { Random } from '../../../ledger/core/random.ts';
import type { CallRequest } from './call-log.ts';

/** An account that the load uses. */
export interface LoadAccount {
  readonly id: bigint;
  readonly region: RegionName;
  readonly book: number;
}

const CROSS_REGION_SHARE = 0.15;
const HOLD_SHARE = 0.08;
/** Share of the calls that pay from an account of another region than their caller's. */
const REMOTE_PAYER_SHARE = 0.05;
const AMOUNT_MOST = 10_000;

interface OpenHold {
  readonly id: string;
  readonly of: CallRequest;
}

/**
 * The requests of the callers of each region, one after another: mostly transfers within
 * their own book, some across regions, a few holds and the captures of those that were made.
 * The same seed gives the same calls as long as the same holds are reported.
 */
export class PaymentPlan {
  readonly #random: Random;
  readonly #accounts: ReadonlyMap<RegionName, readonly LoadAccount[]>;
  readonly #regions: readonly RegionName[];
  readonly #holds = new Map<RegionName, OpenHold[]>();
  #calls = 0;

  /** At least two accounts in every region; all may be overdrawn. */
  constructor(seed: number, accounts: ReadonlyMap<RegionName, readonly LoadAccount[]>) {
    this.#random = new Random(seed);
    this.#accounts = accounts;
    this.#regions = [...accounts.keys()];
  }

  /** Returns the request of the next caller in this region. */
  next(via: RegionName): CallRequest {
    this.#calls += 1;
    const key = `${via}-${String(this.#calls).padStart(8, '0')}`;
    const held = this.#holds.get(via)?.shift();
    if (held) return this.#capture(key, held);
    const others = this.#regions.filter((region) => region !== via);
    const remote = others.length > 0 && this.#random.chance(REMOTE_PAYER_SHARE);
    const home = remote ? this.#random.pick(others) : via;
    const isHold = !remote && this.#random.chance(HOLD_SHARE);
    const crosses = !remote && !isHold && others.length > 0;
    const to =
      crosses && this.#random.chance(CROSS_REGION_SHARE) ? this.#random.pick(others) : home;
    const payer = this.#random.pick(this.#of(home));
    const payee = this.#random.pick(this.#of(to).filter((account) => account !== payer));
    return {
      key,
      kind: isHold ? 'hold' : 'transfer',
      via,
      home,
      to,
      book: payer.book,
      toBook: payee.book,
      debitAccount: String(payer.id),
      creditAccount: String(payee.id),
      amountMinor: String(1 + this.#random.below(AMOUNT_MOST)),
      holdId: '',
    };
  }

  /** Reports a hold that was made: one of the next calls captures it. */
  held(of: CallRequest, id: string): void {
    const waiting = this.#holds.get(of.via) ?? [];
    this.#holds.set(of.via, waiting);
    waiting.push({ id, of });
  }

  #capture(key: string, { id, of }: OpenHold): CallRequest {
    return { ...of, key, kind: 'capture', creditAccount: '', holdId: id };
  }

  #of(region: RegionName): readonly LoadAccount[] {
    const accounts = this.#accounts.get(region);
    if (accounts === undefined) throw new Error(`the load has no accounts in ${region}`);
    return accounts;
  }
}
