import type { Append } from '../../../ledger/store/append-batch.ts';
import type { StoreEvents } from '../../../ledger/store/book-store.ts';
import { CommitInDoubt, StoreError } from '../../../ledger/store/store-error.ts';
import type { PartitionChange } from '../../../ledger/testing/memory-store/memory-book.ts';
import type { World } from '../world.ts';
import { type DatabaseNode, lost, type Reply } from './node.ts';

/** One way between a ledger server and the database next to it, in milliseconds. */
const DELAY_MS = 0.1;

/** Something that is asked of a node: it answers when it is done, or never. */
type Ask = (node: DatabaseNode, answer: (reply: Reply<unknown>) => void) => void;

interface Outstanding {
  readonly settle: (reply: Reply<unknown>) => void;
}

/** The connections of one process to a node, `most` at once; with only one, it asks one thing at a time. */
export class Connections {
  readonly #world: World;
  readonly #node: DatabaseNode;
  readonly #most: number;
  readonly #events: StoreEvents;
  readonly #outstanding = new Set<Outstanding>();
  readonly #forget: () => void;
  readonly #waiting: (() => void)[] = [];
  #busy = false;
  #opened = false;
  #ended = false;
  #drained: (() => void) | undefined;

  constructor(world: World, node: DatabaseNode, most: number, events: StoreEvents) {
    this.#world = world;
    this.#node = node;
    this.#most = most;
    this.#events = events;
    // The notice that a connection is closed travels like any other answer.
    const owner = world.running;
    const incarnation = owner?.incarnation;
    this.#forget = node.onClose(() => {
      world.afterFor(owner, DELAY_MS, () => this.#closed(), incarnation);
    });
  }

  /** Reads at the node. */
  read<T>(read: () => T): Promise<T> {
    return this.#send<T>((_, answer) => answer(answerOf(read)));
  }

  append(batch: Append): Promise<boolean> {
    return this.#send<boolean>((node, answer) => node.append(batch, answer));
  }

  changePartitions(change: PartitionChange): Promise<boolean> {
    return this.#send<boolean>((node, answer) => node.changePartitions(change, answer));
  }

  #send<T>(ask: Ask): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (reply: Reply<unknown>) => {
        if (!this.#outstanding.delete(outstanding)) return;
        if ('error' in reply) {
          reject(reply.error);
        } else {
          const { warning = '' } = reply;
          if (warning === '') {
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the answer to this ask
            resolve(reply.value as T);
          } else {
            this.#events.onWarning?.(warning);
            reject(new CommitInDoubt(warning));
          }
        }
        this.#busy = false;
        this.#waiting.shift()?.();
        if (this.#outstanding.size === 0) this.#drained?.();
      };
      const outstanding = { settle };
      this.#outstanding.add(outstanding);
      const start = () => this.#start(ask, outstanding);
      if (this.#most !== 1 || !this.#busy) start();
      else this.#waiting.push(start);
    });
  }

  #start(ask: Ask, { settle }: Outstanding): void {
    this.#busy = true;
    if (this.#ended) {
      settle(lost('it has been closed'));
      return;
    }
    const world = this.#world;
    const { process } = this.#node;
    const caller = world.running;
    const incarnation = caller?.incarnation;
    const answer = (reply: Reply<unknown>) =>
      world.afterFor(caller, DELAY_MS, () => settle(reply), incarnation);
    if (!process.up) {
      answer(lost('it was refused'));
      return;
    }
    this.#opened = true;
    const delay = world.random.between(DELAY_MS, DELAY_MS * 3);
    world.afterFor(process, delay, () => ask(this.#node, answer));
  }

  /** The other end has closed the connections: what is asked gets no answer. */
  #closed(): void {
    for (const { settle } of this.#outstanding) settle(lost('the other end has closed it'));
    if (this.#opened && !this.#ended) this.#events.onClose?.();
    this.#opened = false;
  }

  async end(graceMs: number): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#outstanding.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        this.#world.after(graceMs, resolve);
      });
    }
    for (const { settle } of this.#outstanding) settle(lost('it has been closed'));
    this.#forget();
    if (this.#opened) this.#events.onClose?.();
  }
}

function answerOf<T>(read: () => T): Reply<T> {
  try {
    return { value: read() };
  } catch (error) {
    return { error: error instanceof Error ? error : new StoreError('refused', String(error)) };
  }
}
