/**
 * Places of ids of 16 bytes, by open addressing: an id is here only as its place among ids that
 * are kept elsewhere. Two numbers of 32 bits for each id are enough, and nothing to collect.
 */
export class IdTable {
  /** Of each cell the place of its id and one; 0: it is free. */
  readonly #cells: Int32Array<ArrayBuffer>;
  readonly #mask: number;

  /** @param capacity ids that may be added */
  constructor(capacity: number) {
    // At most half of the cells are taken, so that every search ends soon.
    let cells = 16;
    while (cells < capacity * 2) cells *= 2;
    this.#cells = new Int32Array(cells);
    this.#mask = cells - 1;
  }

  /** The place of an id in `ids`; -1: it was not added. */
  find(ids: Int32Array, a: number, b: number, c: number, d: number): number {
    const place = this.#cells[this.#cellOf(ids, a, b, c, d)] ?? 0;
    return place - 1;
  }

  /** Adds the id at a place of `ids`. Returns false if it is here already. */
  add(ids: Int32Array, place: number): boolean {
    const cell = this.#cellAt(ids, place);
    if (this.#cells[cell] !== 0) return false;
    this.#cells[cell] = place + 1;
    return true;
  }

  /** Takes the id out that was added last. */
  removeLast(ids: Int32Array, place: number): void {
    // No other id was added since, so that no search passes this cell to reach another one.
    this.#cells[this.#cellAt(ids, place)] = 0;
  }

  clear(): void {
    this.#cells.fill(0);
  }

  #cellAt(ids: Int32Array, place: number): number {
    const at = place * 4;
    return this.#cellOf(ids, ids[at] ?? 0, ids[at + 1] ?? 0, ids[at + 2] ?? 0, ids[at + 3] ?? 0);
  }

  /** The cell of an id, or the free one where it would stand. */
  #cellOf(ids: Int32Array, a: number, b: number, c: number, d: number): number {
    const hash = hashOf(a, b, c, d);
    for (let cell = hash & this.#mask; ; cell = (cell + 1) & this.#mask) {
      const place = this.#cells[cell] ?? 0;
      if (place === 0) return cell;
      const at = (place - 1) * 4;
      if (ids[at] === a && ids[at + 1] === b && ids[at + 2] === c && ids[at + 3] === d) return cell;
    }
  }
}

/**
 * Hash of an id, of which the lower bits are used. The callers choose the ids, and often only a few
 * bits of one word differ, such as those of a time and a counter: each bit of each word reaches the
 * lower bits, the higher ones too, which a multiplication alone moves only further up.
 */
export function hashOf(a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ b, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ c, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15) ^ d, 0x27d4eb2f);
  hash = Math.imul(hash ^ (hash >>> 16), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}
