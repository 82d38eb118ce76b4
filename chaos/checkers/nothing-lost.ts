import type { JournalRow } from '../../ledger/core/journal-row.ts';
import { settlementId, transferIdOf } from '../../ledger/core/transfer-id.ts';
import type { Operation, Position, TransferOperation } from '../history/operation.ts';
import { differsFrom } from './asked-row.ts';
import type { Evidence } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I4: no acknowledged outcome is lost.
 *
 * Every `ok` to a transfer, a change or an opening, a replayed one too, names something that is
 * in the final journal of its book, under its id, with what was asked, and in every other copy
 * at the same place. What was said to be posted in another book is in the journal of that one,
 * and what was said to be returned has its return. A copy that has not come so far yet makes
 * the verdict unknown.
 */
export const nothingLost: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  const needed = new Map<FinalBook, number>();
  const check = (operation: Operation, position: Position, id: string) => {
    const book = evidence.books.get(position.book);
    if (book === undefined) return undefined;
    found.looked();
    const row = book.byId.get(id);
    if (row === undefined) {
      const at = `${book.name}, seq ${position.seq} of epoch ${position.epoch}`;
      found.violated(`${at}: acknowledged ${operation.f} ${id} is not there`, {
        operations: [operation],
      });
      return undefined;
    }
    needed.set(book, Math.max(needed.get(book) ?? 0, row.seq));
    return { book, row };
  };
  const { transfers, changes, opens } = evidence.operations;
  for (const operation of transfers) {
    const { reply, value } = operation;
    if (reply === null || value.dryRun || reply.reason === 'IDEMPOTENCY_KEY_REUSED') continue;
    const kept = check(operation, reply.position, reply.transferId);
    if (kept !== undefined) checkContent(operation, kept.book, kept.row, evidence, found);
  }
  for (const operation of changes) {
    const { reply, value } = operation;
    if (reply === null || value.dryRun || reply.reason === 'IDEMPOTENCY_KEY_REUSED') continue;
    check(operation, reply.position, transferIdOf(value.namespace, value.idempotencyKey));
  }
  for (const operation of opens) {
    const { reply, value } = operation;
    if (reply === null || value.dryRun || reply.accountId === '') continue;
    const book = evidence.books.get(reply.position.book);
    if (book === undefined) continue;
    found.looked();
    if (book.scan.accounts.get(BigInt(reply.accountId))?.externalId === value.externalId) continue;
    const text = `${book.name}: account ${value.externalId}, acknowledged, is not there`;
    found.violated(text, { operations: [operation] });
  }
  for (const [book, seq] of needed) checkCopies(book, seq, found);
  return found.verdict();
};

function checkContent(
  operation: TransferOperation,
  book: FinalBook,
  row: JournalRow,
  evidence: Evidence,
  found: Case,
): void {
  const { value, reply } = operation;
  const shown = { operations: [operation], rows: [{ book: book.number, row }] };
  const at = `${book.name}, seq ${row.seq}`;
  const field = differsFrom(row, value, book);
  if (field !== '') found.violated(`${at}: has another ${field} than was acknowledged`, shown);
  if (reply === null || reply.status === 'REJECTED') return;
  if (row.reason !== 0) {
    found.violated(`${at}: acknowledged as ${reply.status}, was rejected`, shown);
    return;
  }
  if (reply.status === 'RETURNED') {
    const returns = book.returns.get(row.peer?.book ?? 0) ?? [];
    // There are few of them, but not so few as to go through all for each.
    if (!returnedIds(returns).has(row.id)) found.violated(`${at}: has no return`, shown);
    return;
  }
  if (reply.status !== 'POSTED') return;
  const legs = row.peer === null ? [] : [row];
  for (const leg of legs) {
    const payee = evidence.books.get(leg.peer?.book ?? 0);
    if (payee === undefined) continue;
    const second = payee.byId.get(settlementId(book.number, leg.id));
    if (second === undefined || second.reason !== 0) {
      found.violated(`${at}: acknowledged as posted, ${payee.name} has not applied it`, shown);
    }
  }
}

const known = new WeakMap<readonly JournalRow[], Set<string>>();

function returnedIds(returns: readonly JournalRow[]): Set<string> {
  const ids = known.get(returns) ?? new Set(returns.map(({ originId }) => originId ?? ''));
  known.set(returns, ids);
  return ids;
}

/** Everything up to the newest acknowledged row is in every copy, at the same place. */
function checkCopies(book: FinalBook, through: number, found: Case): void {
  for (const { region, rows } of book.replicas) {
    if (rows.length < through) {
      const behind = `the copy of ${book.name} in ${region} ends at seq ${rows.length}`;
      found.unknown(`${behind}, acknowledged is ${through}`);
    }
    const count = Math.min(through, rows.length);
    for (let index = 0; index < count; index += 1) {
      const row = book.rows[index];
      const other = rows[index]?.row;
      if (row === other || row === undefined || row.id === other?.id) continue;
      found.violated(`the copy of ${book.name} in ${region} has no ${row.id} at seq ${row.seq}`, {
        rows: [{ book: book.number, row }],
      });
    }
  }
}
