import { type JournalRow, RowKind } from '../../ledger/core/journal-row.ts';
import { storedOptions } from '../../ledger/core/options.ts';
import { differingTransferField, type TransferFields } from '../../ledger/core/same-request.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import type { FinalBook } from './final-book.ts';

/** Name of the first field in which a request is not what a row says was asked; '' if none. */
export function differsFrom(row: JournalRow, request: CreateTransferRequest, book: FinalBook) {
  return differingTransferField(askedBy(row, book), request);
}

/** What was asked by the request that a row decided; of a group with its legs. */
function askedBy(row: JournalRow, book: FinalBook): TransferFields {
  const stored = optionsOf(row);
  const drawsOnHold = row.kind === RowKind.capture || row.kind === RowKind.release;
  return {
    debitAccountId: row.debitAccount ?? 0n,
    creditAccountId: drawsOnHold ? 0n : (row.peer?.account ?? row.creditAccount ?? 0n),
    amount: stored.amount ?? row.amount ?? 0n,
    asset: row.asset,
    code: row.code,
    reference: row.reference,
    metadata: { ...row.metadata },
    action: row.kind === RowKind.group ? groupOf(row, book) : stored.action,
    upTo: stored.upTo,
    conditions: stored.conditions,
  };
}

const PLAIN = storedOptions('');

function optionsOf({ details }: JournalRow) {
  if (details === null || details.options === '') return PLAIN;
  try {
    return storedOptions(details.options);
  } catch {
    // The audit of the journal names it.
    return PLAIN;
  }
}

function groupOf({ id }: JournalRow, book: FinalBook): TransferFields['action'] {
  const legs = (book.legs.get(id) ?? []).map((leg) => {
    const { action, ...fields } = askedBy(leg, book);
    return { ...fields, action: action?.$case === 'group' ? undefined : action };
  });
  return { $case: 'group', value: { legs } };
}
