import { type JournalRow, RowKind, TRANSFER_KINDS } from '../../../ledger/core/journal-row.ts';
import { storedChange, storedOptions } from '../../../ledger/core/validate/options.ts';
import {
  type ChangeFields,
  differingAccountField,
  differingChangeField,
  differingTransferField,
  openedAs,
  type TransferFields,
} from '../../../ledger/core/validate/same-request.ts';
import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { FinalBook } from './final-book.ts';

/**
 * Returns the name of the first field in which a request differs from what a row states was asked;
 * '' if none, `kind` if the row is of another kind.
 */
export function differsFrom(row: JournalRow, request: CreateTransferRequest, book: FinalBook) {
  if (!TRANSFER_KINDS.includes(row.kind)) return 'kind';
  return differingTransferField(askedBy(row, book), request);
}

/** The same for a change of an account. */
export function changeDiffersFrom(row: JournalRow, request: ChangeAccountRequest): string {
  const asked = changeAskedBy(row);
  return asked === undefined ? 'kind' : differingChangeField(asked, request);
}

/** The same for an opening; its region is that of the book of the row. */
export function openingDiffersFrom(row: JournalRow, request: OpenAccountRequest): string {
  if (row.kind !== RowKind.account) return 'kind';
  if (row.key !== request.externalId) return 'external_id';
  const { asset, metadata, reference } = row;
  const limits = LIMITS.exec(reference);
  if (limits === null) return 'min_balance';
  const minBalance = limitOf(limits[1]);
  const opened = { asset, minBalance, maxBalance: limitOf(limits[2]), metadata };
  return differingAccountField(opened, openedAs(request));
}

/** Limits in the form that the row of an opening has. */
const LIMITS = /^min=(none|-?\d+) max=(none|-?\d+)$/u;

function limitOf(text = 'none'): bigint | null {
  return text === 'none' ? null : BigInt(text);
}

/** Undefined: the row is of another kind, or cannot be read. */
function changeAskedBy(row: JournalRow): ChangeFields | undefined {
  const { kind, creditAccount, reference, metadata, details } = row;
  if (kind !== RowKind.change || details === null) return undefined;
  try {
    const stored = storedChange(details.options, metadata);
    return { accountId: creditAccount ?? 0n, by: details.by, why: reference, ...stored };
  } catch {
    // The audit of the journal names it.
    return undefined;
  }
}

/** The request that a row decided; of a group with its legs. */
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
    allowZero: stored.allowZero,
    rest: stored.rest,
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
    const { action, rest = false, ...fields } = askedBy(leg, book);
    return { ...fields, rest, action: action?.$case === 'group' ? undefined : action };
  });
  return { $case: 'group', value: { legs } };
}
