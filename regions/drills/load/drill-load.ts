import { routerChannel } from '../../links/known-links.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { MeridianClient } from '../../../router/client/client.ts';
import type { RegionName } from '../../topology/layout.ts';
import type { CallRequest, CallLog } from './call-log.ts';
import type { RunClock } from './run-clock.ts';
import { type LoadAccount, PaymentPlan } from './payment-plan.ts';
import { acknowledgementOf, requestOf, troubleOf } from './request.ts';

/** How long a caller waits for its answer, over all attempts. */
export const CALL_DEADLINE_MS = 10_000;
/** A caller that receives no answer within this time asks another router, with the same key. */
const ATTEMPT_MS = 4_000;
const TICK_MS = 10;

export interface DrillLoadOptions {
  readonly routers: readonly { readonly region: RegionName; readonly address: string }[];
  /** Separates the keys of this run from all others: up to 64 characters. */
  readonly namespace: string;
  /** Calls a second in each region. */
  readonly ratePerRegion: number;
  readonly accountsPerRegion: number;
  readonly seed: number;
  readonly clock: RunClock;
  readonly log: CallLog;
}

/**
 * Callers in every region that ask at a steady rate, regardless of the calls before:
 * an installation that hangs gets the same load as one that runs. Each call goes
 * through the router of its own region first and, when that fails, through another one.
 */
export class DrillLoad {
  readonly #options: DrillLoadOptions;
  readonly #clients: ReadonlyMap<RegionName, MeridianClient>;
  readonly #underWay = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #accounts: readonly LoadAccount[] = [];
  #plan: PaymentPlan | undefined;
  #ticking: Promise<void> | undefined;

  constructor(options: DrillLoadOptions) {
    this.#options = options;
    const { routers } = options;
    this.#clients = new Map(
      routers.map(({ region }, index) => {
        const order = [...routers.slice(index), ...routers.slice(0, index)];
        const addresses = order.map(({ address }) => address);
        return [
          region,
          new MeridianClient(addresses, { ...limits, channelTo: routerChannel }),
        ] as const;
      }),
    );
  }

  /** All accounts of the load, once they are opened. */
  get accounts(): readonly LoadAccount[] {
    return this.#accounts;
  }

  /** The client of the callers in a region. */
  client(region: RegionName): MeridianClient {
    const client = this.#clients.get(region);
    if (client === undefined) throw new Error(`the load has no client in ${region}`);
    return client;
  }

  /** Opens the accounts. Throws CallError, and Error when one is refused. */
  async prepare(): Promise<void> {
    const { routers, namespace, accountsPerRegion, seed } = this.#options;
    const byRegion = new Map<RegionName, readonly LoadAccount[]>();
    for (const { region } of routers) {
      const requests = Array.from({ length: accountsPerRegion }, (_, index) =>
        OpenAccountRequest.create({
          externalId: `${namespace}/${region}/${index + 1}`,
          homeRegion: region,
          asset: 'EUR',
          min: { $case: 'noMinBalance', value: true },
        }),
      );
      const answers = await this.client(region).openAccounts(requests);
      byRegion.set(
        region,
        answers.map(({ account, position }) => {
          if (account === undefined) throw new Error(`an account in ${region} was refused`);
          return { id: account.id, region, book: position?.book ?? Number(account.id >> 48n) };
        }),
      );
    }
    this.#accounts = [...byRegion.values()].flat();
    this.#plan = new PaymentPlan(seed, byRegion);
  }

  /** Begins to send. */
  start(): void {
    this.#ticking ??= this.#tick();
  }

  /** Stops sending and waits for the calls under way, at most the callers' deadline. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ticking;
    await Promise.all(this.#underWay);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  async #tick(): Promise<void> {
    const plan = this.#plan;
    if (plan === undefined) throw new Error('the load was not prepared');
    const { ratePerRegion, clock } = this.#options;
    const startedAt = clock.now();
    let sent = 0;
    while (!this.#stop.signal.aborted) {
      const due = Math.floor(((clock.now() - startedAt) / 1_000) * ratePerRegion);
      for (; sent < due; sent += 1) {
        for (const via of this.#clients.keys()) this.#send(plan, plan.next(via));
      }
      await sleep(TICK_MS);
    }
  }

  #send(plan: PaymentPlan, asked: CallRequest): void {
    const call = this.#call(plan, asked).finally(() => this.#underWay.delete(call));
    this.#underWay.add(call);
  }

  async #call(plan: PaymentPlan, asked: CallRequest): Promise<void> {
    const { clock, log, namespace } = this.#options;
    const sentAtMs = clock.now();
    const request = requestOf(asked, namespace);
    try {
      const answer = await this.client(asked.via).createTransfer(request);
      const acknowledged = acknowledgementOf(answer);
      log.add({ ...asked, sentAtMs, endedAtMs: clock.now(), acknowledged });
      if (acknowledged.status === 'HELD') plan.held(asked, acknowledged.transferId);
    } catch (error) {
      log.add({ ...asked, sentAtMs, endedAtMs: clock.now(), trouble: troubleOf(error) });
    }
  }
}

const limits = { timeoutMs: CALL_DEADLINE_MS, attemptTimeoutMs: ATTEMPT_MS };
