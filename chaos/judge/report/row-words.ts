import { RowKind } from '../../../ledger/core/journal-row.ts';
import type { RowOfBook } from '../checkers/evidence.ts';
import { reasonWord } from '../history/replies.ts';
import { fieldsText, joined, shown } from './plain-words.ts';

/** A journal row as text for humans. */
export interface RowWords {
  /** Name of the book. */
  readonly book: string;
  readonly seq: string;
  readonly epoch: string;
  /** By the clock of the book. */
  readonly at: string;
  readonly what: string;
  /** Its key, else its id. */
  readonly name: string;
  /** The movement, with its accounts. */
  readonly moved: string;
  readonly outcome: string;
}

const kindNames = new Map<number, string>(
  Object.entries(RowKind).map(([name, kind]) => [
    kind,
    name.replaceAll(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`),
  ]),
);

export function rowWords({ book, row }: RowOfBook, bookName: string | undefined): RowWords {
  const { namespace, key, id, amount, reason, details, peer, originId, entries } = row;
  const more = fieldsText({
    'channel number': peer?.number ?? undefined,
    'belongs to': originId ?? undefined,
    'leg of': details?.groupId ?? undefined,
    'draws on': details?.drawn?.id,
    left: details?.drawn?.left?.toString(),
    by: details?.by,
  });
  const sides = [
    amount === null ? '' : String(amount),
    sideText('from', row.debitAccount, entries?.debitVersion, [
      entries?.debitDebits,
      entries?.debitCredits,
    ]),
    sideText('to', row.creditAccount, entries?.creditVersion, [
      entries?.creditDebits,
      entries?.creditCredits,
    ]),
    peer === null ? '' : `with ${peer.account} of book ${peer.book}`,
  ].filter((side) => side !== '');
  return {
    book: bookName ?? `book ${book}`,
    seq: String(row.seq),
    epoch: String(row.epoch),
    at: timeText(row.atMicros),
    what: kindNames.get(row.kind) ?? `kind ${row.kind}`,
    name: shown(key === '' ? id : `${namespace}/${key}`),
    moved: shown(joined(sides.join(' '), more)),
    outcome: reason === 0 ? 'applied' : reasonWord(reason),
  };
}

/** An account, with its version and totals after the row, if the row changed it. */
function sideText(
  word: string,
  account: bigint | null,
  version: number | null | undefined,
  [debits, credits]: readonly (bigint | null | undefined)[],
): string {
  if (account === null) return '';
  if (version === null || version === undefined) return `${word} ${account}`;
  return `${word} ${account} (version ${version}, debits ${debits ?? '?'}, credits ${credits ?? '?'})`;
}

/** Time of day to the microsecond; a forged row may have any number there. */
function timeText(micros: number): string {
  const time = new Date(micros / 1_000);
  if (Number.isNaN(time.getTime())) return String(micros);
  return `${time.toISOString().slice(11, 19)}.${String(micros % 1_000_000).padStart(6, '0')}`;
}
