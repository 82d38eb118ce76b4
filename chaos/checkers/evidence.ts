import { bookOf } from '../../ledger/core/account-id.ts';
import { transferIdOf } from '../../ledger/core/transfer-id.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import type { CopyRead, FinalReads } from '../history/final-reads.ts';
import type { TransferOperation } from '../history/operation.ts';
import type { History } from '../history/read-history.ts';
import { FinalBook } from './final-book.ts';

/** Everything that a run has left: what clients saw, what was broken, what the books have now. */
export interface Evidence extends History {
  /** By number; only those whose primary was read. */
  readonly books: ReadonlyMap<number, FinalBook>;
  /** Calls that ask for transfers, by book and transfer: `callName`. Dry runs are left out. */
  readonly calls: ReadonlyMap<string, readonly TransferOperation[]>;
  /** Why the final reads are not complete, one sentence each. */
  readonly missing: readonly string[];
  /** Why the history itself is not complete. */
  readonly cut: readonly string[];
}

/** Brings together what a run has recorded and read back. */
export function gatherEvidence(history: History, { copies, missing }: FinalReads): Evidence {
  const unread = [...missing];
  const books = new Map<number, FinalBook>();
  for (const book of history.header.books) {
    const own = copies.filter((copy) => copy.book === book.number);
    for (const region of book.copies) {
      if (own.some((copy) => copy.region === region)) continue;
      const why = `the copy of ${book.name} in ${region} was not read`;
      // The reader may have said so already.
      if (!unread.some((known) => known.startsWith(why))) unread.push(why);
    }
    const primaries = own.filter(({ role }) => role === 'primary');
    const [primary] = primaries;
    if (primary === undefined || primaries.length > 1) {
      unread.push(`${primaries.length} copies of ${book.name} say that they are the primary`);
      continue;
    }
    const replicas: CopyRead[] = own.filter((copy) => copy !== primary);
    books.set(book.number, new FinalBook(book, primary, replicas));
  }
  const cut = history.isTorn ? ['the history breaks off before the end of the run'] : [];
  const calls = callsOf(history.operations.transfers);
  return { ...history, books, calls, missing: [...cut, ...unread], cut };
}

/** The book that decides a transfer: that of its payer. */
export function decidingBook(request: CreateTransferRequest): number {
  const { action } = request;
  const payer =
    action?.$case === 'group' ? action.value.legs[0]?.debitAccountId : request.debitAccountId;
  return bookOf(payer ?? 0n);
}

export function callName(book: number, transferId: string): string {
  return `${book} ${transferId}`;
}

function callsOf(transfers: readonly TransferOperation[]): Map<string, TransferOperation[]> {
  const calls = new Map<string, TransferOperation[]>();
  for (const operation of transfers) {
    const { value: request } = operation;
    if (request.dryRun) continue;
    const id = transferIdOf(request.namespace, request.idempotencyKey);
    const name = callName(decidingBook(request), id);
    const known = calls.get(name);
    if (known === undefined) calls.set(name, [operation]);
    else known.push(operation);
  }
  return calls;
}
