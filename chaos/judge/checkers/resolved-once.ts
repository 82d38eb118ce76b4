import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { undoneId } from '../../../ledger/core/post/post-recovery.ts';
import { settlementId } from '../../../ledger/core/transfer-id.ts';
import type { FinalBook } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { legIdOf, needsNotDraw, RepairedLegs, undoneProblem } from './repaired-legs.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I3: every channel number is applied or refused exactly once.
 *
 * The legs that left a book and those that arrived in the other are put side by side by their
 * numbers. A number that both have is the same transfer; one that the payee's book applied was
 * not returned; one that it refused was returned once, with the same amount to the same payer;
 * one that the payer's book takes for settled has arrived; none has arrived that was not sent.
 * The cursors of both say what the journals say. (That nothing is open for long is I23.)
 *
 * A repair may give the number of a leg to the one that the other book knows by it. The first was
 * then returned, or its number stands empty and returns it, and the second draws on what it
 * reverses like any other.
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
  const repaired = new RepairedLegs(departures, to.number);
  for (const leg of departures) {
    found.looked();
    const number = leg.peer?.number ?? 0;
    sent.add(number);
    if (repaired.isEmptied(leg)) continue;
    const isUndone = repaired.isUndone(leg);
    const elsewhere = undoneId(to.number, leg.id);
    const id = isUndone && returns.has(elsewhere) ? elsewhere : legIdOf(leg);
    const second = seconds.get(number);
    const returned = returns.get(id);
    returns.delete(id);
    const problem = isUndone
      ? undoneProblem(leg, returned)
      : repaired.emptyProblem(leg) || problemOf(leg, second, returned, { from, to, settled });
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

/** The two ends of a channel. */
interface Ends {
  readonly from: FinalBook;
  readonly to: FinalBook;
  /** Last number that the payer's book takes for settled. */
  readonly settled: number;
}

function problemOf(
  leg: JournalRow,
  second: JournalRow | undefined,
  returned: JournalRow | undefined,
  { from, to, settled }: Ends,
): string {
  const isSettled = (leg.peer?.number ?? 0) <= settled;
  if (second === undefined) {
    if (returned) return 'was returned without having been refused';
    return isSettled ? 'is settled, but never arrived' : '';
  }
  if (!isSame(leg, second)) return 'arrived as another transfer';
  const drawn = drawnFor(second, to.number);
  if (!drawsOn(leg, drawn, from)) return 'does not draw on what it reverses';
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

function isSame(leg: JournalRow, second: JournalRow): boolean {
  return (
    second.originId === legIdOf(leg) &&
    second.amount === leg.amount &&
    second.peer?.account === leg.debitAccount &&
    second.creditAccount === leg.peer?.account &&
    second.code === leg.code &&
    second.reference === leg.reference
  );
}

/** Of a reversal that arrived: id of the row that it was to draw on in the book that it left. */
function drawnFor({ details }: JournalRow, toBook: number): string | undefined {
  const reverses = details?.drawn?.id;
  return reverses === undefined ? undefined : settlementId(toBook, reverses);
}

function drawsOn(leg: JournalRow, drawn: string | undefined, from: FinalBook): boolean {
  if (leg.kind === CAPTURE || leg.details?.drawn?.id === drawn) return true;
  const hasDrawn = (leg.details?.drawn ?? null) !== null;
  return drawn !== undefined && !hasDrawn && needsNotDraw(leg, drawn, from);
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
