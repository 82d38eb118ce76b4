import type { Acknowledgement, CallRequest, RecordedCall } from '../load/call-log.ts';
import type { ArrivedRow, DecidedRow, ReadBack } from './read-back.ts';

/** Compares the answers that callers received with the journals. Pure: nothing is read here. */

/** A call whose answer or absence of one is now known from the journals, or contradicted. */
export interface Judgement {
  /** Acknowledged, but not in the journal of its book, which could be read. */
  readonly missing: readonly CallRequest[];
  /** Keys with more than one row, or whose money arrived more than once. */
  readonly duplicates: readonly CallRequest[];
  /** Acknowledged with another outcome, place or content than the journal has. */
  readonly contradicted: readonly CallRequest[];
  /** Answered "not applied", but a row exists. */
  readonly falselyRefused: readonly CallRequest[];
  /** Rows with a key that no caller sent. */
  readonly phantoms: readonly DecidedRow[];
  /** Acknowledged as applied by an epoch that a newer one had replaced before the call was sent. */
  readonly deposed: readonly CallRequest[];
}

/** When a newer epoch of a book was first known to lead, in milliseconds since the run began. */
export interface EpochStart {
  readonly book: number;
  readonly epoch: number;
  readonly atMs: number;
}

/**
 * Judges all calls. `reAsked` are the answers to unknown outcomes that were asked again, by key;
 * they are compared with the journals like any other.
 */
export function judge(
  calls: readonly RecordedCall[],
  reAsked: ReadonlyMap<string, Acknowledgement>,
  books: readonly ReadBack[],
  epochs: readonly EpochStart[],
): Judgement {
  const rows = Map.groupBy(
    books.flatMap(({ decided }) => decided),
    ({ key }) => key,
  );
  const couldBeRead = new Set(books.map(({ book }) => book));
  const arrived = Map.groupBy(
    books.flatMap((book) => book.arrived),
    (row) => `${row.originBook} ${row.originId}`,
  );
  const arrivalsOf = ({ book, id }: DecidedRow) => arrived.get(`${book} ${id}`) ?? [];
  const known = ({ book, peerBook }: DecidedRow, found: ArrivedRow[]) =>
    found.length > 0 || couldBeRead.has(peerBook ?? book) ? found : undefined;
  const found = {
    missing: [] as CallRequest[],
    duplicates: [] as CallRequest[],
    contradicted: [] as CallRequest[],
    falselyRefused: [] as CallRequest[],
  };
  for (const call of calls) {
    const own = rows.get(call.key) ?? [];
    const [row] = own;
    const arrivals = row === undefined ? [] : arrivalsOf(row);
    if (own.length > 1 || arrivals.length > 1) found.duplicates.push(call);
    if (call.trouble?.outcome === 'not_applied' && row !== undefined) {
      found.falselyRefused.push(call);
    }
    if (call.acknowledged === undefined && row !== undefined && !isAsAsked(call, row)) {
      found.contradicted.push(call);
    }
    for (const answer of [call.acknowledged, reAsked.get(call.key)]) {
      if (answer === undefined) continue;
      // Of a journal that could not be read, nothing is known.
      if (row === undefined) {
        if (couldBeRead.has(answer.book)) found.missing.push(call);
      } else if (!agrees(call, answer, row, known(row, arrivals))) found.contradicted.push(call);
    }
  }
  const sent = new Set(calls.map(({ key }) => key));
  const phantoms = [...rows.values()].flat().filter(({ key }) => !sent.has(key));
  return { ...found, phantoms, deposed: deposedOf(calls, epochs) };
}

/** Returns whether the row matches the request of the call, regardless of its outcome. */
function isAsAsked(asked: CallRequest, row: DecidedRow): boolean {
  if (row.book !== asked.book || row.kind !== asked.kind) return false;
  if (row.debitAccount !== asked.debitAccount || row.amountMinor !== asked.amountMinor)
    return false;
  return asked.kind === 'capture' || row.payee === asked.creditAccount;
}

/**
 * Returns whether an answer agrees with the journals.
 *
 * @param arrivals undefined: the journal of the payee's book could not be read
 */
function agrees(
  asked: CallRequest,
  answer: Acknowledgement,
  row: DecidedRow,
  arrivals: readonly ArrivedRow[] | undefined,
): boolean {
  if (!isAsAsked(asked, row)) return false;
  if (answer.transferId !== row.id || answer.book !== row.book) return false;
  if (answer.seq !== row.seq || answer.epoch !== row.epoch) return false;
  const [arrival] = arrivals ?? [];
  switch (answer.status) {
    case 'REJECTED':
      return row.reason !== '' && row.reason === answer.reason;
    case 'HELD':
      return row.kind === 'hold' && row.reason === '';
    case 'IN_TRANSIT':
      return row.reason === '' && row.peerBook !== null;
    case 'RETURNED':
      return row.reason === '' && (arrivals === undefined || arrival?.reason === answer.reason);
    case 'POSTED':
      if (row.reason !== '' || row.kind === 'hold') return false;
      return row.peerBook === null || arrivals === undefined || arrival?.reason === '';
    default:
      return false;
  }
}

/**
 * Acknowledgements by a deposed leader: of an epoch, for a call that was sent when a newer one
 * already led. A replay carries the epoch of the row that it repeats, so it proves nothing.
 */
function deposedOf(calls: readonly RecordedCall[], seen: readonly EpochStart[]): RecordedCall[] {
  const fresh = calls.filter(({ acknowledged }) => acknowledged?.replayed === false);
  const starts = [...seen, ...fresh.map(startFrom)];
  const firstAt = new Map<number, Map<number, number>>();
  for (const { book, epoch, atMs } of starts) {
    const ofBook = firstAt.get(book) ?? new Map<number, number>();
    firstAt.set(book, ofBook);
    ofBook.set(epoch, Math.min(atMs, ofBook.get(epoch) ?? Infinity));
  }
  return fresh.filter(({ acknowledged, sentAtMs }) => {
    if (acknowledged === undefined) return false;
    const ofBook = firstAt.get(acknowledged.book) ?? new Map<number, number>();
    return [...ofBook].some(([epoch, atMs]) => epoch > acknowledged.epoch && atMs < sentAtMs);
  });
}

function startFrom({ acknowledged, endedAtMs }: RecordedCall): EpochStart {
  return { book: acknowledged?.book ?? 0, epoch: acknowledged?.epoch ?? 0, atMs: endedAtMs };
}
