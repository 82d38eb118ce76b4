/** One region's Redis: it may be away, forget, or come back with what it knew long ago. */
export class RedisStore {
  up = true;
  #hashes = new Map<string, Map<string, string>>();
  #snapshot = new Map<string, Map<string, string>>();
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

  hash(name: string): Map<string, string> {
    let hash = this.#hashes.get(name);
    if (hash === undefined) {
      hash = new Map();
      this.#hashes.set(name, hash);
    }
    return hash;
  }

  unlink(name: string): void {
    this.#hashes.delete(name);
  }

  /** The value of a field in any hash. */
  find(field: string): string | undefined {
    for (const hash of this.#hashes.values()) {
      const value = hash.get(field);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  /** Writes to every hash. */
  plant(field: string, value: string): void {
    for (const hash of this.#hashes.values()) hash.set(field, value);
  }

  flush(): void {
    this.#hashes.clear();
  }

  save(): void {
    this.#snapshot = copyOf(this.#hashes);
  }

  /** As it was when it was saved. */
  restore(): void {
    this.#hashes = copyOf(this.#snapshot);
  }
}

function copyOf(
  hashes: ReadonlyMap<string, Map<string, string>>,
): Map<string, Map<string, string>> {
  return new Map([...hashes].map(([name, hash]) => [name, new Map(hash)]));
}
