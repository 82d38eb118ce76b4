/** The Redis of one region: it may be down, lose its data, or return with old data. */
export class RedisStore {
  up = true;
  #sets = new Map<string, Set<string>>();
  #snapshot = new Map<string, Set<string>>();
  readonly #listeners = new Set<(event: 'ready' | 'close') => void>();

  on(listener: (event: 'ready' | 'close') => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setUp(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    for (const listener of this.#listeners) listener(up ? 'ready' : 'close');
  }

  set(name: string): Set<string> {
    let set = this.#sets.get(name);
    if (set === undefined) {
      set = new Set();
      this.#sets.set(name, set);
    }
    return set;
  }

  unlink(name: string): void {
    this.#sets.delete(name);
  }

  /** True if any set has this member. */
  has(member: string): boolean {
    return [...this.#sets.values()].some((set) => set.has(member));
  }

  /** Adds a member to every set. */
  plant(member: string): void {
    for (const set of this.#sets.values()) set.add(member);
  }

  flush(): void {
    this.#sets.clear();
  }

  save(): void {
    this.#snapshot = copyOf(this.#sets);
  }

  /** As it was when it was saved. */
  restore(): void {
    this.#sets = copyOf(this.#snapshot);
  }
}

function copyOf(sets: ReadonlyMap<string, Set<string>>): Map<string, Set<string>> {
  return new Map([...sets].map(([name, set]) => [name, new Set(set)]));
}
