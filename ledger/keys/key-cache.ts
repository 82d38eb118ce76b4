import { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';

/** A call that takes longer is given up: Redis is there to save time. */
const TIMEOUT_MS = 250;
const TTL_SECONDS = 24 * 60 * 60;
/** Keys in one generation; two are kept, about 150 bytes each in Redis. */
const GENERATION_KEYS = 500_000;

/**
 * Values by transfer id in Redis: a fast path that may lose, forget or refuse anything at any
 * time. Each of two hashes is a generation: new values go to the current one, and when it is
 * full the older one is dropped and becomes the current one. One HSET for a batch costs Redis
 * a quarter of what 4,000 SETs with expiry cost it (6 ms against 25 ms, measured).
 */
export class KeyCache {
  readonly #redis: Redis;
  readonly #names: readonly [string, string];
  readonly #log: Logger;
  #current: 0 | 1 = 0;
  #count = 0;
  /** True until the generation that is not current has anything. */
  #otherIsEmpty = true;
  #up = false;

  /** @param instance UUID of the book's database, so that no other book's values are read */
  constructor(url: string, instance: string, log: Logger) {
    this.#log = log;
    this.#names = [`meridian:keys:{${instance}}:a`, `meridian:keys:{${instance}}:b`];
    this.#redis = new Redis(url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: TIMEOUT_MS,
      retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 1000),
    });
    this.#redis.on('ready', () => void this.#start());
    this.#redis.on('close', () => this.#setUp(false, 'the connection is closed'));
    // Without a listener ioredis prints; `close` follows and says what matters.
    this.#redis.on('error', () => undefined);
  }

  /** True if the last thing that was heard of Redis is that it works. */
  get up(): boolean {
    return this.#up;
  }

  /**
   * The values of these ids, undefined where there is none.
   * Returns undefined altogether if Redis does not answer.
   */
  async get(ids: readonly string[]): Promise<(string | undefined)[] | undefined> {
    if (!this.#up) return undefined;
    const other = this.#current === 0 ? 1 : 0;
    try {
      const [newer, older] = await Promise.all([
        this.#redis.hmget(this.#names[this.#current], ...ids),
        this.#otherIsEmpty ? [] : this.#redis.hmget(this.#names[other], ...ids),
      ]);
      return ids.map((_, index) => newer[index] ?? older[index] ?? undefined);
    } catch (error) {
      this.#fault(error);
      return undefined;
    }
  }

  /** Stores values, best effort; never throws. `pairs` is id, value, id, value. */
  async put(pairs: readonly string[]): Promise<void> {
    if (!this.#up || pairs.length === 0) return;
    try {
      if (this.#count >= GENERATION_KEYS) {
        this.#current = this.#current === 0 ? 1 : 0;
        this.#count = 0;
        this.#otherIsEmpty = false;
        await this.#redis.unlink(this.#names[this.#current]);
      }
      const name = this.#names[this.#current];
      this.#count += pairs.length / 2;
      await this.#redis.hset(name, ...pairs);
      await this.#redis.expire(name, TTL_SECONDS);
    } catch (error) {
      this.#fault(error);
    }
  }

  close(): void {
    this.#redis.disconnect();
  }

  async #start(): Promise<void> {
    try {
      const [a, b] = await Promise.all(this.#names.map((name) => this.#redis.hlen(name)));
      this.#current = (a ?? 0) <= (b ?? 0) ? 0 : 1;
      this.#count = Math.min(a ?? 0, b ?? 0);
      this.#otherIsEmpty = Math.max(a ?? 0, b ?? 0) === 0;
      this.#setUp(true, 'connected');
    } catch (error) {
      this.#fault(error);
    }
  }

  /** A Redis that hangs is left alone for a while, then asked again. */
  #fault(error: unknown): void {
    const wasUp = this.#up;
    this.#setUp(false, error instanceof Error ? error.message : String(error));
    if (wasUp) setTimeout(() => void this.#revive(), 1000).unref();
  }

  async #revive(): Promise<void> {
    if (this.#redis.status !== 'ready') return; // `ready` starts it again.
    try {
      await this.#redis.ping();
      await this.#start();
    } catch {
      setTimeout(() => void this.#revive(), 1000).unref();
    }
  }

  #setUp(up: boolean, why: string): void {
    if (up === this.#up) return;
    this.#up = up;
    if (up) this.#log.info('redis is up', { why });
    else this.#log.warn('redis is down; known keys are looked up in the journal', { why });
  }
}
