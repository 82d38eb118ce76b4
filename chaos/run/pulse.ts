import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../drive/client/caller.ts';
import { mint, openAccounts } from '../drive/workloads/accounts.ts';
import type { OwnAccount } from '../drive/workloads/own-account.ts';
import { Requests } from '../drive/workloads/requests.ts';
import type { WorkloadSetting } from '../drive/workloads/workload.ts';

/** The name in its keys, in place of the name of a workload. */
export const PULSE = 'pulse';

const BEAT_MS = 1_000;

/**
 * The harness's own calls once everything is healed: a small transfer a second in every book
 * through every router. It shows whether each book serves, whatever the workloads do.
 */
export class Pulse {
  readonly #requests: Requests;
  /** Two accounts of each book, which may be overdrawn without limit. */
  readonly #pairs: readonly (readonly OwnAccount[])[];
  readonly #callers: () => Caller[];

  private constructor(requests: Requests, pairs: OwnAccount[][], callers: () => Caller[]) {
    this.#requests = requests;
    this.#pairs = pairs;
    this.#callers = callers;
  }

  /** Throws Error when an account is refused, or not answered. */
  static async prepare(setting: WorkloadSetting): Promise<Pulse> {
    const requests = new Requests(setting.namespace);
    const wishes = setting.books.flatMap((book) => [mint(book), mint(book)]);
    const accounts = await openAccounts(setting, requests, wishes);
    const pairs = setting.books.map(({ number }) => accounts.filter(({ book }) => book === number));
    return new Pulse(requests, pairs, () =>
      setting.regions.map(({ name }) => setting.caller(name)),
    );
  }

  /** Asks for this long, and waits for the last answers. */
  async beat(forMs: number): Promise<void> {
    const until = performance.now() + forMs;
    const asking = this.#pairs.flatMap((pair) =>
      this.#callers().map((caller) => this.#ask(pair, caller, until)),
    );
    await Promise.all(asking);
  }

  async #ask(pair: readonly OwnAccount[], caller: Caller, until: number): Promise<void> {
    const [payer, payee] = pair;
    if (payer === undefined || payee === undefined) return;
    while (performance.now() < until) {
      await caller.transfer(this.#requests.pay(payer, payee, 1n));
      await sleep(BEAT_MS);
    }
  }
}
