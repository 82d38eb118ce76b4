import { isDeepStrictEqual } from 'node:util';

import { build, type Histogram } from 'hdr-histogram-js';
import pMap from 'p-map';

import { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import {
  CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
  Wait,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { MeridianClient } from '../../../router/client/client.ts';
import { type SampleCounts, SampleTally, type Unexpected } from './sample-tally.ts';
import {
  SAMPLE_NAMESPACE,
  type SampleAccount,
  type SamplePayment,
  type SampleRepeat,
  sampleWorkload,
  type SampleWorkload,
} from './sample-workload.ts';

const BATCH_SIZE = 500;
/** Calls in flight on each router. */
const BATCHES_IN_FLIGHT = 2;
const SINGLES_IN_FLIGHT = 4;
/** How long to ask again for transfers that are still between two regions. */
const IN_TRANSIT_MS_MAX = 30_000;
const IN_TRANSIT_POLL_MS = 200;

export interface SampleProgress {
  readonly phase: 'accounts' | 'batches' | 'singles';
  readonly done: number;
  readonly total: number;
}

export interface LatencyMs {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface SampleReport {
  readonly accounts: number;
  /** Accounts that were opened by this run; the others were there before. */
  readonly accountsOpened: number;
  readonly counts: SampleCounts;
  /** What `counts` must be for `ok`. */
  readonly expected: Omit<SampleCounts, 'decidedNow'>;
  readonly unexpected: readonly Unexpected[];
  readonly replayedByRegion: ReadonlyMap<string, number>;
  /** Time of the payments in batches, and what they came to. */
  readonly seconds: number;
  readonly transfersPerSecond: number;
  /** Of a call with up to 500 payments, and of a call with one. */
  readonly batchLatency: LatencyMs;
  readonly singleLatency: LatencyMs;
  /** True: every key has the outcome that it must have. */
  readonly ok: boolean;
}

export interface SampleDeps {
  /** A client for each region, which prefers that region's router. */
  readonly clients: ReadonlyMap<string, MeridianClient>;
  readonly onProgress: (progress: SampleProgress) => void;
}

/**
 * Sends the built-in workload through the routers of all regions and checks every answer.
 * A second run gets the same outcome for every key. Throws CallError when a router stays
 * unreachable and Error when an account of the sample exists with other fields.
 */
export async function runSample({ clients, onProgress }: SampleDeps): Promise<SampleReport> {
  const workload = sampleWorkload([...clients.keys()]);
  const tally = new SampleTally();
  const run = new SampleRun(clients, tally, onProgress);
  const opened = await run.openAccounts(workload.accounts);
  const startedAt = performance.now();
  const transfers = workload.funding.length + workload.payments.length + workload.twins.length;
  await run.pay(workload.funding, [], 0, transfers);
  await run.pay(workload.payments, workload.twins, workload.funding.length, transfers);
  const seconds = (performance.now() - startedAt) / 1_000;
  await run.payOneByOne(workload.singles, workload.repeats);

  const expected = expectedCounts(workload);
  const counts = tally.counts;
  const { decidedNow: _, ...comparable } = counts;
  return {
    accounts: workload.accounts.length,
    accountsOpened: opened,
    counts,
    expected,
    unexpected: tally.unexpected,
    replayedByRegion: tally.replayedByRegion,
    seconds,
    transfersPerSecond: transfers / seconds,
    batchLatency: latencyOf(run.batchLatency),
    singleLatency: latencyOf(run.singleLatency),
    ok: isDeepStrictEqual(comparable, expected),
  };
}

/** The counts of a correct ledger, the same for every interleaving. */
export function expectedCounts(workload: SampleWorkload): Omit<SampleCounts, 'decidedNow'> {
  const all = [...workload.funding, ...workload.payments, ...workload.singles];
  const count = (status: string) => all.filter((p) => p.expected.status === status).length;
  const repeats = workload.repeats.filter((repeat) => repeat.differingField === '').length;
  return {
    keys: all.length,
    posted: count('posted'),
    rejected: count('rejected'),
    returned: count('returned'),
    crossRegion: all.filter((p) => p.payer.region !== p.payee.region).length,
    replayed: workload.twins.length + repeats,
    reusedRefused: workload.repeats.length - repeats,
    unexpected: 0,
  };
}

interface Item {
  readonly request: CreateTransferRequest;
  readonly answered: (answer: CreateTransferResponse) => void;
}

class SampleRun {
  readonly batchLatency = histogram();
  readonly singleLatency = histogram();
  readonly #clients: ReadonlyMap<string, MeridianClient>;
  readonly #tally: SampleTally;
  readonly #onProgress: (progress: SampleProgress) => void;
  readonly #ids = new Map<SampleAccount, bigint>();

  constructor(
    clients: ReadonlyMap<string, MeridianClient>,
    tally: SampleTally,
    onProgress: (progress: SampleProgress) => void,
  ) {
    this.#clients = clients;
    this.#tally = tally;
    this.#onProgress = onProgress;
  }

  /** Opens all of them and returns the number that had not been open before. */
  async openAccounts(accounts: readonly SampleAccount[]): Promise<number> {
    let done = 0;
    let opened = 0;
    const regions = [...this.#clients.keys()];
    // Every call names the accounts of all regions, so every router has all of them to do.
    const openBatch = async (batch: readonly SampleAccount[], index: number) => {
      const client = this.#client(regions[index % regions.length] ?? '');
      const answers = await client.openAccounts(batch.map(openingOf));
      for (const [position, answer] of answers.entries()) {
        const account = batch[position];
        if (!account) continue;
        if (!answer.account) {
          const field = answer.differingField;
          throw new Error(`account ${account.externalId} exists with another ${field}`);
        }
        this.#ids.set(account, answer.account.id);
        if (!answer.replayed) opened += 1;
      }
      done += batch.length;
      this.#onProgress({ phase: 'accounts', done, total: accounts.length });
    };
    const batches = batchesOf(accounts, BATCH_SIZE);
    await pMap(batches, openBatch, { concurrency: BATCHES_IN_FLIGHT });
    return opened;
  }

  /** Sends payments, and their twins at the same time, in batches through each router. */
  async pay(
    payments: readonly SamplePayment[],
    twins: readonly SampleRepeat[],
    doneBefore: number,
    total: number,
  ): Promise<void> {
    const items = new Map<string, Item[]>([...this.#clients.keys()].map((name) => [name, []]));
    const add = (via: string, item: Item) => items.get(via)?.push(item);
    const twinOf = new Map(twins.map((twin) => [twin.payment, twin]));
    for (const payment of payments) {
      add(payment.via, {
        request: this.#request(payment),
        answered: (answer) => this.#tally.payment(payment, answer),
      });
      const twin = twinOf.get(payment);
      if (!twin) continue;
      add(twin.via, {
        request: this.#request(payment),
        answered: (answer) => this.#tally.twin(twin, answer),
      });
    }
    let done = doneBefore;
    const sendAll = async ([region, list]: [string, Item[]]) => {
      const send = async (batch: readonly Item[]) => {
        await this.#sendBatch(this.#client(region), batch);
        done += batch.length;
        this.#onProgress({ phase: 'batches', done, total });
      };
      await pMap(batchesOf(list, BATCH_SIZE), send, { concurrency: BATCHES_IN_FLIGHT });
    };
    await Promise.all([...items].map(sendAll));
  }

  /** Sends each payment in a call of its own, and when all are decided each repeat. */
  async payOneByOne(
    payments: readonly SamplePayment[],
    repeats: readonly SampleRepeat[],
  ): Promise<void> {
    let done = 0;
    const total = payments.length + repeats.length;
    const send = async (via: string, item: Item) => {
      await this.#sendSingle(this.#client(via), item);
      done += 1;
      this.#onProgress({ phase: 'singles', done, total });
    };
    const pay = (payment: SamplePayment) => {
      const answered = (answer: CreateTransferResponse) => this.#tally.payment(payment, answer);
      return send(payment.via, { request: this.#request(payment), answered });
    };
    await pMap(payments, pay, { concurrency: SINGLES_IN_FLIGHT });
    const payAgain = (repeat: SampleRepeat) => {
      const answered = (answer: CreateTransferResponse) => this.#tally.repeat(repeat, answer);
      return send(repeat.via, { request: this.#repeatRequest(repeat), answered });
    };
    await pMap(repeats, payAgain, { concurrency: SINGLES_IN_FLIGHT });
  }

  async #sendSingle(client: MeridianClient, item: Item): Promise<void> {
    const startedAt = performance.now();
    const answer = await client.createTransfer(item.request);
    this.singleLatency.recordValue(microsSince(startedAt));
    if (answer.status === TransferStatus.IN_TRANSIT) await this.#sendBatch(client, [item], false);
    else item.answered(answer);
  }

  async #sendBatch(client: MeridianClient, batch: readonly Item[], record = true): Promise<void> {
    const startedAt = performance.now();
    const answers = await client.createTransfers(batch.map((item) => item.request));
    if (record) this.batchLatency.recordValueWithCount(microsSince(startedAt), batch.length);
    let waiting: Item[] = [];
    const take = (items: readonly Item[], taken: CreateTransferResponse[], last: boolean) => {
      waiting = [];
      for (const [index, answer] of taken.entries()) {
        const item = items[index];
        if (!item) continue;
        if (answer.status === TransferStatus.IN_TRANSIT && !last) waiting.push(item);
        else item.answered(answer);
      }
    };
    take(batch, answers, false);
    const giveUpAt = performance.now() + IN_TRANSIT_MS_MAX;
    while (waiting.length > 0) {
      await new Promise((resolve) => setTimeout(resolve, IN_TRANSIT_POLL_MS));
      const asked = waiting;
      const again = await client.createTransfers(asked.map((item) => item.request));
      take(asked, again, performance.now() >= giveUpAt);
    }
  }

  #request(payment: SamplePayment): CreateTransferRequest {
    return CreateTransferRequest.create({
      idempotencyKey: payment.key,
      namespace: SAMPLE_NAMESPACE,
      debitAccountId: this.#id(payment.payer),
      creditAccountId: this.#id(payment.payee),
      amount: payment.amountMinor,
      asset: payment.payer.asset,
      reference: payment.reference,
      wait: Wait.SETTLED,
    });
  }

  #repeatRequest({ payment, payee, differingField }: SampleRepeat): CreateTransferRequest {
    const request = this.#request(payment);
    request.creditAccountId = this.#id(payee);
    if (differingField === 'amount') request.amount += 1n;
    if (differingField === 'reference') request.reference += ' again';
    return request;
  }

  #id(account: SampleAccount): bigint {
    const id = this.#ids.get(account);
    if (id === undefined) throw new Error(`account ${account.externalId} was not opened`);
    return id;
  }

  #client(region: string): MeridianClient {
    const client = this.#clients.get(region);
    if (!client) throw new Error(`there is no client for region ${region}`);
    return client;
  }
}

function openingOf(account: SampleAccount): OpenAccountRequest {
  const { externalId, region, asset, role } = account;
  return OpenAccountRequest.create({
    externalId,
    homeRegion: region,
    asset,
    ...(role === 'treasury' && { min: { $case: 'noMinBalance', value: true } }),
    ...(role === 'capped' && { max: { $case: 'maxBalance', value: 100n } }),
    metadata: { sample: role },
  });
}

function batchesOf<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, n) => items.slice(n * size, (n + 1) * size));
}

function histogram(): Histogram {
  // Microseconds up to a minute, three digits.
  return build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
}

function microsSince(startedAt: number): number {
  return Math.min(60_000_000, Math.max(1, Math.round((performance.now() - startedAt) * 1_000)));
}

function latencyOf(recorded: Histogram): LatencyMs {
  const at = (percentile: number) => recorded.getValueAtPercentile(percentile) / 1_000;
  return { p50: at(50), p99: at(99), max: recorded.maxValue / 1_000 };
}
