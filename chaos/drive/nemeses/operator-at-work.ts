import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Change } from '../../../regions/operator/changes/all.ts';
import { Operator } from '../../../regions/operator/operator.ts';
import type { Scene } from './nemesis.ts';

/** Longer than an operation takes when nothing is broken any more. */
const FINISHED_MS = 90_000;

/** An operator that acts while faults are active. */
export class OperatorAtWork {
  readonly #scene: Scene;
  readonly #why: string;
  #operator: Operator | undefined;
  #underWay: Promise<unknown> = Promise.resolve();

  /** @param why the nemesis that the operator acts for */
  constructor(scene: Scene, why: string) {
    this.#scene = scene;
    this.#why = why;
  }

  /** Makes a change. Returns whether it succeeded; reports the reason if it did not. */
  async make(change: Change): Promise<boolean> {
    this.#operator ??= new Operator(this.#scene.installation.state());
    const acting = { by: 'chaos', why: this.#why };
    const made = this.#operator.make(change, acting).then(
      () => true,
      (error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        this.#scene.report(`${change.kind} failed: ${why}`);
        return false;
      },
    );
    this.#underWay = made;
    return made;
  }

  /**
   * Waits until nothing is under way, and undrains a region that may have been drained.
   * Throws Error when either takes too long.
   */
  async finish(drained?: RegionName): Promise<void> {
    const operator = this.#operator;
    if (operator === undefined) return;
    const over = new AbortController();
    const message = `the operation of the operator for ${this.#why} has not ended`;
    try {
      const ended = this.#end(operator, drained, over.signal);
      await pTimeout(ended, { milliseconds: FINISHED_MS, message });
    } finally {
      over.abort();
      this.#operator = undefined;
      await operator.close();
    }
  }

  async #end(operator: Operator, region: RegionName | undefined, over: AbortSignal) {
    await this.#underWay;
    if (region === undefined) return;
    while (!over.aborted) {
      const { regions } = await operator.status();
      const { drained } = regions.find(({ name }) => name === region) ?? {};
      if (drained === undefined) return;
      // Null: etcd did not answer.
      if (drained !== null) await this.make({ kind: 'undrain', region });
      await sleep(500);
    }
  }
}
