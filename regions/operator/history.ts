import { derivedId } from '../../ledger/core/transfer-id.ts';
import { textsLiteral } from '../../ledger/store/postgres/array-literal.ts';
import type { Sql } from '../../ledger/store/postgres/connect.ts';
import { readOperations } from '../../ledger/store/postgres/operations.ts';
import type { BookCopies } from './book-copies.ts';

/** An operation of an operator, or the take-over of a book. */
export interface HistoryEntry {
  /** As ISO 8601. */
  readonly at: string;
  /** Of an operation its name, or `take-over`. */
  readonly kind: string;
  /** Books in which it is recorded. */
  readonly books: readonly string[];
  /** Who did it; for a take-over the ledger server, or the operator who fenced the book. */
  readonly who: string;
  /** Empty: a take-over has no reason of its own. */
  readonly why: string;
  readonly details: unknown;
  readonly epoch: number;
}

export interface OperatorHistory {
  /** Newest first, each once. */
  readonly entries: readonly HistoryEntry[];
  /** Books of which no copy answered. */
  readonly silent: readonly string[];
}

/** Operations on the books, and who did them. Never throws: silent books are named. */
export async function readHistory(copies: BookCopies, limit: number): Promise<OperatorHistory> {
  const silent: string[] = [];
  const entries = new Map<string, HistoryEntry>();
  const add = (id: string, entry: HistoryEntry) => {
    const known = entries.get(id);
    const books = [...(known?.books ?? []), ...entry.books].toSorted();
    entries.set(id, { ...entry, books });
  };
  await Promise.all(
    copies.books.map(async (book) => {
      const books = [book.name];
      try {
        const database = await copies.newestCopy(book);
        const [operations, takeOvers] = await database.ask((sql) =>
          Promise.all([readOperations(sql, limit), readTakeOvers(sql, limit)]),
        );
        for (const { id, atMicros, kind, who, why, details, epoch } of operations) {
          const at = new Date(atMicros / 1_000).toISOString();
          add(id, { at, kind, books, who, why, details, epoch });
        }
        for (const { id, at, reference, epoch } of takeOvers) {
          const entry = { at: at.toISOString(), books, who: reference, why: '', details: {} };
          add(id, { ...entry, kind: 'take-over', epoch: Number(epoch) });
        }
      } catch {
        silent.push(book.name);
      }
    }),
  );
  const sorted = [...entries.values()].toSorted((a, b) => (a.at < b.at ? 1 : -1));
  return { entries: sorted.slice(0, limit), silent: silent.toSorted() };
}

interface TakeOverRow {
  id: string;
  at: Date;
  reference: string;
  epoch: bigint;
}

/** The rows of the last epochs, found by their ids: the journal has no index of its kinds. */
async function readTakeOvers(sql: Sql, limit: number): Promise<TakeOverRow[]> {
  const [head] = await sql<{ instance: string; epoch: bigint }[]>`SELECT instance, epoch FROM head`;
  if (head === undefined) return [];
  const newest = Number(head.epoch);
  const epochs = Array.from({ length: Math.min(limit, newest) }, (_, index) => newest - index);
  const ids = epochs.map((epoch) => derivedId('take-over', head.instance, String(epoch)));
  return sql<TakeOverRow[]>`
    SELECT id, at, reference, epoch FROM journal WHERE id = ANY(${textsLiteral(ids)}::uuid[])`;
}
