import { setTimeout as sleep } from 'node:timers/promises';

import { backoffMs } from '../../../ledger/backoff.ts';
import { bookOf } from '../../../ledger/core/account-id.ts';
import { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import {
  CreateTransferRequest,
  type CreateTransferResponse,
  Wait,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { MeridianClient } from '../../../router/client/client.ts';
import type { BadLine } from './bad-line.ts';
import type { Line } from './payment-csv.ts';
import { type AccountLine, type PaymentLine, readAccounts, readPayments } from './files.ts';
import { ReplayRefusedError, ReplayStalledError } from './replay-error.ts';
import { type ReplaySummary, ReplayTally } from './replay-tally.ts';
import { planWave, type WavePayment } from './waves.ts';

/** Payments in flight at once, and how far ahead of them the file is read. */
const WAVE_SIZE = 4_000;
const QUEUE_SIZE = 3 * WAVE_SIZE;
const ACCOUNTS_PER_CALL = 1_000;
/** Payments in transit that may pile up, while a link is cut, before the replay waits. */
const IN_TRANSIT_MAX = 50_000;
/** Between questions for what is in transit, while nothing settles. */
const POLL = { firstMs: 250, longestMs: 2_000 };
const POLL_SIZE = 2_000;

export interface ReplayOptions {
  readonly accountsFile: string;
  readonly paymentsFile: string;
  /** Regions of the file by the region they stand for; others keep their name. */
  readonly map: ReadonlyMap<string, string>;
  /** The regions there are, if that is known. */
  readonly regions: readonly string[] | undefined;
  readonly onBadLine: 'skip' | 'refuse';
  /** How long to wait at the end for payments that are still between two regions. */
  readonly inTransitMsMax: number;
}

export interface ReplayDeps {
  /** The client to use for payers and accounts of this region. */
  readonly clientFor: (region: string) => MeridianClient;
  readonly onBadLine: (bad: BadLine) => void;
  readonly onProgress: (done: number, total: number) => void;
  /** Called while the replay waits for this number of payments in transit between regions. */
  readonly onInTransit?: (payments: number) => void;
}

interface OpenedAccount extends AccountLine {
  readonly id: bigint;
  readonly book: number;
}

interface QueuedPayment extends WavePayment {
  readonly line: number;
  readonly debit: OpenedAccount;
  readonly credit: OpenedAccount;
  readonly request: CreateTransferRequest;
}

/**
 * Opens the accounts of one file and makes the payments of another, in an order that has the
 * outcome of the file's own order. Keys come from the file: a replay that was interrupted ends in
 * the same books when it is started again.
 *
 * Throws BadFileError for a file that cannot be used, ReplayRefusedError for an unknown region
 * or an account that exists with other fields, CallError when no router can be reached.
 */
export async function runReplay(options: ReplayOptions, deps: ReplayDeps): Promise<ReplaySummary> {
  const tally = new ReplayTally();
  const bad = (line: BadLine) => {
    tally.badLine(line);
    deps.onBadLine(line);
  };
  // The whole of both files is checked before anything is sent: "refuse" means all of it, and
  // a typing error on the last line shows at once instead of after the replay.
  const accounts = await checkAccounts(options, bad);
  const total = await checkPayments(options, accounts, bad);
  if (options.onBadLine === 'refuse' && tally.badLineCount > 0) {
    tally.refused = true;
    return tally.summary();
  }
  const opened = await openAccounts(accounts, deps, tally);
  const startedAt = performance.now();
  const replay = new Replay(deps, tally, total, options.inTransitMsMax);
  await replay.run(readPayments(options.paymentsFile, opened));
  tally.seconds = (performance.now() - startedAt) / 1_000;
  return tally.summary();
}

async function checkAccounts(
  { accountsFile, map, regions }: ReplayOptions,
  bad: (line: BadLine) => void,
): Promise<Map<string, AccountLine>> {
  const accounts = new Map<string, AccountLine>();
  for await (const read of readAccounts(accountsFile)) {
    if ('bad' in read) {
      bad(read.bad);
      continue;
    }
    const { name, homeRegion: given } = read.value;
    const homeRegion = map.get(given) ?? given;
    if (regions && !regions.includes(homeRegion)) {
      const example = `--map ${given}=${regions[0] ?? 'REGION'}`;
      throw new ReplayRefusedError(
        `${accountsFile} line ${read.line}: "${homeRegion}" is not a region here ` +
          `(${regions.join(', ')}); map it to one of them, such as ${example}`,
      );
    }
    accounts.set(name, { ...read.value, homeRegion });
  }
  return accounts;
}

/** Returns the number of payments that can be sent. */
async function checkPayments(
  { paymentsFile }: ReplayOptions,
  accounts: ReadonlyMap<string, AccountLine>,
  bad: (line: BadLine) => void,
): Promise<number> {
  let total = 0;
  for await (const read of readPayments(paymentsFile, accounts)) {
    if ('bad' in read) bad(read.bad);
    else total += 1;
  }
  return total;
}

async function openAccounts(
  accounts: ReadonlyMap<string, AccountLine>,
  { clientFor }: ReplayDeps,
  tally: ReplayTally,
): Promise<Map<string, OpenedAccount>> {
  const opened = new Map<string, OpenedAccount>();
  const all = [...accounts.values()];
  for (let from = 0; from < all.length; from += ACCOUNTS_PER_CALL) {
    const batch = all.slice(from, from + ACCOUNTS_PER_CALL);
    const client = clientFor(batch[0]?.homeRegion ?? '');
    const answers = await client.openAccounts(batch.map(openingOf));
    for (const [index, line] of batch.entries()) {
      const answer = answers[index];
      if (!answer?.account) {
        throw new ReplayRefusedError(
          `account "${line.name}" exists in ${line.homeRegion} with another ` +
            `${answer?.differingField ?? 'field'}; no payment was sent`,
        );
      }
      if (answer.replayed) tally.accountsKnown += 1;
      else tally.accountsOpened += 1;
      const { id } = answer.account;
      opened.set(line.name, { ...line, id, book: bookOf(id) });
    }
  }
  return opened;
}

function openingOf({ name, homeRegion, asset, mayOverdraw }: AccountLine): OpenAccountRequest {
  const min = mayOverdraw && { min: { $case: 'noMinBalance' as const, value: true } };
  return OpenAccountRequest.create({ externalId: name, homeRegion, asset, ...min });
}

class Replay {
  readonly #deps: ReplayDeps;
  readonly #tally: ReplayTally;
  readonly #total: number;
  readonly #inTransitMsMax: number;
  /** Answered as in transit; asked for again until they are not. */
  #inTransit: QueuedPayment[] = [];
  #done = 0;

  constructor(deps: ReplayDeps, tally: ReplayTally, total: number, inTransitMsMax: number) {
    this.#deps = deps;
    this.#tally = tally;
    this.#total = total;
    this.#inTransitMsMax = inTransitMsMax;
  }

  async run(lines: AsyncGenerator<Line<PaymentLine<OpenedAccount>>>): Promise<void> {
    let queue = await this.#read(lines, QUEUE_SIZE);
    while (queue.length > 0) {
      const unsettled = new Set(this.#inTransit.map((payment) => payment.credit));
      const { send, wait } = planWave(queue, WAVE_SIZE, unsettled);
      // Reading of the file continues while the ledger works.
      const [, more] = await Promise.all([
        this.#sendWave(send),
        this.#read(lines, QUEUE_SIZE - wait.length),
      ]);
      queue = [...wait, ...more];
      const stuck = send.length === 0 || this.#inTransit.length >= IN_TRANSIT_MAX;
      if (stuck) await this.#awaitSettlement();
      else if (this.#inTransit.length > 0) await this.#poll();
    }
    if (this.#inTransit.length > 0) await this.#awaitSettlement(true);
  }

  async #read(
    lines: AsyncGenerator<Line<PaymentLine<OpenedAccount>>>,
    count: number,
  ): Promise<QueuedPayment[]> {
    const read: QueuedPayment[] = [];
    while (read.length < count) {
      const next = await lines.next();
      if (next.done === true) break;
      // Bad lines were reported when the file was checked.
      if ('value' in next.value) read.push(queued(next.value.line, next.value.value));
    }
    return read;
  }

  /** One call for each payer's book, so that the ledger keeps the order of the file in it. */
  async #sendWave(payments: readonly QueuedPayment[]): Promise<void> {
    const byBook = Map.groupBy(payments, (payment) => payment.debit.book);
    // While a region is cut off, waiting for its settlements would hold up all the others.
    const wait = this.#inTransit.length > 0 ? Wait.POSTED : Wait.SETTLED;
    const calls = [...byBook.values()].map((group) => this.#sendCall(group, wait));
    await Promise.all(calls);
  }

  async #sendCall(group: readonly QueuedPayment[], wait: Wait): Promise<void> {
    const answers = await this.#ask(group, wait);
    for (const [index, payment] of group.entries()) {
      const answer = answers[index];
      if (!answer) throw new Error(`line ${payment.line} was not answered`);
      const { line, request } = payment;
      const final = this.#tally.answered(line, request.idempotencyKey, answer);
      if (!final) this.#inTransit.push(payment);
    }
    this.#done += group.length;
    this.#deps.onProgress(this.#done, this.#total);
  }

  #ask(group: readonly QueuedPayment[], wait: Wait): Promise<CreateTransferResponse[]> {
    const client = this.#deps.clientFor(group[0]?.debit.homeRegion ?? '');
    return client.createTransfers(group.map(({ request }) => ({ ...request, wait })));
  }

  /** Asks once for a share of what is in transit, the oldest first. */
  async #poll(): Promise<void> {
    const asked = this.#inTransit.slice(0, POLL_SIZE);
    const byBook = Map.groupBy(asked, (payment) => payment.debit.book);
    const settled = new Set<QueuedPayment>();
    const polls = [...byBook.values()].map(async (group) => {
      const answers = await this.#ask(group, Wait.POSTED);
      for (const [index, payment] of group.entries()) {
        const answer = answers[index];
        const { line, request } = payment;
        if (answer && this.#tally.settled(line, request.idempotencyKey, answer)) {
          settled.add(payment);
        }
      }
    });
    await Promise.all(polls);
    const still = asked.filter((payment) => !settled.has(payment));
    this.#inTransit = [...this.#inTransit.slice(asked.length), ...still];
  }

  /**
   * Asks until something has settled, or, with `all`, until everything has. Ends without effect
   * only at the end of the file; before it, payments of accounts with a limit depend on it.
   */
  async #awaitSettlement(all = false): Promise<void> {
    const enough = all ? 0 : this.#inTransit.length - 1;
    let count = this.#inTransit.length;
    let changedAt = performance.now();
    let polls = 0;
    while (this.#inTransit.length > enough) {
      await this.#poll();
      polls += 1;
      if (this.#inTransit.length < count) {
        count = this.#inTransit.length;
        changedAt = performance.now();
        polls = 0;
        continue;
      }
      if (performance.now() - changedAt > this.#inTransitMsMax) {
        if (all) return;
        throw new ReplayStalledError(this.#done, this.#total, count);
      }
      this.#deps.onInTransit?.(count);
      await sleep(backoffMs(polls, POLL));
    }
  }
}

function queued(line: number, payment: PaymentLine<OpenedAccount>): QueuedPayment {
  const { key, bookedOn, debit, credit, amountMinor, asset, kind } = payment;
  const request = CreateTransferRequest.create({
    idempotencyKey: key,
    debitAccountId: debit.id,
    creditAccountId: credit.id,
    amount: amountMinor,
    asset,
    reference: kind,
    metadata: { booked_on: bookedOn },
  });
  return { line, debit, credit, request };
}
