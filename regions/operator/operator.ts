import type { RegionName } from '../local/layout.ts';
import type { ClusterState } from '../local/state.ts';
import { allFacts, drain, evacuate, failback, undrain } from './draining.ts';
import { failover } from './failover.ts';
import { fence, unfence } from './fencing.ts';
import { Installation } from './installation.ts';
import type { Acting, Operation, Plan } from './operation.ts';
import {
  planDrain,
  planFailback,
  planFailover,
  planFence,
  planSwitchover,
  planUndrain,
  planUnfence,
} from './plan.ts';
import type { InstallationStatus } from './status.ts';
import { switchover } from './switchover.ts';

export type { Acting, Operation, Plan } from './operation.ts';
export { RefusedError } from './operation.ts';
export type { InstallationStatus } from './status.ts';

/** A change that an operator may ask for. Books are given by name or number. */
export type Change =
  | { readonly kind: 'switchover'; readonly book: string; readonly to: RegionName }
  | {
      readonly kind: 'failover';
      readonly book: string;
      readonly to: RegionName;
      readonly acceptLoss: boolean;
    }
  | { readonly kind: 'fence' | 'unfence'; readonly book: string }
  | {
      readonly kind: 'drain' | 'undrain' | 'evacuate' | 'failback';
      readonly region: RegionName;
    };

/**
 * What an SRE does to a replicated installation: looks at it, moves the leaders of books, takes
 * regions out of use and back. Every question has a time limit, so a frozen region, or one behind
 * a dead link, holds nothing up.
 *
 * A change throws RefusedError if it would not be safe or makes no sense, and Error if it is not
 * possible now or did not come about; changes are recorded in the books concerned.
 */
export class Operator {
  readonly #installation: Installation;

  /** Throws when the installation has no replicas. */
  constructor(state: ClusterState) {
    this.#installation = new Installation(state);
  }

  /** Never throws for parts that cannot be reached: they are named as such. */
  status(): Promise<InstallationStatus> {
    return this.#installation.status();
  }

  /** What a change would do now, and what speaks against it; changes nothing. */
  async plan(change: Change): Promise<Plan> {
    const installation = this.#installation;
    switch (change.kind) {
      case 'switchover':
        return planSwitchover(await this.#facts(change.book), change.to);
      case 'failover':
        return planFailover(await this.#facts(change.book), change.to, change.acceptLoss);
      case 'fence':
        return planFence(await this.#facts(change.book));
      case 'unfence':
        return planUnfence(await this.#facts(change.book));
      case 'drain':
      case 'evacuate':
        return planDrain(change.kind, await allFacts(installation), change.region);
      case 'undrain':
        return planUndrain(await allFacts(installation), change.region);
      case 'failback': {
        const homes = new Set(
          installation.books.filter(({ home }) => home === change.region).map(({ name }) => name),
        );
        const facts = await allFacts(installation);
        const own = facts.filter(({ name }) => homes.has(name));
        return planFailback(own, change.region);
      }
    }
  }

  /** Makes a change. */
  carryOut(change: Change, acting: Acting): Promise<Operation> {
    switch (change.kind) {
      case 'switchover':
        return this.switchover(change.book, change.to, acting);
      case 'failover':
        return this.failover(change.book, change.to, { ...acting, acceptLoss: change.acceptLoss });
      case 'fence':
      case 'unfence':
        return this[change.kind](change.book, acting);
      case 'drain':
      case 'undrain':
      case 'evacuate':
      case 'failback':
        return this[change.kind](change.region, acting);
    }
  }

  /** Moves a book's leader as planned: nothing is lost, and callers see a short pause. */
  async switchover(book: string, to: RegionName, acting: Acting): Promise<Operation> {
    return switchover(this.#installation, this.#installation.book(book), to, acting);
  }

  /** Gives a book without a leader to the region of its synchronous standby, or to any other. */
  async failover(
    book: string,
    to: RegionName,
    acting: Acting & { readonly acceptLoss?: boolean },
  ): Promise<Operation> {
    return failover(this.#installation, this.#installation.book(book), to, acting);
  }

  /** Keeps everybody from leading a book. */
  async fence(book: string, acting: Acting): Promise<Operation> {
    return fence(this.#installation, this.#installation.book(book), acting);
  }

  async unfence(book: string, acting: Acting): Promise<Operation> {
    return unfence(this.#installation, this.#installation.book(book), acting);
  }

  /** Takes a region out of use: no calls of load balancers, no book led there. */
  drain(region: RegionName, acting: Acting): Promise<Operation> {
    return drain(this.#installation, region, acting);
  }

  undrain(region: RegionName, acting: Acting): Promise<Operation> {
    return undrain(this.#installation, region, acting);
  }

  /** Drains a region and waits until nothing is on its way from there; says if it may go. */
  evacuate(region: RegionName, acting: Acting): Promise<Operation> {
    return evacuate(this.#installation, region, acting);
  }

  /** Undrains a region and brings the books homed there back, one after the other. */
  failback(region: RegionName, acting: Acting): Promise<Operation> {
    return failback(this.#installation, region, acting);
  }

  async close(): Promise<void> {
    await this.#installation.close();
  }

  async #facts(book: string) {
    return this.#installation.patientFacts(this.#installation.book(book));
  }
}
