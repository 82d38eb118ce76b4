import type { FaultSpan } from '../history/read-history.ts';
import type { Operation } from '../history/operation.ts';
import type { Evidence, RowOfBook } from './evidence.ts';

/** The smallest piece of history that shows a violation. */
export interface Witness {
  readonly text: string;
  readonly operations: readonly Operation[];
  readonly rows: readonly RowOfBook[];
  readonly faults: readonly FaultSpan[];
}

export type Verdict =
  /** `checked`: number of things checked. With none the run has shown nothing. */
  | { readonly state: 'pass'; readonly checked: number }
  /** `witnesses`: the smallest violations. */
  | { readonly state: 'fail'; readonly total: number; readonly witnesses: readonly Witness[] }
  /** No violation was found, but the evidence is incomplete. */
  | { readonly state: 'unknown'; readonly why: readonly string[] };

/** Decides one invariant. Pure; takes at most n log n steps. */
export type Checker = (evidence: Evidence) => Verdict;

const WITNESSES_MAX = 5;
const REASONS_MAX = 20;

interface Shown {
  readonly operations?: readonly Operation[];
  readonly rows?: readonly RowOfBook[];
  readonly faults?: readonly FaultSpan[];
}

/** Collects the findings of a checker for its verdict. */
export class Case {
  readonly #witnesses: Witness[] = [];
  readonly #why: string[] = [];
  #unknown = 0;
  #total = 0;
  #checked = 0;

  /** Counts things that were checked. */
  looked(count = 1): void {
    this.#checked += count;
  }

  violated(text: string, { operations = [], rows = [], faults = [] }: Shown = {}, count = 1): void {
    this.#total += count;
    this.#witnesses.push({ text, operations, rows, faults });
    if (this.#witnesses.length <= WITNESSES_MAX * 4) return;
    this.#keepSmallest();
  }

  /** Records that evidence for the verdict is missing. */
  unknown(...why: readonly string[]): void {
    this.#unknown += why.length;
    this.#why.push(...why.slice(0, Math.max(0, REASONS_MAX - this.#why.length)));
  }

  /** Returns the verdict. A violation convicts, even if evidence is missing. */
  verdict(): Verdict {
    this.#keepSmallest();
    if (this.#total > 0) return { state: 'fail', total: this.#total, witnesses: this.#witnesses };
    const more = this.#unknown - this.#why.length;
    const rest = more > 0 ? [`and ${more} more`] : [];
    if (this.#unknown > 0) return { state: 'unknown', why: [...this.#why, ...rest] };
    return { state: 'pass', checked: this.#checked };
  }

  #keepSmallest(): void {
    this.#witnesses.sort((a, b) => sizeOf(a) - sizeOf(b));
    this.#witnesses.length = Math.min(this.#witnesses.length, WITNESSES_MAX);
  }
}

function sizeOf({ operations, rows, faults }: Witness): number {
  return operations.length + rows.length + faults.length;
}
