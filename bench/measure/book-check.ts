import { RowKind } from '../../ledger/core/journal-row.ts';
import { must } from '../../ledger/core/assert.ts';
import { numbersLiteral } from '../../ledger/store/postgres/array-literal.ts';
import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';
import type { CheckedBook } from './checked-book.ts';
import { type DatabaseUse, indexesBuilt, readDatabaseUse } from './database-use.ts';
import { differences } from './differences.ts';
import { type Effects, noEffects, rowNames, type Total } from '../load/effects.ts';
import type { Acknowledged } from '../load/job.ts';
import { nothingAcknowledged } from '../load/acknowledged-tally.ts';

interface KindRow {
  readonly kind: number;
  /** Refused ones included. */
  readonly rows: bigint;
  readonly applied: bigint;
  /** Of those that were applied. */
  readonly amount: string;
}

interface ChannelRow {
  readonly peer_book: number;
  readonly sent: bigint;
  readonly settled: bigint;
  readonly applied: bigint;
}

/** A transfer that a book has. */
export interface SampledTransfer {
  readonly id: string;
  readonly debitAccount: bigint;
  readonly creditAccount: bigint;
}

/**
 * Compares what was acknowledged with the journal. A figure whose book does not
 * balance, or has another number or sum of anything than was acknowledged, is void.
 */
export class BookCheck implements CheckedBook {
  readonly name: string;
  readonly number: number;
  readonly #sql: Sql;
  /** The open holds at the last check. */
  #openHolds: Total = noEffects.openHold;

  /** @param url database of the book, as a role that may read it */
  constructor(book: { readonly name: string; readonly number: number }, url: string) {
    this.name = book.name;
    this.number = book.number;
    this.#sql = connect(url, 1);
  }

  async begin(): Promise<(acknowledged: Acknowledged | undefined) => Promise<string[]>> {
    const seq = await this.#seq();
    return (acknowledged) => this.#findings(seq, acknowledged);
  }

