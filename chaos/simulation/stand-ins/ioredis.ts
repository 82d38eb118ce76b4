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

  smismember(name: string, ...members: readonly string[]): Promise<number[]> {
    return this.#ask((store) => members.map((member) => Number(store.set(name).has(member))));
  }

  sadd(name: string, ...members: readonly string[]): Promise<number> {
    return this.#ask((store) => {
      for (const member of members) store.set(name).add(member);
      return members.length;
    });
  }

  /** A command as it is sent: its words in the protocol of Redis, of which each is a line. */
  sendCommand(command: IdleCommand): Promise<unknown> {
    const lines = String(command.toWritable()).split('\r\n');
    // The first line has their number, and the length of each precedes it.
    const [name, set = '', ...ids] = lines.filter((_, line) => line > 0 && line % 2 === 0);
    if (name === 'smismember') return this.smismember(set, ...ids);
    if (name === 'sadd') return this.sadd(set, ...ids);
    throw new Error(`the simulated Redis does not know ${name}`);
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

export { IdleCommand as Command };
