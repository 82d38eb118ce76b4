import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { storedOptions } from '../../../ledger/core/validate/options.ts';
import {
  differingRecoveredField,
  type TransferFields,
} from '../../../ledger/core/validate/same-request.ts';
import { transferIdOf } from '../../../ledger/core/transfer-id.ts';
import type {
  BalancesOperation,
  ChangeOperation,
  Operation,
  TransferOperation,
} from '../history/operation.ts';
import type { invariants } from './all.ts';
import type { Evidence } from './evidence.ts';
import type { FinalBook } from './final-book.ts';

/** The rows that the database of a book lost when an older copy replaced it. */
export interface LostRows {
  /** Number of the book. */
  readonly book: number;
  /** The seq of each row that the copy lacks, by its id. */
  readonly seqs: ReadonlyMap<string, number>;
  /** By Date.now(): when the copy was about to be made, and when it was in place. */
  readonly copiedMs: number;
  readonly restoredMs: number;
}

/** Invariants that hold of a run in which a book lost rows and was repaired (chaos/README.md). */
export const THOUGH_ROWS_ARE_LOST: readonly (keyof typeof invariants)[] = [
  'I1',
  'I2',
  'I3',
  'I4',
  'I6',
  'I9',
  'I10',
  'I11',
  'I17',
  'I23',
];

/**
 * The evidence without the calls that ask for what was lost for good: what the replaced database
 * had, the journal has not, and no other book has a leg of. What a repair has booked again is
 * excused from having what a leg does not carry, and from nothing else. That a place in the
 * journal was acknowledged is excused of the row that the replaced database had there. Balances
 * of the book that were read after the copy and before the restore are left out: they are those
 * of a journal that is no more.
 */
export function withoutLost(evidence: Evidence, lost: LostRows): Evidence {
  const { book: number, seqs } = lost;
  const book = evidence.books.get(number);
  if (book === undefined) return evidence;
  const elsewhere = arrivedFrom(evidence, number);
  const names = (id: string) => `${number} ${id}`;
  const isLost = (id: string) => seqs.has(id) && !book.byId.has(id) && !elsewhere.has(id);
  const calls = new Map(
    [...evidence.calls].filter(([name, asked]) => {
      const id = name.slice(names('').length);
      if (name !== names(id)) return true;
      return (
        !isLost(id) &&
        !isBookedAgain(
          book,
          id,
          asked.map(({ value }) => value),
        )
      );
    }),
  );
  const changeCalls = new Map(
    [...evidence.changeCalls].filter(
      ([name]) => !name.startsWith(names('')) || !isLost(name.slice(names('').length)),
    ),
  );
  const isToBeThere = ({ value, reply }: TransferOperation | ChangeOperation) => {
    if (reply === null || reply.position.book !== number) return true;
    const id = transferIdOf(value.namespace, value.idempotencyKey);
    return seqs.get(id) !== reply.position.seq;
  };
  const { transfers, changes, balances } = evidence.operations;
  const between = timesBetween(evidence, lost);
  const operations = {
    ...evidence.operations,
    transfers: transfers.filter(isToBeThere),
    changes: changes.filter(isToBeThere),
    balances: balances.filter((read) => !(between(read) && isOfBook(read, number))),
  };
  return { ...evidence, operations, calls, changeCalls };
}

/** Says whether a call overlaps the time between the copy and the restore. */
function timesBetween({ phases }: Evidence, { copiedMs, restoredMs }: LostRows) {
  const [startMs = NaN] = phases.flatMap(({ wallMs, ns }) =>
    wallMs === undefined ? [] : [wallMs - ns / 1e6],
  );
  return ({ invokedNs, returnedNs }: Operation) =>
    returnedNs / 1e6 > copiedMs - startMs && invokedNs / 1e6 < restoredMs - startMs;
}

function isOfBook({ value, reply }: BalancesOperation, number: number): boolean {
  return (
    value.books.includes(number) || (reply ?? []).some(({ position }) => position.book === number)
  );
}

/** Ids of all legs of a book that any other has a row of. */
function arrivedFrom({ books }: Evidence, number: number): Set<string> {
  const rows = [...books.values()].flatMap(({ arrivals }) => arrivals.get(number) ?? []);
  return new Set(rows.flatMap(({ originId }) => originId ?? []));
}

/** True if a repair has booked what all of these have asked, as far as its leg carries it. */
function isBookedAgain({ byId }: FinalBook, id: string, asked: readonly TransferFields[]): boolean {
  const row = byId.get(id);
  if (row === undefined || (row.details?.by ?? '') === '') return false;
  const again = requestOf(row);
  return asked.every((request) => differingRecoveredField(again, request) === '');
}

function requestOf({
  kind,
  debitAccount,
  peer,
  amount,
  details,
  ...row
}: JournalRow): TransferFields {
  const stored = storedOptions(details?.options ?? '');
  return {
    ...row,
    ...stored,
    debitAccountId: debitAccount ?? 0n,
    creditAccountId: kind === RowKind.capture ? 0n : (peer?.account ?? 0n),
    amount: amount ?? 0n,
    metadata: { ...row.metadata },
  };
}
