import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../../ledger/core/random.ts';
import { connect, type Sql } from '../../../ledger/store/postgres/connect.ts';
import { AcknowledgedTally } from '../acknowledged-tally.ts';
import type { StatusCounts } from '../answer-scan.ts';
import { transfersOf } from '../effects.ts';
import type { BaselineJob, LoadResult } from '../job.ts';
import { newHistogram, RateMeter, record, summary } from '../meter.ts';
import { TimeOrderedKeys } from '../time-ordered-keys.ts';

const SEED = 20_261_129;
const AMOUNT_MAX = 100;
const CONNECTIONS_MAX = 20;

interface Drawn {
  readonly debit: number;
  readonly credit: number;
  readonly amount: number;
}

/** The conventional ledger of schema.sql, and a load on it. */
export class Baseline {
  readonly #sql: Sql;
  readonly #accounts: number;
  readonly #keys = new TimeOrderedKeys();
  readonly #random = new Random(SEED);

  private constructor(sql: Sql, accounts: number) {
    this.#sql = sql;
    this.#accounts = accounts;
  }

  /** Makes the tables in an empty database, and the accounts 1 to `accounts`. */
  static async open(databaseUrl: string, accounts: number): Promise<Baseline> {
    const sql = connect(databaseUrl, CONNECTIONS_MAX);
    await sql.unsafe(readFileSync(join(import.meta.dirname, 'schema.sql'), 'utf8'));
    await sql`INSERT INTO account (id) SELECT generate_series(1, ${accounts}::int)`;
    await sql`ANALYZE account`;
    return new Baseline(sql, accounts);
  }

  /** Each client sends a call when the one before is answered, until the window ends. */
  async run({ clients, itemsPerCall, window }: BaselineJob): Promise<LoadResult> {
    const meter = new RateMeter(window, performance.now());
    const latency = newHistogram();
    const tally = new AcknowledgedTally('');
    const client = async () => {
      while (performance.now() < meter.endsAt) {
        const transfers = Array.from({ length: itemsPerCall }, () => this.#draw());
        const begun = performance.now();
        const posted = await this.#send(transfers);
        const now = performance.now();
        tally.add(itemsPerCall, countsOf(posted, itemsPerCall), effectsOf(transfers));
        meter.completed(itemsPerCall, now);
        if (now >= meter.startsAt) record(latency, now - begun);
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    return {
      acknowledged: [tally.acknowledged],
      failedCalls: 0,
      unsentCalls: 0,
      errors: [],
      perSecond: meter.perSecond,
      latency: summary(latency),
      sendDelay: undefined,
      processorSeconds: undefined,
    };
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }

  /** Returns how many were posted. */
  async #send(transfers: readonly Drawn[]): Promise<number> {
    const [first] = transfers;
    if (transfers.length === 1 && first !== undefined) {
      const { debit, credit, amount } = first;
      const [row] = await this.#sql<{ posted: boolean }[]>`
        SELECT create_transfer(${this.#keys.next()}, ${debit}, ${credit}, ${amount}) AS posted`;
      return row?.posted === true ? 1 : 0;
    }
    const ids = list(transfers.map(() => this.#keys.next()));
    const debits = list(transfers.map(({ debit }) => debit));
    const credits = list(transfers.map(({ credit }) => credit));
    const amounts = list(transfers.map(({ amount }) => amount));
    const [row] = await this.#sql<{ posted: bigint }[]>`
      SELECT create_transfers(${ids}, ${debits}, ${credits}, ${amounts}) AS posted`;
    return Number(row?.posted ?? 0n);
  }

  #draw(): Drawn {
    const debit = 1 + this.#random.below(this.#accounts);
    const step = 1 + this.#random.below(this.#accounts - 1);
    const credit = 1 + ((debit - 1 + step) % this.#accounts);
    return { debit, credit, amount: 1 + this.#random.below(AMOUNT_MAX) };
  }
}

/** An array as text, as the database reads it. */
const list = (values: readonly (number | string)[]) => `{${values.join(',')}}`;

function countsOf(posted: number, requests: number): StatusCounts {
  return { posted, inTransit: 0, held: 0, released: 0, refused: requests - posted };
}

const effectsOf = (transfers: readonly Drawn[]) =>
  transfersOf(
    transfers.length,
    transfers.reduce((sum, { amount }) => sum + BigInt(amount), 0n),
  );
