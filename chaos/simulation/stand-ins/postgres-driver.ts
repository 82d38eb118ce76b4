import { ConnectionError, PostgresError } from '../database/database-error.ts';
import type { DatabaseNode, Reply } from '../database/node.ts';
import { simulatedHosts } from './simulated-hosts.ts';

/** One way between a ledger server and the database next to it, in milliseconds. */
const DELAY_MS = 0.1;

interface Options {
  readonly max?: number;
  readonly onnotice?: (notice: { severity: string; message: string }) => void;
  readonly onclose?: () => void;
}

/**
 * Replaces the driver in a simulation: a pool of connections to a simulated node, with only the
 * features that the ledger uses.
 */
export default function postgres(url: string, options: Options = {}): unknown {
  const node = simulatedHosts().databases.get(new URL(url).hostname);
  if (node === undefined) throw new Error(`there is no database at ${url}`);
  const pool = new Pool(node, options);
  const sql = (first: TemplateStringsArray | string, ...values: unknown[]) =>
    typeof first === 'string' ? new Identifier(first) : new Query(pool, first, values);
  return Object.assign(sql, {
    unsafe: (text: string, values?: unknown[]) => new Query(pool, [text], [], values),
    end: ({ timeout = 0 }: { timeout?: number } = {}) => pool.end(timeout * 1000),
  });
}

postgres.PostgresError = PostgresError;
postgres.BigInt = {};

class Identifier {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Texts of statements without pieces: the text at one place of a program is always the same. */
const plainTexts = new WeakMap<readonly string[], string>();

function plainText(strings: readonly string[]): string {
  let text = plainTexts.get(strings);
  if (text === undefined) {
    text = strings.join('?');
    plainTexts.set(strings, text);
  }
  return text;
}

/** A statement, or a piece of one: it is sent when its promise is awaited. */
class Query implements PromiseLike<object[]> {
  readonly #pool: Pool;
  readonly #strings: readonly string[];
  readonly #parts: readonly unknown[];
  readonly #given: readonly unknown[] | undefined;
  #sent: Promise<object[]> | undefined;

  constructor(
    pool: Pool,
    strings: readonly string[],
    parts: readonly unknown[],
    given?: readonly unknown[],
  ) {
    this.#pool = pool;
    this.#strings = strings;
    this.#parts = parts;
    this.#given = given;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- the driver's queries are awaited as they are
  then<A = object[], B = never>(
    onFulfilled?: ((rows: object[]) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#sent ??= this.#send();
    return this.#sent.then(onFulfilled, onRejected);
  }

  async *cursor(): AsyncGenerator<object[]> {
    yield await this;
  }

  #send(): Promise<object[]> {
    if (this.#given !== undefined) return this.#pool.send(this.#strings[0] ?? '', this.#given);
    if (!this.#parts.some((part) => part instanceof Query || part instanceof Identifier)) {
      return this.#pool.send(plainText(this.#strings), this.#parts);
    }
    const values: unknown[] = [];
    const text = this.#write(values);
    return this.#pool.send(text, values);
  }

  #write(values: unknown[]): string {
    let text = this.#strings[0] ?? '';
    for (const [index, part] of this.#parts.entries()) {
      if (part instanceof Query) {
        text += part.#write(values);
      } else {
        values.push(part instanceof Identifier ? part.name : part);
        text += '?';
      }
      text += this.#strings[index + 1] ?? '';
    }
    return text;
  }
}

interface Outstanding {
  readonly settle: (reply: Reply) => void;
}

/** The connections of one `postgres()`; a pool of one sends one statement at a time. */
class Pool {
  readonly #node: DatabaseNode;
  readonly #options: Options;
  readonly #outstanding = new Set<Outstanding>();
  readonly #forget: () => void;
  #waiting: (() => void)[] = [];
  #busy = false;
  #opened = false;
  #ended = false;
  #drained: (() => void) | undefined;

  constructor(node: DatabaseNode, options: Options) {
    this.#node = node;
    this.#options = options;
    const { world } = simulatedHosts();
    // The notice that a connection is closed travels like any other answer.
    const owner = world.running;
    const incarnation = owner?.incarnation;
    this.#forget = node.onClose(() => {
      world.afterFor(owner, DELAY_MS, () => this.#closed(), incarnation);
    });
  }

  send(text: string, values: readonly unknown[]): Promise<object[]> {
    return new Promise((resolve, reject) => {
      const settle = (reply: Reply) => {
        if (!this.#outstanding.delete(outstanding)) return;
        if ('error' in reply) {
          reject(reply.error);
        } else {
          const { warning } = reply;
          if (warning !== '') this.#options.onnotice?.({ severity: 'WARNING', message: warning });
          resolve(reply.rows);
        }
        this.#busy = false;
        this.#waiting.shift()?.();
        if (this.#outstanding.size === 0) this.#drained?.();
      };
      const outstanding = { settle };
      this.#outstanding.add(outstanding);
      const start = () => this.#start(text, values, outstanding);
      if (this.#options.max !== 1 || !this.#busy) start();
      else this.#waiting.push(start);
    });
  }

  #start(text: string, values: readonly unknown[], { settle }: Outstanding): void {
    const { world } = simulatedHosts();
    this.#busy = true;
    if (this.#ended) {
      settle({ error: new ConnectionError('CONNECTION_ENDED') });
      return;
    }
    const { process } = this.#node;
    const caller = world.running;
    const incarnation = caller?.incarnation;
    const answer = (reply: Reply) =>
      world.afterFor(caller, DELAY_MS, () => settle(reply), incarnation);
    if (!process.up) {
      answer({ error: new ConnectionError('ECONNREFUSED') });
      return;
    }
    this.#opened = true;
    const delay = world.random.between(DELAY_MS, DELAY_MS * 3);
    world.afterFor(process, delay, () => this.#node.execute(text, values, answer));
  }

  /** The other end has closed the connections: pending statements get no answer. */
  #closed(): void {
    const lost = { error: new ConnectionError('CONNECTION_CLOSED') };
    for (const { settle } of this.#outstanding) settle(lost);
    if (this.#opened && !this.#ended) this.#options.onclose?.();
    this.#opened = false;
  }

  async end(timeoutMs: number): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const { world } = simulatedHosts();
    if (this.#outstanding.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        world.after(timeoutMs, resolve);
      });
    }
    const lost = { error: new ConnectionError('CONNECTION_DESTROYED') };
    for (const { settle } of this.#outstanding) settle(lost);
    this.#forget();
    if (this.#opened) this.#options.onclose?.();
  }
}
