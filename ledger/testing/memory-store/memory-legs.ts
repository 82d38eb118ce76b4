import type { NumberedLeg as ListedLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { type JournalRow, RowKind } from '../../core/journal-row.ts';
import {
  captureOf,
  legFrom,
  type LegRow,
  listedCapture,
  reversedTransfer,
  REVERSES,
} from '../../store/stored-leg.ts';
import type { NumberedLeg } from '../../store/stored-records.ts';
import type { MemoryBook } from './memory-book.ts';

/** Numbers of a channel that are wanted: after the first, through the second. */
interface Numbers {
  readonly after: number;
  readonly through: number;
  readonly limit: number;
}

/** Rows of legs with their numbers, in order of these. */
function wanted(
  rows: readonly JournalRow[],
  { after, through, limit }: Numbers,
): { readonly row: JournalRow; readonly number: number }[] {
  return rows
    .flatMap((row) => {
      const number = row.peer?.number ?? 0;
      return number > after && number <= through ? [{ row, number }] : [];
    })
    .toSorted((a, b) => a.number - b.number)
    .slice(0, limit);
}

/** A leg of a channel; undefined where the book has no account of its row. */
function legRow(
  { accounts }: MemoryBook,
  row: JournalRow,
  number: number,
  parties: Pick<LegRow, 'transfer_id' | 'debit_account' | 'credit_account'>,
): LegRow | undefined {
  const transit = accounts.get(row.debitAccount ?? 0n);
  if (transit === undefined) return undefined;
  const { details } = row;
  return {
    ...parties,
    channel_number: BigInt(number),
    amount: row.amount ?? 0n,
    asset: transit.account.asset,
    code: row.code,
    reference: row.reference,
    metadata: { ...row.metadata },
    kind: row.kind,
    options: details === null || details.options === '' ? null : details.options,
    drawn_id: details?.drawn?.id ?? null,
    at_micros: BigInt(row.atMicros),
  };
}

/** Legs that left the book: a recovered leg takes the place of the one that had its number. */
export function sentLegs(book: MemoryBook, peerBook: number, numbers: Numbers): NumberedLeg[] {
  const sent = book.rows.filter(
    ({ kind, peer }) =>
      peer?.book === peerBook && peer.number !== null && kind !== RowKind.settlement,
  );
  const recovered = new Set(
    sent.flatMap(({ kind, peer }) => (kind === RowKind.recovered ? (peer?.number ?? []) : [])),
  );
  const standing = sent.filter(
    ({ kind, peer }) => kind === RowKind.recovered || !recovered.has(peer?.number ?? 0),
  );
  return wanted(standing, numbers).flatMap(({ row, number }) => {
    const leg = legRow(book, row, number, {
      transfer_id: (row.kind === RowKind.recovered ? row.originId : row.id) ?? '',
      debit_account: row.debitAccount ?? 0n,
      credit_account: row.peer?.account ?? 0n,
    });
    if (leg === undefined) return [];
    return {
      number,
      leg: legFrom(leg, reversedTransfer(leg)),
      drawn: REVERSES.has(row.kind) ? leg.drawn_id : null,
      kind: row.kind,
      atMicros: row.atMicros,
      capture: captureOf(leg),
    };
  });
}

/** Legs that left the book, with the reasons for which they came back. */
export function closedLegs(book: MemoryBook, peerBook: number, numbers: Numbers): ListedLeg[] {
  return sentLegs(book, peerBook, numbers).map(({ number, leg, atMicros, capture }) => ({
    number: BigInt(number),
    leg,
    reason: book.returns.get(leg.transferId)?.reason ?? Reason.UNSPECIFIED,
    atMicros: BigInt(atMicros),
    capture: listedCapture(BigInt(number), capture),
  }));
}

const settlements = ({ rows }: MemoryBook, originBook: number) =>
  rows.filter(({ kind, peer }) => kind === RowKind.settlement && peer?.book === originBook);

/** Legs that arrived from a book, and their results. */
export function arrivedLegs(book: MemoryBook, originBook: number, numbers: Numbers): ListedLeg[] {
  return wanted(settlements(book, originBook), numbers).flatMap(({ row, number }) => {
    const leg = legRow(book, row, number, {
      transfer_id: row.originId ?? '',
      debit_account: row.peer?.account ?? 0n,
      credit_account: row.creditAccount ?? 0n,
    });
    if (leg === undefined) return [];
    return {
      number: BigInt(number),
      leg: legFrom(leg, leg.drawn_id ?? ''),
      reason: row.reason,
      atMicros: leg.at_micros,
      capture: listedCapture(BigInt(number), captureOf(leg)),
    };
  });
}

/** Numbers that arrived from a book and were refused. */
export function refusedNumbers(
  book: MemoryBook,
  originBook: number,
  after: number,
  through: number,
): { readonly number: number; readonly reason: Reason }[] {
  const refused = settlements(book, originBook).filter(({ reason }) => reason !== 0);
  return wanted(refused, { after, through, limit: Infinity }).map(
    ({ row: { reason }, number }) => ({
      number,
      reason,
    }),
  );
}
