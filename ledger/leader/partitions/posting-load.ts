/** Over this time the rate is measured. */
const SPAN_MS = 2_000;
/** Less than this says nothing of the rate yet. */
const SPAN_MIN_MS = 1_000;

/**
 * Whether a journal grows so fast that its partitions are bare. It is high from one rate on, and
 * low again under half of it: so it does not change to and fro.
 */
export class PostingLoad {
  readonly #bareAbove: number;
  readonly #samples: { readonly atMs: number; readonly seq: number }[] = [];
  #high: boolean;

  /** @param bareAbove rows per second from which on the load is high; 0: always */
  constructor(bareAbove: number) {
    this.#bareAbove = bareAbove;
    this.#high = bareAbove === 0;
  }

  /** @param seq of the newest row, now */
  sample(atMs: number, seq: number): void {
    this.#samples.push({ atMs, seq });
    // The oldest one that is kept is at least as old as the span.
    while ((this.#samples[1]?.atMs ?? atMs) <= atMs - SPAN_MS) this.#samples.shift();
    const oldest = this.#samples[0];
    if (oldest === undefined || atMs - oldest.atMs < SPAN_MIN_MS) return;
    const perSecond = ((seq - oldest.seq) / (atMs - oldest.atMs)) * 1_000;
    this.#high = perSecond >= (this.#high ? this.#bareAbove / 2 : this.#bareAbove);
  }

  get high(): boolean {
    return this.#high;
  }
}
