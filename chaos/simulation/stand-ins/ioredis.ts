import type { RedisStore } from './redis-store.ts';
import { simulatedHosts } from './simulated-hosts.ts';

const DELAY_MS = 0.1;
const TIMEOUT_MS = 250;

/** Replaces the driver's class of a command: only what a command itself writes is sent. */
class IdleCommand {
  toWritable(): string | Buffer {
    return '';
  }
}

/** Replaces the driver's class in a simulation, with the commands that the ledger uses. */
export class Redis {
  status: 'connecting' | 'ready' | 'close' = 'connecting';
  readonly #store: RedisStore;
  readonly #handlers = new Map<string, (() => void)[]>();
  readonly #forget: () => void;

  constructor(url: string) {
    const { world, redises } = simulatedHosts();
    const store = redises.get(new URL(url).hostname);
    if (store === undefined) throw new Error(`there is no redis at ${url}`);
    this.#store = store;
    const owner = world.running;
    const incarnation = owner?.incarnation;
    const here = (event: 'ready' | 'close') =>
      world.afterFor(owner, DELAY_MS, () => this.#notify(event), incarnation);
    this.#forget = store.on(here);
    if (store.up) here('ready');
  }

  on(event: string, handler: () => void): void {
    const handlers = this.#handlers.get(event);
    if (handlers === undefined) this.#handlers.set(event, [handler]);
    else handlers.push(handler);
  }

  #notify(event: 'ready' | 'close'): void {
    this.status = event;
    for (const handler of this.#handlers.get(event) ?? []) handler();
  }

  disconnect(): void {
    this.#forget();
    this.status = 'close';
  }

  /** A command as it is sent. The store has ids as text. */
  sendCommand(command: IdleCommand): Promise<unknown> {
    const [name, set, ...members] = wordsOf(Buffer.from(command.toWritable()));
    const ids = members.map(uuidOf);
    const asks = String(name) === 'smismember';
    if (!asks && String(name) !== 'sadd')
      throw new Error(`the simulated Redis does not know ${String(name)}`);
    return this.#ask((store): unknown => {
      const own = store.set(String(set));
      if (asks) return ids.map((id) => Number(own.has(id)));
      for (const id of ids) own.add(id);
      return ids.length;
    });
  }

  scard(name: string): Promise<number> {
    return this.#ask((store) => store.set(name).size);
  }

  type(name: string): Promise<string> {
    return this.#ask((store) => (store.set(name).size === 0 ? 'none' : 'set'));
  }

  expire(): Promise<number> {
    return Promise.resolve(1);
  }

  unlink(name: string): Promise<number> {
    return this.#ask((store) => {
      store.unlink(name);
      return 1;
    });
  }

  #ask<T>(command: (store: RedisStore) => T): Promise<T> {
    const { world } = simulatedHosts();
    return new Promise((resolve, reject) => {
      world.after(DELAY_MS, () => {
        if (this.#store.up && this.status !== 'close') resolve(command(this.#store));
        else world.after(TIMEOUT_MS, () => reject(new Error('Command timed out')));
      });
    });
  }
}

/** The words of a command in the protocol of Redis: their number, then the length of each and it. */
function wordsOf(bytes: Buffer): Buffer[] {
  const words: Buffer[] = [];
  let at = bytes.indexOf('\r\n') + 2;
  while (at < bytes.length) {
    const start = bytes.indexOf('\r\n', at) + 2;
    const end = start + Number(bytes.toString('latin1', at + 1, start - 2));
    words.push(bytes.subarray(start, end));
    at = end + 2;
  }
  return words;
}

function uuidOf(member: Buffer): string {
  const hex = member.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join('-')}-${hex.slice(20)}`;
}

export { IdleCommand as Command };
