import type { ChainedRow } from '../../../ledger/audit/chain-fold.ts';
import type { JournalRow } from '../../../ledger/core/journal-row.ts';
import type { CopyRead, FinalReads } from '../history/copy-reads.ts';
import type { ChangeOperation, OpenOperation, TransferOperation } from '../history/operation.ts';
import type { RunHistory } from '../history/read-history.ts';
import type { BookOfRun } from '../history/record.ts';
import { changeCalls, openCalls, transferCalls } from './calls.ts';
import { FinalBook } from './final-book.ts';
import { isSameRow } from './same-row.ts';

/** A journal row, and the number of its book. */
export interface RowOfBook {
  readonly book: number;
  readonly row: JournalRow;
}

/** All evidence of a run: what clients saw, what was broken, and the final state of the books. */
export interface Evidence extends RunHistory {
  /** By number; only those whose primary was read. */
  readonly books: ReadonlyMap<number, FinalBook>;
  /** Calls for transfers, by book and transfer: `callName`. Without dry runs. */
  readonly calls: ReadonlyMap<string, readonly TransferOperation[]>;
  /** Likewise, calls that change accounts. */
  readonly changeCalls: ReadonlyMap<string, readonly ChangeOperation[]>;
  /** Likewise, calls that open accounts, by region and external id: `openName`. */
  readonly openCalls: ReadonlyMap<string, readonly OpenOperation[]>;
  /** Why the final reads are not complete, one sentence each. */
  readonly missing: readonly string[];
  /** Why the history itself is not complete. */
  readonly cut: readonly string[];
  /** Findings that a book does not have one journal, made before any row is checked. */
  readonly disputes: readonly Dispute[];
}

export interface Dispute {
  readonly text: string;
  readonly rows: readonly RowOfBook[];
}

/**
 * Combines the history of a run and its final reads.
 *
 * If several copies report that they are the primary, the one whose journal begins with those of
 * all others counts as the primary; if there is none, the book cannot be judged. Nor can it if no
 * book can be built from its journal. Both are disputes.
 */
export function gatherEvidence(history: RunHistory, { copies, missing }: FinalReads): Evidence {
  const recorded = history.facts.filter(({ fact }) => fact === 'missing').map(({ text }) => text);
  const unread = [...new Set([...recorded, ...missing])];
  const disputes: Dispute[] = [];
  const books = new Map<number, FinalBook>();
  for (const book of history.header.books) {
    const own = copies.filter((copy) => copy.book === book.number);
    for (const region of book.copies) {
      if (own.some((copy) => copy.region === region)) continue;
      const why = `the copy of ${book.name} in ${region} was not read`;
      // The reader may have reported it already.
      if (!unread.some((known) => known.startsWith(why))) unread.push(why);
    }
    const primaries = own.filter(({ role }) => role === 'primary');
    if (primaries.length > 1) disputes.push(splitOf(book, primaries));
    const primary = longestOf(primaries);
    if (primary === undefined) {
      unread.push(`${primaries.length} copies of ${book.name} report that they are the primary`);
      continue;
    }
    const replicas: CopyRead[] = own.filter((copy) => copy !== primary);
    try {
      books.set(book.number, new FinalBook(book, primary, replicas));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      disputes.push({ text: `${book.name} has a malformed journal: ${why}`, rows: [] });
      unread.push(`the journal of ${book.name} cannot be followed`);
    }
  }
  const cut = history.isTorn ? ['the history ends before the end of the run'] : [];
  return {
    ...history,
    books,
    calls: transferCalls(history.operations),
    changeCalls: changeCalls(history.operations),
    openCalls: openCalls(history.operations),
    missing: [...cut, ...unread],
    cut,
    disputes,
  };
}

/** A dispute that several copies are the primary, with the rows at which the first two diverge. */
function splitOf({ name, number }: BookOfRun, primaries: readonly CopyRead[]): Dispute {
  const [first, second] = primaries;
  const parted = first && second ? partedAt(first.rows, second.rows) : 0;
  const rows = [first, second].flatMap((copy) => {
    const found = copy?.rows[parted] ?? copy?.rows.at(-1);
    return found === undefined ? [] : [{ book: number, row: found.row }];
  });
  const stands = primaries.map(
    ({ region, head }) => `${region} (epoch ${head.epoch}, seq ${head.seq})`,
  );
  const text = `${primaries.length} copies of ${name} report that they are the primary`;
  return { text: `${text}: ${stands.join(', ')}`, rows };
}

/** The copy whose journal begins with those of all others. */
function longestOf(copies: readonly CopyRead[]): CopyRead | undefined {
  const [longest, ...others] = copies.toSorted((a, b) => b.rows.length - a.rows.length);
  if (longest === undefined) return undefined;
  const isWhole = others.every(({ rows }) => partedAt(longest.rows, rows) === rows.length);
  return isWhole ? longest : undefined;
}

/** Length of the common prefix. */
function partedAt(a: readonly ChainedRow[], b: readonly ChainedRow[]): number {
  for (const [index, other] of b.entries()) {
    const own = a[index];
    if (own === undefined || !isSameRow(own, other)) return index;
  }
  return b.length;
}

/** Home region of each book, by number. */
export function homeRegions({ header }: Evidence): Map<number, string> {
  return new Map(header.books.map(({ number, region }) => [number, region]));
}
