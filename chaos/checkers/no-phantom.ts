import { RowKind, TRANSFER_KINDS } from '../../ledger/core/journal-row.ts';
import { transferIdOf } from '../../ledger/core/transfer-id.ts';
import { differsFrom } from './asked-row.ts';
import { callName } from './evidence.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I5: nothing happens that was not asked for.
 *
 * Every row of the run by which a book decided a transfer, a group with its legs or a change
 * has the key and every field of a call that was made, whatever was heard of it; a dry run asks
 * for nothing. Rows are of the run if their namespace is one of its own, or all that are newer
 * than its beginning where it had the installation for itself; there the accounts that were
 * opened are asked for, too. An applied row's amount, asset and conditions are those that the
 * row says were asked (the audit of the journal).
 */
export const noPhantom: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I5');
  const { namespaces, exclusive } = evidence.header;
  const own = new Set(namespaces);
  const changes = new Set(
    evidence.operations.changes.map(({ value }) =>
      transferIdOf(value.namespace, value.idempotencyKey),
    ),
  );
  const opened = new Set(evidence.operations.opens.map(({ value }) => value.externalId));
  for (const book of evidence.books.values()) {
    for (const row of book.rows) {
      if (row.seq <= book.startSeq) continue;
      if (!exclusive && !own.has(row.namespace)) continue;
      const shown = { rows: [{ book: book.number, row }] };
      const at = `${book.name}, seq ${row.seq}`;
      if (row.kind === RowKind.account && exclusive) {
        const isTransit = book.scan.accounts.get(row.creditAccount ?? 0n)?.transit === true;
        if (isTransit || opened.has(row.key)) continue;
        found.violated(`${at}: nobody opened account ${row.key}`, shown);
      }
      if (row.kind === RowKind.change) {
        found.looked();
        if (!changes.has(row.id)) found.violated(`${at}: nobody asked for change ${row.id}`, shown);
      }
      if (!TRANSFER_KINDS.includes(row.kind) || (row.details?.groupId ?? null) !== null) continue;
      found.looked();
      const calls = evidence.calls.get(callName(book.number, row.id)) ?? [];
      const fields = calls.map(({ value }) => differsFrom(row, value, book));
      if (fields.includes('')) continue;
      const [operation] = calls;
      if (operation === undefined) found.violated(`${at}: nobody asked for ${row.id}`, shown);
      else {
        const text = `${at}: nobody asked for ${row.id} with this ${fields[0]}`;
        found.violated(text, { ...shown, operations: [operation] });
      }
    }
  }
  return found.verdict();
};
