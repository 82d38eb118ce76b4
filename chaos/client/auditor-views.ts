import type postgres from 'postgres';
import { must } from '../../ledger/core/assert.ts';
import { evidencePool } from '../../regions/drills/evidence/read-back.ts';
import type { RegionName } from '../../regions/local/layout.ts';
import type { AccountRead, BookRead } from '../history/operation.ts';
import type { Copy } from '../installation/installation.ts';

type Pool = ReturnType<typeof evidencePool>;

/** What auditors see: the views of the copies themselves, past every router and ledger server. */
export class AuditorViews {
  readonly #copies: readonly Copy[];
  readonly #pools = new Map<Copy, Pool>();

  constructor(copies: readonly Copy[]) {
    this.#copies = copies;
  }

  /**
   * All accounts of a book, of one moment, in the copy that this region has; without one there,
   * in that of its home. Throws Error when the database cannot be read within the time.
   */
  async read(book: number, region: RegionName, timeoutMs: number): Promise<BookRead> {
    const copy = this.#copyOf(book, region);
    const pool = this.#pools.get(copy) ?? evidencePool(copy.auditorUrl);
    this.#pools.set(copy, pool);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      // Whatever the connection waits for, the next read begins with another.
      this.#drop(copy, pool);
      reject(new Error(`${copy.bookName} in ${copy.region} gave no answer in ${timeoutMs} ms`));
    }, timeoutMs);
    const read = pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', readAll);
    try {
      return await Promise.race([read, late]);
    } finally {
      clearTimeout(timer);
      // One that was too late fails as well, and nobody waits for it any more.
      read.catch(() => {});
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

  #drop(copy: Copy, pool: Pool): void {
    if (this.#pools.get(copy) === pool) this.#pools.delete(copy);
    void pool.end({ timeout: 0 }).catch(() => {});
  }
}

async function readAll(sql: postgres.TransactionSql<{ bigint: bigint }>): Promise<BookRead> {
  const [head] = await sql<{ book: number; epoch: bigint; seq: bigint }[]>`
    SELECT book, epoch, seq FROM head`;
  if (head === undefined) throw new Error('no ledger server has ever served it');
  const accounts = await sql<AccountRead[]>`
    SELECT account::text, version::int, debits::text, credits::text,
           held_debits::text AS "heldDebits", held_credits::text AS "heldCredits" FROM balance`;
  const position = { book: head.book, epoch: Number(head.epoch), seq: Number(head.seq) };
  return { position, whole: true, accounts: [...accounts] };
}
