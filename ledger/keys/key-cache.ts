import { Redis } from 'ioredis';
import { backoffMs } from '../backoff.ts';
import { must } from '../core/assert.ts';
import type { Logger } from '../logger.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';
import { uuidWords } from '../core/plain/plain-columns.ts';
import { IdsCommand } from './ids-command.ts';

/** Pause before a Redis that failed is asked again: no answer waits for it. */
const REVIVE_MS = 1000;
/** New ids are sent together, this often or when this number waits: one command for many batches. */
const FLUSH_MS = 20;
const FLUSH_IDS = 1_000;
/** How often the expiry of a generation is put off, which needs a command of its own. */
const EXPIRE_MS = 1_000;
/** After attempts to connect that failed. */
const BACKOFF = { firstMs: 100, longestMs: 1_000 };

/**
 * The ids of decided keys in Redis: a hint that may be lost, invented or refused at any time. An
 * id that is missing here and known to the journal costs a refused batch, an invented one a
 * look-up; neither changes an answer. Only the answers yes and no are read, so that a value that
 * was put here cannot fill the memory of the ledger server.
 *
 * An id is a member of 16 bytes. Releases before had the text of the ids, which is not found any
 * more and goes with its generation. Each of two sets is a generation: new ids go to the current
 * one, and when it is full the older one is dropped and becomes the current one. One command for a
 * batch costs Redis a quarter of what 4,000 with an expiry each cost it (6 ms against 25 ms, measured).
 */
export class KeyCache {
  readonly #redis: Redis;
  readonly #names: readonly [string, string];
  readonly #log: Logger;
  readonly #tuning: LedgerTuning;
  #current: 0 | 1 = 0;
  #count = 0;
  /** True until the generation that is not current has anything. */
  #otherIsEmpty = true;
  #up = false;
  #closed = false;
  /** Ids that are not sent yet. */
  #added: Int32Array[] = [];
  #addedCount = 0;
  #flush: NodeJS.Timeout | undefined;
  /** By performance.now(): when the expiry of the current generation was last put off. */
  #expiryAt = -Infinity;
  /** Set while the next attempt after a failure is due. */
  #revival: NodeJS.Timeout | undefined;

  /** @param instance UUID of the book's database, so that no other book's ids are read */
  constructor(url: string, instance: string, log: Logger, tuning: LedgerTuning = ledgerTuning) {
    this.#tuning = tuning;
    this.#log = log;
    this.#names = [`meridian:ids:{${instance}}:a`, `meridian:ids:{${instance}}:b`];
    this.#redis = new Redis(url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: tuning.redisTimeoutMs,
      retryStrategy: (failures) => backoffMs(failures, BACKOFF),
    });
    this.#redis.on('ready', () => void this.#start());
    this.#redis.on('close', () => this.#setUp(false, 'the connection is closed'));
    // Without a listener ioredis prints; `close` follows and reports what matters.
    this.#redis.on('error', () => undefined);
  }

  /** True if Redis was up at the last event or answer. */
  get up(): boolean {
    return this.#up;
  }

  /** Those of these ids that are here; undefined if Redis does not answer. */
  async known(ids: readonly string[]): Promise<ReadonlySet<string> | undefined> {
    const places = await this.knownPlaces(wordsOf(ids));
    return places && new Set(places.map((place) => must(ids[place], 'each answer has its id')));
  }

  /** The same of ids as words, four for each: the places of those that are here. */
  async knownPlaces(ids: Int32Array): Promise<readonly number[] | undefined> {
    if (!this.#up) return undefined;
    const ask = (name: string) => this.#send(new IdsCommand('smismember', name, [ids]));
    const other = this.#current === 0 ? 1 : 0;
    try {
      const answers = await Promise.all([
        ask(this.#names[this.#current]),
        this.#otherIsEmpty ? [] : ask(this.#names[other]),
      ]);
      const places: number[] = [];
      for (const answer of answers) {
        if (!Array.isArray(answer)) continue;
        for (let place = 0; place < answer.length; place += 1) {
          if (answer[place] === 1) places.push(place);
        }
      }
      return places;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /**
   * Adds ids soon, best effort: those of small batches together. Until then the memory of the
   * leader has them, and one that is lost costs a refused batch.
   */
  add(ids: readonly string[]): void {
    if (this.#up) this.addWords(wordsOf(ids));
  }

  /** The same of ids as words, four for each. */
  addWords(ids: Int32Array): void {
    if (!this.#up || ids.length === 0) return;
    this.#added.push(ids);
    this.#addedCount += ids.length / 4;
    if (this.#addedCount >= FLUSH_IDS) this.#flushNow();
    else this.#flush ??= setTimeout(() => this.#flushNow(), FLUSH_MS).unref();
  }

  #flushNow(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    const [ids, count] = [this.#added, this.#addedCount];
    this.#added = [];
    this.#addedCount = 0;
    if (this.#up && count > 0) void this.#write(ids, count);
  }

  /** Never throws. */
  async #write(ids: readonly Int32Array[], count: number): Promise<void> {
    try {
      if (this.#count >= this.#tuning.redisKeys) {
        this.#current = this.#current === 0 ? 1 : 0;
        this.#count = 0;
        this.#otherIsEmpty = false;
        this.#expiryAt = -Infinity;
        await this.#redis.unlink(this.#names[this.#current]);
      }
      const name = this.#names[this.#current];
      const now = performance.now();
      const expires = now - this.#expiryAt >= EXPIRE_MS;
      if (expires) this.#expiryAt = now;
      this.#count += count;
      await this.#send(new IdsCommand('sadd', name, ids));
      if (expires) await this.#redis.expire(name, this.#tuning.redisTtlSeconds);
    } catch (error) {
      // What failed may have been the expiry: without it the ids would stay.
      this.#expiryAt = -Infinity;
      this.#failed(error);
    }
  }

  #send(command: IdsCommand): Promise<unknown> {
    return Promise.resolve(this.#redis.sendCommand(command));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#flush);
    clearTimeout(this.#revival);
    this.#redis.disconnect();
  }

  async #start(): Promise<void> {
    try {
      const [a = 0, b = 0] = await Promise.all(this.#names.map((name) => this.#sizeOf(name)));
      this.#current = a <= b ? 0 : 1;
      this.#count = Math.min(a, b);
      this.#otherIsEmpty = Math.max(a, b) === 0;
      this.#setUp(true, 'connected');
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Ids in a generation. What is not a set of ids was put there by another program, and goes. */
  async #sizeOf(name: string): Promise<number> {
    const type = await this.#redis.type(name);
    if (type !== 'set' && type !== 'none') await this.#redis.unlink(name);
    return this.#redis.scard(name);
  }

  /** A Redis that hangs or answers with errors is left alone for a while, then asked again. */
  #failed(error: unknown): void {
    this.#setUp(false, error instanceof Error ? error.message : String(error));
    this.#revival ??= setTimeout(() => {
      this.#revival = undefined;
      // A connection that is not ready starts the cache again when it is.
      if (!this.#up && this.#redis.status === 'ready') void this.#start();
    }, REVIVE_MS).unref();
  }

  #setUp(up: boolean, why: string): void {
    if (up === this.#up) return;
    this.#up = up;
    if (this.#closed) return;
    if (up) this.#log.info('redis is up', { why });
    else this.#log.warn('redis is down; known keys are looked up in the journal', { why });
  }
}

function wordsOf(ids: readonly string[]): Int32Array {
  const words = new Int32Array(ids.length * 4);
  for (const [place, id] of ids.entries()) words.set(uuidWords(id), place * 4);
  return words;
}
