import type { ClusterState } from '../topology/state.ts';
import { type Change, changeOf } from './changes/all.ts';
import { OperatedInstallation } from './operated-installation.ts';
import type { Acting, CompletedChange, Plan } from './change-plan.ts';
import type { InstallationStatus } from './status.ts';

/**
 * What an SRE does with a replicated installation: looks at it, moves the leaders of books, takes
 * regions out of use and back. Every request has a time limit, so a frozen region, or one behind
 * a dead link, blocks nothing.
 */
export class Operator {
  readonly #installation: OperatedInstallation;

  /** Throws when the installation has no replicas. */
  constructor(state: ClusterState) {
    this.#installation = new OperatedInstallation(state);
  }

  /** Never throws for parts that cannot be reached: they are named as such. */
  status(): Promise<InstallationStatus> {
    return this.#installation.status();
  }

  /** What a change would do now, and the objections to it; changes nothing. */
  plan(change: Change): Promise<Plan> {
    return changeOf(change.kind).plan(this.#installation, change);
  }

  /**
   * Makes a change and records it in the books concerned.
   * @throws RefusedError if it would not be safe or makes no sense, NotPossibleError if something
   *   is missing for it, UnknownNameError, and Error if it did not succeed
   */
  make(change: Change, acting: Acting): Promise<CompletedChange> {
    return changeOf(change.kind).make(this.#installation, change, acting);
  }

  async close(): Promise<void> {
    await this.#installation.close();
  }
}
