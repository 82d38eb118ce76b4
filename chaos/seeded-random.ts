/** Random numbers that a seed determines: the only ones that a simulation may use. */
export class SeededRandom {
  #state: number;

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

  /** An integer from 0 up to, but not including, `below`. */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError if there is nothing to pick */
  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
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
