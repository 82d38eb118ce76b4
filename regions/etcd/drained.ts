import { z } from 'zod';
import type { Logger } from '../../ledger/logger.ts';
import type { Etcd } from './etcd.ts';

/** How often a router asks whether its region is drained. */
const POLL_MS = 1_000;

const mark = z.object({
  by: z.string(),
  why: z.string(),
  /** When, as an ISO 8601 time. */
  at: z.string(),
});

/** Who drained a region, why and when. */
export type DrainMark = z.infer<typeof mark>;

const PREFIX = 'meridian/drained/';

/** Marks a region as drained: its routers turn load balancers away within a second or two. */
export async function markDrained(etcd: Etcd, region: string, drained: DrainMark): Promise<void> {
  await etcd.put(PREFIX + region, JSON.stringify(drained));
}

/** Removes the mark, if there is one. */
export async function unmarkDrained(etcd: Etcd, region: string): Promise<void> {
  await etcd.delete(PREFIX + region);
}

/** All drained regions. Throws when etcd does not answer or a mark is malformed. */
export async function drainedRegions(etcd: Etcd): Promise<ReadonlyMap<string, DrainMark>> {
  const marks = await etcd.list(PREFIX);
  return new Map(
    [...marks].map(([key, value]) => [key.slice(PREFIX.length), mark.parse(JSON.parse(value))]),
  );
}

/** Watches whether one region is drained. While etcd does not answer, the last state holds. */
export class DrainWatch {
  readonly #etcd: Etcd;
  readonly #region: string;
  readonly #onChange: (drained: boolean) => void;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #drained = false;
  #silent = false;
  #stopped = false;

  /** @param onChange called at every change; until etcd reports one the region is not drained */
  constructor(etcd: Etcd, region: string, onChange: (drained: boolean) => void, log: Logger) {
    this.#etcd = etcd;
    this.#region = region;
    this.#onChange = onChange;
    this.#log = log;
  }

  /** Asks every second until `stop`. Resolves after the first answer or failure. */
  async start(): Promise<void> {
    await this.#poll();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #poll(): Promise<void> {
    try {
      this.#update(await this.#etcd.get(PREFIX + this.#region));
      this.#silent = false;
    } catch (error) {
      if (!this.#silent) this.#log.warn('whether to drain is not known', { why: String(error) });
      this.#silent = true;
    }
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#poll(), POLL_MS);
  }

  /** A mark of any content means drained: if malformed, only who and why are lost. */
  #update(text: string | undefined): void {
    const drained = text !== undefined;
    if (this.#stopped || drained === this.#drained) return;
    this.#drained = drained;
    this.#log.info(drained ? 'draining' : 'no longer draining', { mark: text });
    this.#onChange(drained);
  }
}
