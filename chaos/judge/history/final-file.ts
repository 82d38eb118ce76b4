import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AuditedAccount } from '../../../ledger/audit/account-fold.ts';
import type { ChainedRow } from '../../../ledger/audit/chain-fold.ts';
import type { CopyRead, CopyTables, FinalReads } from './copy-reads.ts';
import type { BookOfRun } from './record.ts';
import { readRow, rowText } from './row-text.ts';

/**
 * The final read of one copy is a file: a line with its tables, a line for every row of its
 * journal, and a last line without which the file is not complete.
 */

const SUFFIX = '.jsonl';

/** Path of the file of one copy in the folder of a run's final reads. */
export function copyFile(folder: string, book: string, region: string): string {
  return join(folder, `${book}.${region}${SUFFIX}`);
}

/** Writes a copy while it is read. `pages` yields its journal in order of seq. */
export async function writeCopy(
  path: string,
  tables: CopyTables,
  pages: AsyncIterable<readonly ChainedRow[]> | Iterable<readonly ChainedRow[]>,
): Promise<void> {
  const file = createWriteStream(path, { flags: 'w' });
  const closed = once(file, 'close');
  file.write(`${JSON.stringify(plainTables(tables))}\n`);
  let rows = 0;
  for await (const page of pages) {
    rows += page.length;
    const lines = page.map((row) => `${rowText(row)}\n`).join('');
    if (!file.write(lines)) await Promise.race([once(file, 'drain'), closed]);
  }
  file.end(`${JSON.stringify({ rows })}\n`);
  await closed;
}

/**
 * Reads the final reads of a run. A file that is absent, truncated or malformed is reported as
 * missing.
 */
export async function readFinalReads(
  folder: string,
  books: readonly BookOfRun[],
): Promise<FinalReads> {
  const files = new Set(existsSync(folder) ? await readdir(folder) : []);
  const copies: CopyRead[] = [];
  const missing: string[] = [];
  for (const { name, copies: regions } of books) {
    const shared = new SharedRows();
    for (const region of regions) {
      const path = copyFile(folder, name, region);
      const why = `the copy of ${name} in ${region} was not read`;
      if (!files.has(`${name}.${region}${SUFFIX}`)) {
        missing.push(why);
        continue;
      }
      try {
        const copy = await readCopy(path, shared);
        if (copy === undefined) missing.push(`${why} to its end`);
        else copies.push(copy);
      } catch (error) {
        missing.push(`${why}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return { copies, missing };
}

/** Undefined: the file is truncated. */
async function readCopy(path: string, shared: SharedRows): Promise<CopyRead | undefined> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  let tables: CopyTables | undefined;
  let count: number | undefined;
  const rows: ChainedRow[] = [];
  try {
    for await (const line of lines) {
      if (tables === undefined) {
        const plain: PlainTables = JSON.parse(line);
        tables = tablesFrom(plain);
      } else if (line.startsWith('[')) rows.push(shared.row(rows.length, line));
      else {
        const last: { rows: number } = JSON.parse(line);
        count = last.rows;
      }
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return tables === undefined || count !== rows.length ? undefined : { ...tables, rows };
}

/**
 * Copies of a book have the same rows: identical lines share one object. So reading three copies
 * takes little more memory than one, and comparing them takes no time.
 */
class SharedRows {
  readonly #digests: string[] = [];
  readonly #rows: ChainedRow[] = [];

  row(index: number, line: string): ChainedRow {
    const digest = createHash('md5').update(line).digest('base64');
    const known = this.#rows[index];
    if (known !== undefined && this.#digests[index] === digest) return known;
    const row = readRow(line);
    if (known === undefined) {
      this.#rows.push(row);
      this.#digests.push(digest);
    }
    return row;
  }
}

type PlainTables = ReturnType<typeof plainTables>;

function plainTables(tables: CopyTables) {
  const { head, accounts } = tables;
  return {
    ...tables,
    head: { ...head, chain: Buffer.from(head.chain).toString('base64') },
    accounts: accounts.map((account) => ({
      ...account,
      id: String(account.id),
      minBalance: account.minBalance === null ? null : String(account.minBalance),
      maxBalance: account.maxBalance === null ? null : String(account.maxBalance),
    })),
  };
}

function tablesFrom(plain: PlainTables): CopyTables {
  return {
    ...plain,
    head: { ...plain.head, chain: Buffer.from(plain.head.chain, 'base64') },
    accounts: plain.accounts.map((account): AuditedAccount => ({
      ...account,
      id: BigInt(account.id),
      minBalance: account.minBalance === null ? null : BigInt(account.minBalance),
      maxBalance: account.maxBalance === null ? null : BigInt(account.maxBalance),
    })),
  };
}
