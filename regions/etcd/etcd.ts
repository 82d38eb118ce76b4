import { z } from 'zod';
import { must } from '../../ledger/core/assert.ts';

/** How long one member of etcd may take to answer. */
const TIMEOUT_MS = 1_000;

const stored = z.object({ key: z.base64(), value: z.base64().default('') });
const rangeAnswer = z.object({ kvs: z.array(stored).default([]) });

/**
 * A client of etcd, through the JSON gateway of its v3 API. Keys and values are text. If a
 * member does not answer within a second the next one is asked; reads are linearizable.
 *
 * Every method throws an Error, with the error of each member, when none answered.
 */
export class Etcd {
  readonly #urls: readonly string[];

  /** @param urls base URLs of the members, such as http://us-east:2379, the nearest first */
  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** Undefined: there is no such key. */
  async get(key: string): Promise<string | undefined> {
    const [found] = await this.#range({ key: encode(key) });
    return found?.[1];
  }

  /** Values by key, of all keys that begin with `prefix`, not empty, in the order of the keys. */
  async list(prefix: string): Promise<ReadonlyMap<string, string>> {
    return new Map(await this.#range({ key: encode(prefix), range_end: rangeEnd(prefix) }));
  }

  async put(key: string, value: string): Promise<void> {
    await this.#post('/v3/kv/put', { key: encode(key), value: encode(value) });
  }

  /** Does nothing if there is no such key. */
  async delete(key: string): Promise<void> {
    await this.#post('/v3/kv/deleterange', { key: encode(key) });
  }

  async #range(request: Record<string, string>): Promise<[key: string, value: string][]> {
    const { kvs } = rangeAnswer.parse(await this.#post('/v3/kv/range', request));
    return kvs.map(({ key, value }) => [decode(key), decode(value)]);
  }

  async #post(path: string, request: Record<string, string>): Promise<unknown> {
    const failures: Error[] = [];
    for (const url of this.#urls) {
      try {
        const response = await fetch(new URL(path, url), {
          method: 'POST',
          body: JSON.stringify(request),
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
        if (response.ok) return await response.json();
        failures.push(new Error(`${url}: ${response.status} ${await response.text()}`));
      } catch (error) {
        failures.push(new Error(`${url}: ${reasonOf(error)}`, { cause: error }));
      }
    }
    const reasons = failures.map(({ message }) => message).join('; ');
    throw new AggregateError(failures, `etcd does not answer: ${reasons}`);
  }
}

const encode = (text: string) => Buffer.from(text).toString('base64');
const decode = (base64: string) => Buffer.from(base64, 'base64').toString();

/** The first key after all those that begin with a prefix; no byte of UTF-8 text is the highest. */
function rangeEnd(prefix: string): string {
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  end[last] = must(end[last], 'a prefix is not empty') + 1;
  return end.toString('base64');
}

/** `fetch` reports only that it failed; the reason is in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
