import { connect, type Sql } from '../ledger/store/connect.ts';
import type { Acknowledged } from './load/job.ts';

/** Where a book was when a measurement began. */
export interface BookMark {
  readonly seq: number;
}

interface ChannelRow {
  readonly peer_book: number;
  readonly sent: bigint;
  readonly settled: bigint;
  readonly applied: bigint;
}

/**
 * Holds what was acknowledged against what the journal has. A figure whose book does not
 * balance, or whose journal has another number of transfers than were acknowledged, is void.
 */
export class BookCheck {
  readonly name: string;
  readonly number: number;
  readonly #sql: Sql;

  /** @param url database of the book, as a role that may read it */
  constructor(book: { readonly name: string; readonly number: number }, url: string) {
    this.name = book.name;
    this.number = book.number;
    this.#sql = connect(url, 1);
  }

  async mark(): Promise<BookMark> {
    const [head] = await this.#sql<{ seq: bigint }[]>`SELECT seq FROM head`;
    return { seq: Number(head?.seq ?? 0n) };
  }

  /**
   * What is wrong with the book since the mark; empty if nothing is. No posting may go on.
   *
   * @param acknowledged what the payers of this book were told since; undefined if nothing was
   *   sent to it
   */
  async findings(mark: BookMark, acknowledged: Acknowledged | undefined): Promise<string[]> {
    const found = await this.#balance();
    const [row] = await this.#sql<{ rows: bigint; posted: bigint; amount: string; seq: bigint }[]>`
      SELECT count(*) AS rows,
             count(*) FILTER (WHERE kind = 1 AND reason = 0) AS posted,
             coalesce(sum(amount) FILTER (WHERE kind = 1 AND reason = 0), 0)::text AS amount,
             (SELECT seq FROM head) AS seq
        FROM journal WHERE seq > ${mark.seq}`;
    if (row === undefined) return [...found, `${this.name}: the journal cannot be counted`];
    if (row.seq - BigInt(mark.seq) !== row.rows) {
      found.push(`${this.name}: the journal has ${row.rows} rows up to seq ${row.seq}`);
    }
    const told = (acknowledged?.posted ?? 0) + (acknowledged?.inTransit ?? 0);
    if (row.posted !== BigInt(told)) {
      found.push(`${this.name}: ${told} transfers were acknowledged, ${row.posted} are posted`);
    }
    const refused = acknowledged?.refused ?? 0;
    if (refused > 0) found.push(`${this.name}: ${refused} transfers were refused`);
    const amount = acknowledged?.amount ?? 0n;
    if (refused === 0 && BigInt(row.amount) !== amount) {
      found.push(`${this.name}: ${amount} were acknowledged, ${row.amount} were moved`);
    }
    return found;
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
}

/** What is still on its way between the books, or does not add up; empty at rest. */
export async function transitFindings(books: readonly BookCheck[]): Promise<string[]> {
  const found: string[] = [];
  const sums = new Map<string, bigint>();
  const channels = new Map<number, readonly ChannelRow[]>();
  for (const book of books) {
    channels.set(book.number, await book.channels());
    for (const [account, balance] of await book.transit()) {
      sums.set(account, (sums.get(account) ?? 0n) + balance);
    }
  }
  for (const book of books) {
    for (const { peer_book: peer, sent, settled } of channels.get(book.number) ?? []) {
      const back = channels.get(peer)?.find((row) => row.peer_book === book.number);
      const applied = back?.applied ?? 0n;
      if (sent === settled && sent === applied) continue;
      const text = `${sent} sent, ${applied} applied, ${settled} settled`;
      found.push(`${book.name} to book ${peer}: ${text}`);
    }
  }
  for (const [account, sum] of sums) {
    if (sum !== 0n) found.push(`${account} holds ${sum}`);
  }
  return found;
}
