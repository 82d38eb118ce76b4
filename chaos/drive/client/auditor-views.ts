import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';
import pTimeout from 'p-timeout';
import { must } from '../../../ledger/core/assert.ts';
import { evidencePool } from '../../../regions/drills/evidence/read-back.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import type { AccountRead, BookRead } from '../../judge/history/operation.ts';
import type { Copy } from '../installation/installation.ts';

type Pool = ReturnType<typeof evidencePool>;

const CONFIRMED_MS = 50;

/** The data of a read, and what shows whether it can be undone later. */
interface View {
  readonly read: BookRead;
  readonly standby: boolean;
  /** Address of the ledger server that led the book last, as the copy knows it. */
  readonly leader: string;
  /** Of a primary: the log position that includes everything read. */
  readonly lsn: string | null;
}

/** The auditors' views of the copies, read directly, not through routers and ledger servers. */
export class AuditorViews {
  readonly #copies: readonly Copy[];
  /** By URL. */
  readonly #pools = new Map<string, Pool>();

  constructor(copies: readonly Copy[]) {
    this.#copies = copies;
  }

  /**
   * Returns all accounts of a book at one moment, from the copy in this region, or from that of its
   * home if there is none. Throws Error when the database cannot be read within the time, or when
   * the data may be undone later.
   */
  async read(book: number, region: RegionName, timeoutMs: number): Promise<BookRead> {
    const copy = this.#copyOf(book, region);
    const over = new AbortController();
    const giveUp = () => {
      over.abort();
      // The connections may be stuck: the next read opens others.
      for (const url of [copy.auditorUrl, copy.adminUrl]) this.#drop(url);
      throw new Error(`${copy.bookName} in ${copy.region} gave no answer in ${timeoutMs} ms`);
    };
    const reading = this.#readConfirmed(copy, over.signal);
    return pTimeout(reading, { milliseconds: timeoutMs, fallback: giveUp });
  }

  async #readConfirmed(copy: Copy, signal: AbortSignal): Promise<BookRead> {
    const view = await this.#pool(copy.auditorUrl).begin(
      'ISOLATION LEVEL REPEATABLE READ READ ONLY',
      readAll,
    );
    const isReplicated = this.#copies.some((one) => one !== copy && one.book === copy.book);
    if (isReplicated) await this.#confirm(copy, view, signal);
    return view.read;
  }

  /**
   * If a primary shows commits that no other copy has, they are undone when another copy is
   * promoted: commits whose wait for a second copy was cut short by a cancellation, a restart or a
   * promotion behind Patroni's back. No client got an acknowledgement of them. So a primary is
   * trusted up to the position that a standby has flushed, and a standby unless it was itself the
   * last primary, which is also the rule of reads at level STALE.
   */
  async #confirm(copy: Copy, { standby, leader, lsn }: View, signal: AbortSignal): Promise<void> {
    const place = `${copy.bookName} in ${copy.region}`;
    if (standby) {
      if (!leader.startsWith(`${copy.region}.`)) return;
      throw new Error(`${place} was the last primary, and may have rows that were not kept`);
    }
    for (;;) {
      const [ahead] = await this.#pool(copy.adminUrl)`
        SELECT 1 FROM pg_stat_replication WHERE flush_lsn >= ${lsn}::pg_lsn LIMIT 1`;
      if (ahead !== undefined) return;
      await sleep(CONFIRMED_MS, undefined, { signal });
    }
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.end({ timeout: 1 })));
  }

  #copyOf(book: number, region: RegionName): Copy {
    const copies = this.#copies.filter((copy) => copy.book === book);
    const copy =
      copies.find((one) => one.region === region) ?? copies.find((one) => one.region === one.home);
    return must(copy, `book ${book} has a copy at home`);
  }

  #pool(url: string): Pool {
    const pool = this.#pools.get(url) ?? evidencePool(url);
    this.#pools.set(url, pool);
    return pool;
  }

  #drop(url: string): void {
    const pool = this.#pools.get(url);
    this.#pools.delete(url);
    void pool?.end({ timeout: 0 }).catch(() => {});
  }
}

async function readAll(sql: postgres.TransactionSql<{ bigint: bigint }>): Promise<View> {
  const [head] = await sql<
    { book: number; epoch: bigint; seq: bigint; leader: string; standby: boolean }[]
  >`SELECT book, epoch, seq, leader, pg_is_in_recovery() AS standby FROM head`;
  if (head === undefined) throw new Error('no ledger server has ever served it');
  const accounts = await sql<AccountRead[]>`
    SELECT account::text, version::int, debits::text, credits::text,
           held_debits::text AS "heldDebits", held_credits::text AS "heldCredits" FROM balance`;
  const { book, epoch, seq, leader, standby } = head;
  const position = { book, epoch: Number(epoch), seq: Number(seq) };
  const [log] = standby
    ? []
    : await sql<{ lsn: string }[]>`SELECT pg_current_wal_flush_lsn()::text AS lsn`;
  const read = { position, whole: true, accounts: [...accounts] };
  return { read, standby, leader, lsn: log?.lsn ?? null };
}
