import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '@grpc/grpc-js';
import { must } from '../../../ledger/core/assert.ts';
import { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { LedgerServiceClient } from '../../../proto/gen/meridian/v1/ledger.ts';
import { CreateTransferRequest, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { findFreeBase } from '../../../regions/processes/ports.ts';
import {
  type Cluster,
  startCluster,
} from '../../../regions/supervisor/embedded/embedded-cluster.ts';
import type { RegionName } from '../../../regions/topology/topology.ts';
import { CallFaults } from '../../drive/client/call-faults.ts';
import { describeCopies } from '../../drive/installation/describe-copies.ts';
import { type Copy, type Installation, regionsOf } from '../../drive/installation/installation.ts';
import { Random } from '../../../ledger/core/random.ts';
import { frozenOf } from '../../drive/nemeses/frozen.ts';
import type { Scene } from '../../drive/nemeses/nemesis.ts';
import { channelTo } from '../../../regions/links/known-links.ts';

const CHANNEL_OPTIONS = {
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 300,
};

/** A payment between two books, or within one, through a router. */
export interface Payment {
  readonly via: RegionName;
  readonly payer: number;
  readonly payee: number;
}

/** Three regions that nemeses strike, and what their callers receive meanwhile. */
export class Struck {
  readonly installation: Installation;
  readonly notes: string[] = [];
  readonly #leader: (book: number) => Copy | undefined;
  readonly #stubs = new Map<RegionName, LedgerServiceClient>();
  /** By book: a payer and a payee. */
  readonly #accounts = new Map<number, readonly [bigint, bigint]>();
  #keys = 0;

  constructor(installation: Installation, leader: (book: number) => Copy | undefined) {
    this.installation = installation;
    this.#leader = leader;
    for (const { name, routerAddress } of installation.state().regions) {
      const stub = new LedgerServiceClient(
        routerAddress,
        channelTo(routerAddress, 'router'),
        CHANNEL_OPTIONS,
      );
      this.#stubs.set(name, stub);
    }
  }

  /** Opens the accounts of the payments. */
  async prepare(): Promise<void> {
    for (const { name, book } of this.installation.state().regions) {
      const [payer, payee] = await Promise.all(
        ['payer', 'payee'].map((id) => this.#open(name, id)),
      );
      this.#accounts.set(book, [must(payer, 'it is open'), must(payee, 'it is open')]);
    }
  }

  /** The same seed gives the same targets. */
  scene(seed: number): Scene {
    return {
      installation: this.installation,
      random: new Random(seed),
      calls: new CallFaults(),
      leader: this.#leader,
      overload: () => undefined,
      signal: new AbortController().signal,
      report: (text) => void this.notes.push(text),
    };
  }

  /** All 27 possible payments between three books through three routers. */
  get payments(): Payment[] {
    const books = [...this.#accounts.keys()];
    return regionsOf(this.installation).flatMap((via) =>
      books.flatMap((payer) => books.map((payee) => ({ via, payer, payee }))),
    );
  }

  /** True if the payment is made, and has arrived, within the time. */
  pay({ via, payer, payee }: Payment, deadlineMs: number): Promise<boolean> {
    this.#keys += 1;
    const request = CreateTransferRequest.fromPartial({
      idempotencyKey: `struck-${this.#keys}`,
      debitAccountId: must(this.#accounts.get(payer), 'the book has accounts')[0],
      creditAccountId: must(this.#accounts.get(payee), 'the book has accounts')[1],
      amount: 1n,
    });
    const options = { deadline: Date.now() + deadlineMs };
    return new Promise((resolve) => {
      this.#stub(via).createTransfer(request, new Metadata(), options, (error, response) => {
        resolve(error === null && response.status === TransferStatus.POSTED);
      });
    });
  }

  /** The payments that are not made within the time. */
  async unpaid(payments: readonly Payment[], deadlineMs: number): Promise<Payment[]> {
    const paid = await Promise.all(payments.map((payment) => this.pay(payment, deadlineMs)));
    return payments.filter((_, index) => paid[index] !== true);
  }

  /** The processes that are frozen or stopped. */
  get broken(): string[] {
    const { processes } = this.installation.state();
    const postgres = this.installation.copies.map((copy) => copy.processes.postgres);
    const names = new Set([...processes.map(({ name }) => name), ...postgres]);
    return [
      ...frozenOf(this.installation, names).map((pid) => `${pid} is frozen`),
      ...processes.filter(({ state }) => state === 'stopped').map(({ name }) => `${name} is down`),
    ];
  }

  /** How often a process was started. */
  starts(process: string): number {
    const { processes } = this.installation.state();
    return must(
      processes.find(({ name }) => name === process),
      'the process exists',
    ).starts;
  }

  /** Resolves when all processes serve. Throws when they do not within a minute. */
  async untilStarted(): Promise<void> {
    const until = performance.now() + 60_000;
    for (;;) {
      const { processes } = this.installation.state();
      const down = processes.filter(({ state }) => state !== 'ready').map(({ name }) => name);
      if (down.length === 0) return;
      if (performance.now() > until) throw new Error(`not started again: ${down.join(', ')}`);
      await sleep(100);
    }
  }

  /** Resolves when every payment is made again, or to those that are not when the time is up. */
  async untilWell(timeoutMs: number): Promise<Payment[]> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const left = Math.min(2_000, until - performance.now());
      const unpaid = await this.unpaid(this.payments, Math.max(100, left));
      if (unpaid.length === 0 || performance.now() > until) return unpaid;
      await sleep(100);
    }
  }

  close(): void {
    for (const stub of this.#stubs.values()) stub.close();
  }

  #stub(via: RegionName): LedgerServiceClient {
    return must(this.#stubs.get(via), 'every region has a router');
  }

  #open(region: RegionName, id: string): Promise<bigint> {
    const request = OpenAccountRequest.fromPartial({
      externalId: `struck-${region}-${id}`,
      homeRegion: region,
      asset: 'EUR',
      min: { $case: 'noMinBalance', value: true },
    });
    const options = { deadline: Date.now() + 15_000 };
    return new Promise((resolve, reject) => {
      this.#stub(region).openAccount(request, new Metadata(), options, (error, response) => {
        if (error !== null) reject(error);
        else resolve(must(response.account, 'the account is opened').id);
      });
    });
  }
}

/**
 * Starts three regions with one copy of each book in a folder, opens their accounts and waits until
 * every payment succeeds.
 *
 * @throws Error with the payments that fail after 15 s; everything is stopped then
 */
export async function startStruck(
  folder: string,
  { links }: { readonly links: boolean },
): Promise<{ readonly cluster: Cluster; readonly struck: Struck }> {
  const basePort = await findFreeBase();
  const cluster = await startCluster({ dataDir: join(folder, 'data'), basePort, links });
  const copies = describeCopies(cluster.state());
  const struck = new Struck(
    {
      profile: 'embedded',
      state: () => cluster.state(),
      faults: cluster.faults,
      copies,
      hasLinks: links,
      own: undefined,
    },
    (book) => copies.find((copy) => copy.book === book),
  );
  try {
    await struck.prepare();
    const unpaid = await struck.untilWell(15_000);
    if (unpaid.length > 0) throw new Error(`payments fail: ${JSON.stringify(unpaid)}`);
    return { cluster, struck };
  } catch (error) {
    struck.close();
    await cluster.stop();
    throw error;
  }
}
