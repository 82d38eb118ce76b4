import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';
import type { Acknowledged } from '../load/job.ts';
import { nothingAcknowledged } from '../load/acknowledged-tally.ts';
import type { CheckedBook } from '../measure/checked-book.ts';
import { type DatabaseUse, indexesBuilt, readDatabaseUse } from '../measure/database-use.ts';

interface Totals {
  readonly transfers: bigint;
  readonly amount: string;
  readonly entries: bigint;
  /** Of all entries. */
  readonly sum: string;
  readonly debits: string;
  readonly credits: string;
}

/** Compares the conventional ledger with what was acknowledged, as every book is compared. */
export class BaselineCheck implements CheckedBook {
  readonly #sql: Sql;

  /** @param url of its database, as a role that may read it */
  constructor(url: string) {
    this.#sql = connect(url, 1);
  }

  async begin(): Promise<(acknowledged: Acknowledged | undefined) => Promise<string[]>> {
    const before = await this.#totals();
    return async (acknowledged = nothingAcknowledged('')) => {
      const after = await this.#totals();
      const { transfer } = acknowledged.effects;
      const found: string[] = [];
      if (acknowledged.refused > 0) found.push(`${acknowledged.refused} requests were refused`);
      const count = Number(after.transfers - before.transfers);
      if (count !== transfer.count) {
        found.push(`baseline: ${transfer.count} transfers were acknowledged, ${count} are there`);
      }
      const amount = BigInt(after.amount) - BigInt(before.amount);
      if (amount !== transfer.amount) {
        found.push(`baseline: ${transfer.amount} was acknowledged, ${amount} is there`);
      }
      const { entries, transfers, sum, debits, credits, amount: all } = after;
      if (entries !== 2n * transfers || BigInt(sum) !== 0n) {
        found.push(`baseline: ${entries} entries of ${transfers} transfers add up to ${sum}`);
      }
      if (debits !== all || credits !== all) {
        found.push(`baseline: accounts have ${debits} and ${credits}, transfers ${all}`);
      }
      return found;
    };
  }

  databaseUse(): Promise<DatabaseUse> {
    return readDatabaseUse(this.#sql);
  }

  indexesBuilt(): Promise<void> {
    return indexesBuilt(this.#sql);
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }

  async #totals(): Promise<Totals> {
    const [row] = await this.#sql<Totals[]>`
      SELECT (SELECT count(*) FROM transfer) AS transfers,
             (SELECT coalesce(sum(amount), 0)::text FROM transfer) AS amount,
             (SELECT count(*) FROM entry) AS entries,
             (SELECT coalesce(sum(amount), 0)::text FROM entry) AS sum,
             (SELECT sum(debits)::text FROM account) AS debits,
             (SELECT sum(credits)::text FROM account) AS credits`;
    if (row === undefined) throw new Error('the baseline has no totals');
    return row;
  }
}
