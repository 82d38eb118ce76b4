import { bookOf } from '../../../ledger/core/account-id.ts';
import { decidingBook } from './calls.ts';
import type { Evidence } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I23: after everything is healed, everything serves and drains.
 *
 * Within the liveness window every book has acknowledged a write that began after the heal. After
 * the window no call fails. In the final reads nothing is stuck: no leg between books is open, no
 * hold is overdue by more than the window, no prepared transaction is left, and every copy has
 * reached its primary. Timeouts of the harness itself count as well: an installation that did not
 * become healthy after the heal, a book without a leader after the fence. Without a heal, or a call
 * after it, the run has shown nothing: unknown.
 */
export const live: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  for (const { fact, text } of evidence.facts) if (fact === 'unwell') found.violated(text);
  const healed = evidence.phases.findLast(({ phase }) => phase === 'heal');
  if (healed === undefined) found.unknown('the run was never healed');
  else checkServing(evidence, healed.ns, found);
  for (const book of evidence.books.values()) {
    checkDrained(book, evidence, found);
    for (const { region, rows } of book.replicas) {
      found.looked();
      const behind = book.rows.length - rows.length;
      if (behind > 0)
        found.violated(`the copy of ${book.name} in ${region} is ${behind} rows behind`);
    }
  }
  return found.verdict();
};

function checkServing(evidence: Evidence, healedNs: number, found: Case): void {
  const { livenessMs } = evidence.header.judging;
  const windowNs = healedNs + livenessMs * 1e6;
  const { transfers, changes } = evidence.operations;
  const asked = new Set<number>();
  const served = new Set<number>();
  for (const operation of [...transfers, ...changes]) {
    const { value, invokedNs, completedNs, type } = operation;
    if (invokedNs < healedNs || value.dryRun) continue;
    found.looked();
    const book = 'accountId' in value ? bookOf(value.accountId) : decidingBook(value);
    asked.add(book);
    if (type === 'ok' && completedNs <= windowNs) served.add(book);
    if (invokedNs < windowNs || type === 'ok') continue;
    const afterMs = Math.round((invokedNs - healedNs) / 1e6);
    const text = `${operation.f} failed that began ${afterMs} ms after the heal`;
    found.violated(text, { operations: [operation] });
  }
  for (const { number, name } of evidence.header.books) {
    if (served.has(number)) continue;
    if (asked.has(number))
      found.violated(`${name} served nothing for ${livenessMs} ms after the heal`);
    else found.unknown(`nothing was asked of ${name} after the heal`);
  }
}

function checkDrained(book: FinalBook, { header, books }: Evidence, found: Case): void {
  const { name, number, primary, scan } = book;
  const overdueMicros = primary.head.nowMicros - header.judging.livenessMs * 1_000;
  for (const hold of scan.holds.all) {
    found.looked();
    if (hold.expiresAtMicros === null || hold.expiresAtMicros > overdueMicros) continue;
    const row = book.byId.get(hold.id);
    const rows = row === undefined ? [] : [{ book: number, row }];
    found.violated(`${name}: hold ${hold.id} should have expired`, { rows });
  }
  for (const peer of books.values()) {
    if (peer === book) continue;
    const settled = primary.channels.find(({ peerBook }) => peerBook === peer.number)?.settled ?? 0;
    const legs = book.departures.get(peer.number) ?? [];
    found.looked();
    const [row] = legs.slice(settled);
    if (row === undefined) continue;
    const text = `${legs.length - settled} transfers from ${name} to ${peer.name} are in transit`;
    found.violated(text, { rows: [{ book: number, row }] });
  }
  for (const { region, preparedTransactions } of [primary, ...book.replicas]) {
    if (preparedTransactions === 0) continue;
    found.violated(`${name} in ${region} has ${preparedTransactions} prepared transactions`);
  }
}
