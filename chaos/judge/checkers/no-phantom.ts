import { type JournalRow, RowKind, TRANSFER_KINDS } from '../../../ledger/core/journal-row.ts';
import type { Operation } from '../history/operation.ts';
import { changeDiffersFrom, differsFrom, openingDiffersFrom } from './asked-row.ts';
import { callName, openName } from './calls.ts';
import { homeRegions } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I5: nothing happens that was not asked for.
 *
 * Every row of the run by which a book decided a transfer, a group with its legs or a change has
 * the key and every field of a call that was made, whatever its outcome; a dry run requests
 * nothing. Rows are of the run if their namespace is one of its own, or, in an exclusive
 * installation, if they are newer than its beginning; there the opened accounts were requested,
 * too, in that region, with that asset, those limits and metadata. An applied row's amount, asset
 * and conditions are those that the row states were asked (the audit of the journal); the settings
 * that an applied change leads to follow from what its row states was asked (I9).
 */
export const noPhantom: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I5');
  const { namespaces, exclusive } = evidence.header;
  const own = new Set(namespaces);
  const regions = homeRegions(evidence);
  /** A call has asked for exactly what the row states. */
  const check = <Call extends Operation>(
    { name, number }: FinalBook,
    row: JournalRow,
    calls: readonly Call[],
    differingField: (call: Call) => string,
  ) => {
    found.looked();
    const fields = calls.map(differingField);
    if (fields.includes('')) return;
    const rows = [{ book: number, row }];
    const what = row.kind === RowKind.account ? `account ${row.key}` : row.id;
    const text = `${name}, seq ${row.seq}: no call asked for ${what}`;
    const [operation] = calls;
    if (operation === undefined) found.violated(text, { rows });
    else found.violated(`${text} with this ${fields[0]}`, { operations: [operation], rows });
  };
  for (const book of evidence.books.values()) {
    for (const row of book.rows) {
      if (row.seq <= book.startSeq) continue;
      if (!exclusive && !own.has(row.namespace)) continue;
      const isLeg = (row.details?.groupId ?? null) !== null;
      if (row.kind === RowKind.account && exclusive) {
        if (book.scan.accounts.get(row.creditAccount ?? 0n)?.transit === true) continue;
        const calls =
          evidence.openCalls.get(openName(regions.get(book.number) ?? '', row.key)) ?? [];
        check(book, row, calls, ({ value }) => openingDiffersFrom(row, value));
      } else if (row.kind === RowKind.change) {
        const calls = evidence.changeCalls.get(callName(book.number, row.id)) ?? [];
        check(book, row, calls, ({ value }) => changeDiffersFrom(row, value));
      } else if (TRANSFER_KINDS.includes(row.kind) && !isLeg) {
        const calls = evidence.calls.get(callName(book.number, row.id)) ?? [];
        check(book, row, calls, ({ value }) => differsFrom(row, value, book));
      }
    }
  }
  return found.verdict();
};
