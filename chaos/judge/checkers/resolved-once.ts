import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { undoneId } from '../../../ledger/core/post/post-recovery.ts';
import { settlementId } from '../../../ledger/core/transfer-id.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { FinalBook } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I3: every channel number is applied or refused exactly once.
 *
 * The legs that left a book and those that arrived in the other are matched by their numbers. A
 * number that both have is the same transfer; a leg that the payee's book applied was not returned;
 * one that it refused was returned once, with the same amount to the same payer; one that the
 * payer's book counts as settled has arrived; none has arrived that was not sent. A leg whose
 * number a repair gave to another one was returned. The cursors of both agree with the journals.
 * (I23 checks that nothing is open for long.)
 */
export const resolvedOnce: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I3');
  for (const from of evidence.books.values()) {
    for (const to of evidence.books.values()) {
      if (from !== to) checkChannel(from, to, found);
    }
    checkCursors(from, found);
  }
  return found.verdict();
};

function checkChannel(from: FinalBook, to: FinalBook, found: Case): void {
  const settled = cursorsOf(from, to.number)?.settled ?? 0;
  const seconds = byNumber(to.arrivals.get(from.number) ?? []);
  const returns = new Map<string, JournalRow>();
  for (const row of from.returns.get(to.number) ?? []) returns.set(row.originId ?? '', row);
  const sent = new Set<number>();
  const departures = from.departures.get(to.number) ?? [];
  const recovered = byNumber(departures.filter(({ kind }) => kind === RowKind.recovered));
  for (const leg of departures) {
    found.looked();
    const number = leg.peer?.number ?? 0;
    sent.add(number);
    const isUndone = leg.kind !== RowKind.recovered && recovered.has(number);
    const id = isUndone && !returns.has(leg.id) ? undoneId(to.number, leg.id) : legIdOf(leg);
    const second = seconds.get(number);
    const returned = returns.get(id);
    returns.delete(id);
    const problem = isUndone
      ? undoneProblem(leg, returned)
      : problemOf(leg, second, returned, to.number, number <= settled);
    if (problem === '') continue;
    const text = `${from.name}>${to.name}, number ${number} (transfer ${leg.id}) ${problem}`;
    const rows = [{ book: from.number, row: leg }];
    if (second) rows.push({ book: to.number, row: second });
    if (returned) rows.push({ book: from.number, row: returned });
    found.violated(text, { rows });
  }
  for (const [number, row] of seconds) {
    if (sent.has(number)) continue;
    const text = `${from.name}>${to.name}, number ${number} arrived, but never left`;
    found.violated(text, { rows: [{ book: to.number, row }] });
  }
  for (const row of returns.values()) {
    const text = `${from.name}: seq ${row.seq} returns ${row.originId}, which never left`;
    found.violated(text, { rows: [{ book: from.number, row }] });
  }
}

/** The transfer of a leg. A repair may give its row another id. */
function legIdOf({ kind, id, originId }: JournalRow): string {
  return kind === RowKind.recovered ? (originId ?? id) : id;
}

/** Returns the problem of a leg whose number a repair gave to another one; '' if there is none. */
function undoneProblem(leg: JournalRow, returned: JournalRow | undefined): string {
  const isReturned =
    returned?.reason === Reason.CHANNEL_DIVERGED &&
    returned.amount === leg.amount &&
    returned.creditAccount === leg.debitAccount;
  return isReturned ? '' : 'lost its number in a repair and was not returned';
}

function problemOf(
  leg: JournalRow,
  second: JournalRow | undefined,
  returned: JournalRow | undefined,
  toBook: number,
  isSettled: boolean,
): string {
  if (second === undefined) {
    if (returned) return 'was returned without having been refused';
    return isSettled ? 'is settled, but never arrived' : '';
  }
  if (!isSame(leg, second, toBook)) return 'arrived as another transfer';
  if (second.reason === 0) return returned ? 'was delivered and returned' : '';
  if (!returned) return isSettled ? 'was refused and never returned' : '';
  const { amount, creditAccount, details } = returned;
  if (amount !== leg.amount || creditAccount !== leg.debitAccount) {
    return `was returned as ${amount} to ${creditAccount}`;
  }
  const isGivenBack = details?.drawn?.id === leg.details?.drawn?.id || leg.kind === CAPTURE;
  return isGivenBack ? '' : 'was returned to another transfer than it had reversed';
}

/** A capture draws on a hold, to which a return restores nothing. */
const CAPTURE = RowKind.capture;

function isSame(leg: JournalRow, second: JournalRow, toBook: number): boolean {
  const reverses = second.details?.drawn?.id;
  const drawn = reverses === undefined ? undefined : settlementId(toBook, reverses);
  return (
    second.originId === legIdOf(leg) &&
    second.amount === leg.amount &&
    second.peer?.account === leg.debitAccount &&
    second.creditAccount === leg.peer?.account &&
    second.code === leg.code &&
    second.reference === leg.reference &&
    (leg.kind === CAPTURE || drawn === leg.details?.drawn?.id)
  );
}

function checkCursors({ name, primary, scan }: FinalBook, found: Case): void {
  const known = primary.channels.map(({ peerBook }) => peerBook);
  for (const peer of new Set([
    ...known,
    ...scan.channels.sent.keys(),
    ...scan.channels.applied.keys(),
  ])) {
    const cursors = primary.channels.find(({ peerBook }) => peerBook === peer);
    const sent = scan.channels.sent.get(peer) ?? 0;
    const applied = scan.channels.applied.get(peer) ?? 0;
    if (cursors?.sent === sent && cursors.applied === applied && cursors.settled <= sent) continue;
    const stated = `sent ${cursors?.sent}, settled ${cursors?.settled}, applied ${cursors?.applied}`;
    found.violated(`${name}: cursors of book ${peer} state ${stated}; rows ${sent} and ${applied}`);
  }
}

function cursorsOf({ primary }: FinalBook, peer: number) {
  return primary.channels.find(({ peerBook }) => peerBook === peer);
}

function byNumber(rows: readonly JournalRow[]): Map<number, JournalRow> {
  return new Map(rows.map((row) => [row.peer?.number ?? 0, row]));
}
