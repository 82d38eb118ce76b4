import {
  type AccountTest,
  type Filter,
  type MetadataTest,
  Side,
  type TimeRange,
} from '../../../proto/gen/meridian/v1/query.ts';
import { type Transfer, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { type JournalRow, RowKind, TRANSFER_KINDS } from '../../core/journal-row.ts';
import { jsonbText } from '../../core/row-bytes.ts';
import { microsBefore } from '../../core/timestamp.ts';
import { settlementId } from '../../core/transfer-id.ts';
import { storedLegs } from '../../core/validate/options.ts';
import {
  type LegsWanted,
  TooManyBytes,
  TooManyLegs,
  type TransferSearch,
} from '../../store/asked-pages.ts';
import type { StoredTransfer } from '../../store/stored-records.ts';
import { storedTransfer, type TransferRow } from '../../store/stored-transfer.ts';
import type { MemoryBook } from './memory-book.ts';

const isTransfer = ({ kind }: JournalRow) => TRANSFER_KINDS.includes(kind);

/** The transfers among `ids`, by id. @throws TooManyLegs, TooManyBytes */
export function transfersOf(
  book: MemoryBook,
  ids: readonly string[],
  { legsMax, bytesMax = Infinity, wants }: LegsWanted,
): Map<string, StoredTransfer> {
  const rows = ids.flatMap((id) => book.byId.get(id) ?? []).filter(isTransfer);
  refuseBytes(rows, bytesMax);
  const groups = rows.filter(
    ({ id, kind, details }) =>
      kind === RowKind.group && wants(id, storedLegs(details?.options ?? '')),
  );
  const legs = new Map(
    groups.map(({ id }) => [id, (book.byGroup.get(id) ?? []).filter(isTransfer)]),
  );
  const all = [...legs.values()].flat();
  refuseBytes(all.toSorted((a, b) => a.seq - b.seq).slice(0, legsMax + 1), bytesMax);
  if (all.length > legsMax) throw new TooManyLegs(`there are more than ${legsMax} legs`);
  const { number } = book.book;
  const stored = (row: JournalRow, of: readonly StoredTransfer[] | null) =>
    storedTransfer(transferRow(book, row), number, of);
  return new Map(
    rows.map((row) => [
      row.id,
      stored(row, legs.get(row.id)?.map((leg) => stored(leg, null)) ?? null),
    ]),
  );
}

function refuseBytes(rows: readonly JournalRow[], bytesMax: number): void {
  const bytes = rows.reduce((sum, { metadata }) => sum + bytesOf(metadata), 0);
  if (bytes > bytesMax) throw new TooManyBytes(`there are more than ${bytesMax} bytes`);
}

/** Bytes of metadata as a database prints them; none take none. */
function bytesOf(metadata: JournalRow['metadata']): number {
  for (const _ in metadata) return Buffer.byteLength(jsonbText(metadata));
  return 0;
}

/** A page of the transfers that pass a filter, by their place in the journal. */
export function foundTransfers(book: MemoryBook, search: TransferSearch): Transfer[] {
  const { account, filter, books, within, newestFirst, limit } = search;
  const found = book.rows.filter((row) => {
    const place = BigInt(row.seq);
    if (place <= within.after || place > within.through) return false;
    if (!isTransfer(row) && row.kind !== RowKind.settlement) return false;
    const isOfAccount =
      account === null || row.debitAccount === account || row.creditAccount === account;
    return isOfAccount && (filter === undefined || passes(book, books, row, filter));
  });
  const ordered = newestFirst ? found.toReversed() : found;
  return ordered
    .slice(0, limit)
    .map((row) => storedTransfer(transferRow(book, row), book.book.number, null).transfer);
}

function passes(
  book: MemoryBook,
  books: readonly number[],
  row: JournalRow,
  { test }: Filter,
): boolean {
  const each = (filter: Filter) => passes(book, books, row, filter);
  const { drawn } = row.details ?? {};
  const drawnId = drawn?.id;
  const draws = drawn !== null && drawn !== undefined && drawn.left !== null;
  switch (test?.$case) {
    case undefined:
      return false;
    case 'account':
      return ofAccount(row, test.value);
    case 'code':
      return row.code === test.value;
    case 'reference':
      return row.reference === test.value;
    case 'metadata':
      return ofMetadata(row, test.value);
    case 'time':
      return ofTime(row, test.value);
    case 'status':
      return statusOf(book, row) === test.value;
    case 'holdId':
      return (
        (row.kind === RowKind.capture || row.kind === RowKind.release) &&
        draws &&
        drawnId === test.value.toLowerCase()
      );
    case 'reversalOf': {
      const id = test.value.toLowerCase();
      const rows = [id, ...books.map((number) => settlementId(number, id))];
      if (row.kind === RowKind.settlement) return drawnId === id;
      return row.kind === RowKind.reversal && draws && rows.includes(drawnId ?? '');
    }
    case 'allOf':
      return test.value.filters.every(each);
    case 'anyOf':
      return test.value.filters.some(each);
    case 'noneOf':
      return !each(test.value);
  }
}

function ofAccount({ debitAccount, creditAccount }: JournalRow, { accountId, side }: AccountTest) {
  if (side !== Side.CREDIT && debitAccount === accountId) return true;
  return side !== Side.DEBIT && creditAccount === accountId;
}

function ofMetadata({ metadata }: JournalRow, { name, value }: MetadataTest): boolean {
  if (!Object.hasOwn(metadata, name)) return false;
  return value === undefined || metadata[name] === value;
}

function ofTime({ atMicros }: JournalRow, { from, to }: TimeRange): boolean {
  const at = BigInt(atMicros);
  if (from !== undefined && at <= microsBefore(from)) return false;
  return to === undefined || at <= microsBefore(to);
}

const wentAway = ({ kind, peer }: JournalRow) =>
  peer !== null && peer.number !== null && kind !== RowKind.settlement;

/** What is left of a row after the newest that draws on it; undefined: none does. */
const newestLeft = ({ drawing }: MemoryBook, id: string) =>
  drawing.get(id)?.at(-1)?.details?.drawn?.left ?? undefined;

function statusOf(book: MemoryBook, row: JournalRow): TransferStatus {
  const { id, kind, reason, peer } = row;
  if (reason !== 0) return TransferStatus.REJECTED;
  if (kind === RowKind.release) return TransferStatus.RELEASED;
  if (kind === RowKind.hold) return holdStatusOf(book, row);
  if (!wentAway(row)) return TransferStatus.POSTED;
  if (book.returns.has(id)) return TransferStatus.RETURNED;
  const settled = book.channels.get(peer?.book ?? 0)?.settled ?? Infinity;
  return (peer?.number ?? 0) > settled ? TransferStatus.IN_TRANSIT : TransferStatus.POSTED;
}

function holdStatusOf(book: MemoryBook, { id, amount }: JournalRow): TransferStatus {
  if (amount === null) return TransferStatus.CAPTURED;
  const newest = book.drawing.get(id)?.at(-1);
  if (newest === undefined || (newestLeft(book, id) ?? 0n) > 0n) return TransferStatus.HELD;
  if (newest.kind === RowKind.release) return TransferStatus.RELEASED;
  const captured = newest.kind === RowKind.capture || newest.kind === RowKind.rest;
  return captured ? TransferStatus.CAPTURED : TransferStatus.EXPIRED;
}

function transferRow(book: MemoryBook, row: JournalRow): TransferRow {
  const { kind, reason, peer, details, debitAccount, creditAccount } = row;
  const settled = kind === RowKind.settlement;
  const returned = wentAway(row) ? book.returns.get(row.id)?.reason : undefined;
  const draws = [RowKind.transfer, RowKind.capture].some((each) => each === kind);
  const isDrawnOn = reason === 0 && (kind === RowKind.hold || (peer === null && draws));
  const expires = details?.expiresAtMicros ?? null;
  return {
    id: row.id,
    kind,
    seq: BigInt(row.seq),
    epoch: BigInt(row.epoch),
    payer: settled ? (peer?.account ?? null) : debitAccount,
    payee: settled ? creditAccount : (peer?.account ?? creditAccount),
    amount: row.amount,
    peer_book: peer?.book ?? null,
    channel_number: peer === null || peer.number === null ? null : BigInt(peer.number),
    origin_id: row.originId,
    drawn_id: details?.drawn?.id ?? null,
    namespace: row.namespace,
    key: row.key === '' ? null : row.key,
    asset: row.asset,
    code: row.code,
    reference: row.reference,
    metadata: { ...row.metadata },
    group_id: details?.groupId ?? null,
    options: details?.options ?? null,
    changed_by: details === null || details.by === '' ? null : details.by,
    at_micros: BigInt(row.atMicros),
    expires_micros: expires === null ? null : BigInt(expires),
    status: statusOf(book, row),
    final_reason: returned ?? reason,
    left_amount: isDrawnOn ? (newestLeft(book, row.id) ?? row.amount ?? 0n) : 0n,
    captured_amount: reason === 0 && kind === RowKind.hold ? capturedOf(book, row.id) : 0n,
  };
}

/** The captured amount of a hold, less what came back. */
function capturedOf({ drawing, returns }: MemoryBook, holdId: string): bigint {
  return (drawing.get(holdId) ?? [])
    .filter(({ id, kind }) => kind === RowKind.capture && !returns.has(id))
    .reduce((sum, { amount }) => sum + (amount ?? 0n), 0n);
}
