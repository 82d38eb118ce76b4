import type { RegionName } from '../topology/layout.ts';
import type { RecordedCall } from './load/call-log.ts';

/** A region outside the blast radius that has had no payment for this long is harmed. */
export const HARMED_AFTER_MS = 20_000;

/** Watches that a drill breaks no more than intended. */
export class BlastRadius {
  readonly #lastMs: Map<RegionName, number>;

  /** `healthy`: the regions that must not be touched. */
  constructor(healthy: readonly RegionName[], nowMs: number) {
    this.#lastMs = new Map(healthy.map((region) => [region, nowMs]));
  }

  called({ acknowledged, home, via, to, endedAtMs }: RecordedCall): void {
    if (acknowledged === undefined || via !== home || to !== home) return;
    if (this.#lastMs.has(home)) this.#lastMs.set(home, endedAtMs);
  }

  /** The regions that have had no payment on their own accounts for too long. */
  harmed(nowMs: number): RegionName[] {
    return [...this.#lastMs]
      .filter(([, lastMs]) => nowMs - lastMs > HARMED_AFTER_MS)
      .map(([region]) => region);
  }
}
