import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { EventQueue, type QueuedEvent } from './event-queue.ts';
import { Random } from '../../ledger/core/random.ts';

/** The process whose code is running: timers that it sets belong to it. */
const running = new AsyncLocalStorage<SimProcess | undefined>();

/**
 * A process of the simulated installation. Its timers and messages belong to it: while it is frozen
 * they are held back, and when it is killed they are dropped.
 */
export class SimProcess {
  readonly name: string;
  readonly region: string;
  /** True: it runs the ledger's own code, whose promises continue after each of its events. */
  readonly hasPromises: boolean;
  up = true;
  frozen = false;
  /** Counts restarts. */
  incarnation = 0;
  /** The error of its wall clock in milliseconds. */
  skewMs = 0;
  /** Events that arrived while it was frozen. */
  readonly heldBack: SimEvent[] = [];

  readonly #scope: AsyncResource;

  constructor(name: string, region: string, hasPromises = false) {
    this.name = name;
    this.region = region;
    this.hasPromises = hasPromises;
    this.#scope = running.run(this, () => new AsyncResource('SimProcess'));
  }

  /** Runs code as this process; far faster than a new context each time. */
  run<T>(act: () => T): T {
    return this.#scope.runInAsyncScope(act);
  }
}

export interface SimEvent extends QueuedEvent {
  /** Undefined: of no process, so that no freeze can delay it. */
  readonly owner: SimProcess | undefined;
  readonly incarnation: number;
  readonly act: () => void;
  cancelled: boolean;
}

const FNV_PRIME = 0x0100_0193;

/** Milliseconds since 1970 at the beginning of every simulation. */
const EPOCH_MS = 1_763_700_000_000;

/** Effects of a link between two regions on messages. */
export interface LinkEffects {
  cut: boolean;
  /** Probability that a message is lost. */
  loss: number;
  /** Probability that it arrives twice. */
  repeat: number;
  /** Minimum latency one way in milliseconds; and the maximum that is added to it. */
  delayMs: number;
  jitterMs: number;
}

/**
 * Virtual time, the processes that live in it and the network between them. Everything that happens
 * is an event; between two events all promises settle as far as they can, so that the order of
 * events decides everything, and the seed decides the order.
 */
export class World {
  readonly random: Random;
  readonly #events = new EventQueue<SimEvent>();
  /** By the region that sends, then the one that receives. */
  readonly #links = new Map<string, Map<string, LinkEffects>>();
  readonly #traced: string[] | undefined;
  #order = 0;
  #now = 0;
  #executed = 0;
  #digest = 0x811c_9dc5;

  /** @param traced keep a line for each event */
  constructor(seed: number, traced: boolean) {
    this.random = new Random(seed);
    this.#traced = traced ? [] : undefined;
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Wall clock of the running process, in milliseconds since 1970. */
  get wallMs(): number {
    return EPOCH_MS + Math.floor(this.#now + (running.getStore()?.skewMs ?? 0));
  }

  /** The process whose code is running; undefined: none. */
  get running(): SimProcess | undefined {
    return running.getStore();
  }

  /** Events so far. */
  get executed(): number {
    return this.#executed;
  }

  get trace(): readonly string[] {
    return this.#traced ?? [];
  }

  /** Distinguishes two histories: it depends on every event and on every traced line. */
  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, '0');
  }

  /** A line of the trace, which is part of the digest whether it is kept or not. */
  log(line: string): void {
    let digest = this.#digest;
    for (let index = 0; index < line.length; index += 1) {
      digest = Math.imul(digest ^ line.charCodeAt(index), FNV_PRIME);
    }
    this.#digest = digest;
    this.#traced?.push(`${this.#now.toFixed(3).padStart(11)} ${line}`);
  }

  #mix(value: number): void {
    this.#digest = Math.imul(this.#digest ^ value, FNV_PRIME);
  }

  /** Schedules an event for the process that is running. */
  after(ms: number, act: () => void): SimEvent {
    return this.afterFor(running.getStore(), ms, act);
  }

  /**
   * Schedules an event for a process; undefined: for none.
   *
   * @param incarnation of the process that asked for it: its pending events die with it, and never
   *   reach the process that is started in its place
   */
  afterFor(
    owner: SimProcess | undefined,
    ms: number,
    act: () => void,
    incarnation = owner?.incarnation ?? 0,
  ): SimEvent {
    const event: SimEvent = {
      at: this.#now + Math.max(0, ms),
      order: (this.#order += 1),
      owner,
      incarnation,
      act,
      cancelled: false,
    };
    this.#events.push(event);
    return event;
  }

  /** Runs code as a process. */
  as<T>(process: SimProcess, act: () => T): T {
    return process.run(act);
  }

  /** Advances virtual time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    // The caller may have started something before.
    let restless = true;
    for (;;) {
      const next = this.#events.peek();
      if (next === undefined || next.at > until) break;
      this.#events.pop();
      if (next.cancelled) continue;
      this.#now = Math.max(this.#now, next.at);
      if (!this.#execute(next)) continue;
      restless ||= next.owner === undefined || next.owner.hasPromises;
      if (!restless) continue;
      await settled();
      restless = false;
    }
    this.#now = until;
  }

  #execute(event: SimEvent): boolean {
    const { owner, act } = event;
    if (owner !== undefined) {
      if (event.incarnation !== owner.incarnation || !owner.up) return false;
      if (owner.frozen) {
        owner.heldBack.push(event);
        return false;
      }
    }
    this.#executed += 1;
    this.#mix(event.order);
    this.#mix(event.at * 1000);
    if (owner === undefined) act();
    else owner.run(act);
    return true;
  }

  /** Stops a process at once; its pending events never happen. */
  kill(process: SimProcess): void {
    process.up = false;
    process.frozen = false;
    process.incarnation += 1;
    process.heldBack.length = 0;
  }

  /** All events that were held back happen now, in their original order. */
  thaw(process: SimProcess): void {
    if (!process.frozen) return;
    process.frozen = false;
    for (const event of process.heldBack.splice(0)) {
      this.#events.push({ ...event, at: this.#now, order: (this.#order += 1) });
    }
  }

  link(from: string, to: string): LinkEffects {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      const inside = from === to;
      link = { cut: false, loss: 0, repeat: 0, delayMs: inside ? 0.05 : 5, jitterMs: 0.3 };
      links.set(to, link);
    }
    return link;
  }

  /** True if messages pass in both directions. */
  connected(one: string, other: string): boolean {
    return one === other || (!this.link(one, other).cut && !this.link(other, one).cut);
  }

  /**
   * Sends a message, which may be lost, late, repeated or reordered.
   *
   * @param incarnation of the receiver, for an answer to its request
   */
  send(from: SimProcess, to: SimProcess, arrive: () => void, incarnation = to.incarnation): void {
    const link = this.link(from.region, to.region);
    if (!to.up || link.cut || this.random.chance(link.loss)) return;
    const times = this.random.chance(link.repeat) ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      const far = time === 0 ? 1 : this.random.between(1, 20);
      const delay = (link.delayMs + this.random.next() * link.jitterMs) * far;
      this.afterFor(to, delay, arrive, incarnation);
    }
  }
}

/**
 * Resolves when no promise can continue: ticks run after all of them, without a turn of the event
 * loop.
 */
function settled(): Promise<void> {
  return new Promise(atNextTick);
}

function atNextTick(resolve: () => void): void {
  process.nextTick(resolve);
}
