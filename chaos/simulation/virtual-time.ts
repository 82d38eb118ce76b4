import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import type { SimEvent, World } from './world.ts';

/**
 * Replaces the clock, the timers and the random numbers of Node by those of a world. Returns a
 * function that undoes it. No other code of the program may run meanwhile; none does, for a
 * simulation never yields to the event loop.
 */
export function enterVirtualTime(world: World): () => void {
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setImmediate: globalThis.setImmediate,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    AbortController: globalThis.AbortController,
    sleep: timersPromises.setTimeout,
    turn: timersPromises.setImmediate,
    dateNow: Date.now,
    performanceNow: Reflect.get(performance, 'now'),
    random: Math.random,
  };
  const replace = (functions: Record<keyof typeof real, unknown>) => {
    Object.assign(globalThis, {
      setTimeout: functions.setTimeout,
      clearTimeout: functions.clearTimeout,
      setImmediate: functions.setImmediate,
      setInterval: functions.setInterval,
      clearInterval: functions.clearInterval,
      AbortController: functions.AbortController,
    });
    Object.assign(timersPromises, { setTimeout: functions.sleep, setImmediate: functions.turn });
    Object.assign(Date, { now: functions.dateNow });
    Object.assign(performance, { now: functions.performanceNow });
    Object.assign(Math, { random: functions.random });
    syncBuiltinESMExports();
  };
  replace({
    setTimeout: (act: () => void, ms = 0) => new Timer(world.after(ms, act)),
    clearTimeout: (timer: unknown) => {
      if (timer instanceof Timer) timer.clear();
    },
    setImmediate: (act: () => void) => new Timer(world.after(0, act)),
    setInterval: (act: () => void, ms = 0) => new Interval(world, ms, act),
    clearInterval: (interval: unknown) => {
      if (interval instanceof Interval) interval.clear();
    },
    AbortController: LightAbortController,
    sleep: <T>(ms: number, value?: T, options?: { signal?: LightAbortSignal }) =>
      sleep(world, ms, value, options?.signal),
    turn: <T>(value?: T) => sleep(world, 0, value, undefined),
    dateNow: () => world.wallMs,
    performanceNow: () => world.now,
    random: () => world.random.next(),
  });
  return () => replace(real);
}

class Timer {
  readonly #event: SimEvent;

  constructor(event: SimEvent) {
    this.#event = event;
  }

  clear(): void {
    this.#event.cancelled = true;
  }

  unref(): this {
    return this;
  }
}

/** A timer that begins again each time. */
class Interval {
  #event: SimEvent;

  constructor(world: World, ms: number, act: () => void) {
    const next = (): SimEvent =>
      world.after(ms, () => {
        this.#event = next();
        act();
      });
    this.#event = next();
  }

  clear(): void {
    this.#event.cancelled = true;
  }
}

class LightAbortSignal {
  readonly #listeners: (() => void)[] = [];

  onAbort(listener: () => void): void {
    this.#listeners.push(listener);
  }

  abort(): void {
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

/**
 * Ends a sleep. Node's own creates an error with a stack each time, which costs a tenth of a run.
 */
class LightAbortController {
  readonly signal = new LightAbortSignal();

  abort(): void {
    this.signal.abort();
  }
}

const ABORTED = new Error('The operation was aborted');

function sleep<T>(
  world: World,
  ms: number,
  value: T,
  signal: LightAbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const event = world.after(ms, () => resolve(value));
    signal?.onAbort(() => {
      event.cancelled = true;
      reject(ABORTED);
    });
  });
}
