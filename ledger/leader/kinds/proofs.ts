import { BatchPart, type WorkKind } from './batch-part.ts';
import type { ProofWork } from '../work.ts';

/** The works of a batch that ask for nothing but its commit. */
export class ProofPart extends BatchPart {
  readonly #works: readonly ProofWork[];

  constructor(works: readonly ProofWork[]) {
    super();
    this.#works = works;
  }

  override get mustCommit(): boolean {
    return this.#works.length > 0;
  }

  plan(): void {
    // The commit itself is what is asked for.
  }

  answer(): void {
    // There is no outcome.
  }

  publish(): void {
    for (const { onOutcome } of this.#works) onOutcome();
  }
}

export const proof: WorkKind<ProofWork, ProofPart> = {
  rows: () => 0,
  evenAfterLoss: () => true,
  newPart: (works) => new ProofPart(works),
};
