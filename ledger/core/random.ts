/**
 * A small generator of pseudo-random numbers (mulberry32): the same seed gives the same sequence
 * on every machine and with every release of Node. Not for secrets.
 *
 * The only one of tests, chaos, the simulation, the benchmark and the sample payments. Seeds that
 * have found a fault are kept, so another algorithm (pure-rand has several) would lose them.
 */
export class Random {
  #state: number;

  /** @param seed a whole number; its lowest 32 bits count */
  constructor(seed: number) {
    this.#state = (seed ^ 0x9e37_79b9) >>> 0;
    // Adjacent seeds must not begin with similar numbers.
    for (let round = 0; round < 8; round += 1) this.next();
  }

  /** From 0 up to, but not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, but not including, `bound` (1..2^32). */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** From `low` up to, but not including, `high`. */
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  /** True in `share` of the cases, 0..1. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  /** Any of the items, each as likely as the others. Throws RangeError if there are none. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('there is nothing to pick from');
    return item;
  }

  /** One of the names, in proportion to its weight; undefined if all weigh nothing. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K | undefined {
    const names = namesOf(weights);
    const total = names.reduce((sum, name) => sum + weights[name], 0);
    let left = this.next() * total;
    return names.find((name) => (left -= weights[name]) < 0);
  }
}

/** The names of a record whose names are known. */
export function namesOf<K extends string>(record: Readonly<Record<K, unknown>>): K[] {
  const names: K[] = [];
  for (const name in record) names.push(name);
  return names;
}