  /** Size of its database, in bytes. */
  async databaseBytes(): Promise<number> {
    const [row] = await this.#sql<{ bytes: bigint }[]>`
      SELECT pg_database_size(current_database()) AS bytes`;
    return Number(row?.bytes ?? 0n);
  }

  /** Transfers from all over the journal, drawn at random; fewer where no transfer was hit. */
  async sampleTransfers(rows: number): Promise<SampledTransfer[]> {
    const last = await this.#seq();
    const seqs = Array.from({ length: rows }, () => 1 + Math.floor(Math.random() * last));
    return this.#sql<SampledTransfer[]>`
      SELECT id, debit_account AS "debitAccount", credit_account AS "creditAccount" FROM journal
       WHERE seq = ANY(${numbersLiteral(seqs)}::int8[]) AND kind = ${RowKind.transfer} AND reason = 0
       ORDER BY random()`;
  }

  /** How many partitions have rows, and the rows of the one that is open. */
  async partitions(): Promise<{ readonly partitions: number; readonly openRows: number }> {
    const last = await this.#seq();
    const [table] = await this.#sql<{ there: boolean }[]>`
      SELECT to_regclass('journal_partition') IS NOT NULL AS there`;
    // An earlier commit that this one is compared with has none.
    if (table?.there !== true) return { partitions: 1, openRows: last };
    const [row] = await this.#sql<{ partitions: bigint; first: bigint }[]>`
      SELECT count(*) AS partitions, max(first_seq) AS first
        FROM journal_partition WHERE first_seq <= ${last}`;
    const { partitions, first } = must(row, 'a count is a row');
    return { partitions: Number(partitions), openRows: last - Number(first) + 1 };
  }

  /** What its Postgres has done so far. */
  databaseUse(): Promise<DatabaseUse> {
    return readDatabaseUse(this.#sql);
  }

  /** Resolves when its Postgres builds no index. */
  indexesBuilt(): Promise<void> {
    return indexesBuilt(this.#sql);
  }

  /**
   * @param before seq of the last row before
   * @param acknowledged the answers to the payers of this book since; undefined if nothing was
   *   sent to it
   */
  async #findings(before: number, acknowledged: Acknowledged | undefined): Promise<string[]> {
    const expected = acknowledged ?? nothingAcknowledged(this.name);
    const rows = await this.#sql<KindRow[]>`
      SELECT kind, count(*) AS rows, count(*) FILTER (WHERE reason = 0) AS applied,
             coalesce(sum(amount) FILTER (WHERE reason = 0), 0)::text AS amount
        FROM journal WHERE seq > ${before} GROUP BY kind`;
    const found = [...(await this.#balance()), ...(await this.#gaps(before, rows))];
    let there = effectsIn(rows);
    if (expected.effects.hold.count > 0) {
      found.push(...(await this.#held()));
      there = { ...there, openHold: await this.#newOpenHolds() };
    }
    const differing = differences(expected, there);
    return [...found, ...differing.map((difference) => `${this.name}: ${difference}`)];
  }

  /** Holds that are to expire and have not yet; empty once nothing is in progress. */
  async expiring(): Promise<string[]> {
    // In the order in which the ledger sweeps them, and so along the same index.
    const [row] = await this.#sql<{ holds: bigint }[]>`
      SELECT count(*) AS holds FROM journal, head
       WHERE expires_at IS NOT NULL AND (expires_at, journal.seq) > (swept_at, swept_seq)
         AND expires_at < now() + interval '1 minute'`;
    const holds = row?.holds ?? 0n;
    return holds > 0n ? [`${this.name}: ${holds} holds have not expired`] : [];
  }

  async channels(): Promise<ChannelRow[]> {
    return this.#sql<ChannelRow[]>`SELECT peer_book, sent, settled, applied FROM channel`;
  }

  /** Balances of the transit accounts in minor units, by external id. */
  async transit(): Promise<Map<string, bigint>> {
    const rows = await this.#sql<{ external_id: string; balance: bigint }[]>`
      SELECT external_id, balance FROM balance WHERE transit`;
    return new Map(rows.map((row) => [row.external_id, row.balance]));
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }

  async #balance(): Promise<string[]> {
    const rows = await this.#sql<{ asset: string; debits: string; credits: string }[]>`
      SELECT asset, debits::text, credits::text FROM trial_balance`;
    return rows
      .filter(({ debits, credits }) => BigInt(debits) !== BigInt(credits))
      .map(({ asset, debits, credits }) => `${this.name}: ${asset} ${debits} <> ${credits}`);
  }

  async #seq(): Promise<number> {
    const [head] = await this.#sql<{ seq: bigint }[]>`SELECT seq FROM head`;
    return Number(head?.seq ?? 0n);
  }

  async #gaps(before: number, rows: readonly KindRow[]): Promise<string[]> {
    const seq = await this.#seq();
    const total = rows.reduce((sum, row) => sum + Number(row.rows), 0);
    if (seq - before === total) return [];
    return [`${this.name}: the journal has ${total} rows from seq ${before} to ${seq}`];
  }

  /** The held amounts of accounts must be the remainder of the holds. */
  async #held(): Promise<string[]> {
    const [row] = await this.#sql<{ debits: string; credits: string; holds: string }[]>`
      SELECT coalesce(sum(held_debits), 0)::text AS debits,
             coalesce(sum(held_credits), 0)::text AS credits,
             (SELECT coalesce(sum(left_amount), 0)::text FROM open_hold) AS holds
        FROM balance`;
    if (row === undefined) return [`${this.name}: what is held cannot be summed up`];
    const { debits, credits, holds } = row;
    if (debits === holds && credits === holds) return [];
    return [`${this.name}: held ${debits} of and ${credits} for accounts, ${holds} by holds`];
  }

  /** Returns the growth of the open holds since the last check. */
  async #newOpenHolds(): Promise<Total> {
    const [row] = await this.#sql<{ holds: bigint; amount: string }[]>`
      SELECT count(*) AS holds, coalesce(sum(left_amount), 0)::text AS amount FROM open_hold`;
    const before = this.#openHolds;
    this.#openHolds = { count: Number(row?.holds ?? 0n), amount: BigInt(row?.amount ?? 0) };
    const { count, amount } = this.#openHolds;
    return { count: count - before.count, amount: amount - before.amount };
  }
}

/** What was applied of each kind, without open holds. */
function effectsIn(rows: readonly KindRow[]): Effects {
  return rowNames.reduce((effects, name) => {
    const row = rows.find(({ kind }) => kind === RowKind[name]);
    if (row === undefined) return effects;
    return { ...effects, [name]: { count: Number(row.applied), amount: BigInt(row.amount) } };
  }, noEffects);
}

/** Legs between the books that have not arrived, or are not closed; empty at rest. */
export async function channelFindings(books: readonly BookCheck[]): Promise<string[]> {
  const found: string[] = [];
  const channels = new Map<number, readonly ChannelRow[]>();
  for (const book of books) channels.set(book.number, await book.channels());
  for (const book of books) {
    for (const { peer_book: peer, sent, settled } of channels.get(book.number) ?? []) {
      const back = channels.get(peer)?.find((row) => row.peer_book === book.number);
      const applied = back?.applied ?? 0n;
      if (sent === settled && sent === applied) continue;
      const text = `${sent} sent, ${applied} applied, ${settled} settled`;
      found.push(`${book.name} to book ${peer}: ${text}`);
    }
  }
  return found;
}

/** What transit accounts hold together, over all books; empty at rest. */
export async function transitFindings(books: readonly BookCheck[]): Promise<string[]> {
  const sums = new Map<string, bigint>();
  for (const book of books) {
    for (const [account, balance] of await book.transit()) {
      sums.set(account, (sums.get(account) ?? 0n) + balance);
    }
  }
  return [...sums]
    .filter(([, sum]) => sum !== 0n)
    .map(([account, sum]) => `${account} holds ${sum}`);
}
