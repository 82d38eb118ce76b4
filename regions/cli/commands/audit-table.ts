import { type AuditReport, type BookReport } from '../../../ledger/audit/run-audit.ts';
import { INVARIANTS } from '../../../ledger/audit/findings.ts';
import { count, styled } from '../../terminal/print.ts';
import { type Column, table } from '../../terminal/table.ts';

const right = { align: 'right' } as const;

/**
 * The audit as a table with a line for each book and one for their totals, then violations, then
 * notes. `replayed`: answers that the caller got as replays, by
 * region; the journal, which has one row for each key, cannot know of them.
 */
export function auditTable(report: AuditReport, replayed?: ReadonlyMap<string, number>): string {
  const columns: Column[] = [
    { title: 'book' },
    { title: 'accounts', ...right },
    { title: 'transfers', ...right },
    { title: 'refused', ...right },
    ...(replayed ? [{ title: 'replays answered', ...right }] : []),
    { title: 'delivered', ...right },
    { title: 'returned', ...right },
    { title: 'open holds', ...right },
    { title: 'overdue holds', ...right },
    { title: 'trial balance', ...right },
    { title: 'in transit', ...right },
    { title: 'hash chain', ...right },
  ];
  const { books } = report;
  const rowOf = (name: string, part: readonly BookReport[], from: readonly string[]) => {
    const sum = (of: (book: BookReport) => number) => count(part.reduce((n, b) => n + of(b), 0));
    const replays = part.reduce((n, { region }) => n + (replayed?.get(region) ?? 0), 0);
    return [
      name,
      sum((book) => book.accounts),
      sum((book) => book.posted),
      sum((book) => book.refused),
      ...(replayed ? [count(replays)] : []),
      sum((book) => book.delivered),
      sum((book) => book.returned),
      sum((book) => book.openHolds),
      sum((book) => book.overdueHolds),
      trialBalanceOf(part),
      inTransitOf(report, from),
      part.every((book) => book.chainVerified) ? good('verified') : bad('BROKEN'),
    ];
  };
  const names = books.map(({ name }) => name);
  const rows = books.map((book) => rowOf(book.name, [book], [book.name]));
  rows.push(rowOf('total', books, names));
  const notes = report.notes.map((note) => `Note: ${note}`);
  const lines = [table(columns, rows), describeViolations(report), ...notes];
  return lines.filter((line) => line !== '').join('\n');
}

function trialBalanceOf(books: readonly BookReport[]): string {
  const off = books.flatMap(({ trialBalance }) => trialBalance.filter((b) => b.difference !== 0n));
  if (off.length === 0) return good('0');
  return bad(off.map(({ asset, difference }) => `${difference} ${asset}`).join(', '));
}

function inTransitOf({ inFlight }: AuditReport, from: readonly string[]): string {
  const sums = new Map<string, bigint>();
  for (const { from: book, asset, amountMinor } of inFlight) {
    if (!from.includes(book) || amountMinor === 0n) continue;
    sums.set(asset, (sums.get(asset) ?? 0n) + amountMinor);
  }
  return [...sums].map(([asset, amount]) => `${amount} ${asset}`).join(', ') || '0';
}

function describeViolations({ violations, violationsTotal }: AuditReport): string {
  const lines = violations.map(({ invariant, place, seq, text }) => {
    const where = seq > 0 ? `${place} at seq ${seq}` : place;
    return `${bad(invariant)} (${INVARIANTS[invariant]}) ${where}: ${text}`;
  });
  const more = violationsTotal - violations.length;
  if (more > 0) lines.push(`and ${count(more)} more`);
  return lines.join('\n');
}

/** The verdict in one line. */
export function verdictOf({ violationsTotal, books, seconds }: AuditReport): string {
  const rows = books.reduce((sum, book) => sum + book.rows, 0);
  const read = `${count(rows)} journal rows of ${books.length} books in ${seconds.toFixed(1)} s`;
  return violationsTotal === 0
    ? `${good('All invariants hold')}: ${read}.`
    : `${bad(`${count(violationsTotal)} violations`)}: ${read}.`;
}

function good(text: string): string {
  return styled('green', text);
}

function bad(text: string): string {
  return styled(['red', 'bold'], text);
}
