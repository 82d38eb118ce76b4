import type { Operation, Position } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { isSameRow } from './same-row.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I11: a book has one journal.
 *
 * Its seq has no gaps, times and epochs never go back, the hash chain verifies up to the head (the
 * audit of the journal), and its partitions follow one another through the head, each with its
 * unique indexes. Every other copy has the same rows, and no others. Only one copy reports
 * that it is the primary, and the journal can be followed to its end. A place that was acknowledged
 * for one transfer does not hold another in the end: no later epoch reuses a seq.
 */
export const oneJournal: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I11');
  for (const { text, rows } of evidence.disputes) found.violated(text, { rows });
  for (const book of evidence.books.values()) {
    checkHead(book, found);
    for (const { region, partitions } of [book.primary, ...book.replicas]) {
      for (const why of partitions?.wrong ?? []) {
        found.violated(`${book.name} in ${region}: ${why}`);
      }
    }
    checkCopies(book, found);
  }
  const { transfers, changes } = evidence.operations;
  for (const operation of transfers) {
    const { reply, value } = operation;
    if (reply === null || value.dryRun || reply.reason === 'IDEMPOTENCY_KEY_REUSED') continue;
    checkPlace(operation, reply.position, reply.transferId, evidence, found);
  }
  for (const operation of changes) {
    const { reply, value } = operation;
    if (reply === null || value.dryRun || reply.reason === 'IDEMPOTENCY_KEY_REUSED') continue;
    checkPlace(operation, reply.position, '', evidence, found);
  }
  return found.verdict();
};

function checkHead({ name, primary, scan }: FinalBook, found: Case): void {
  const { seq, chain, accounts } = primary.head;
  if (seq !== scan.seq)
    found.violated(`${name}: the head is at ${seq}, the journal at ${scan.seq}`);
  if (!Buffer.from(chain).equals(scan.chain)) {
    found.violated(`${name}: the chain value of the head is not that of the last row`);
  }
  if (accounts !== scan.accounts.size) {
    found.violated(
      `${name}: the head counts ${accounts} accounts, there are ${scan.accounts.size}`,
    );
  }
}

function checkCopies({ number, name, primary, replicas }: FinalBook, found: Case): void {
  for (const { region, rows } of replicas) {
    const where = `the copy of ${name} in ${region}`;
    found.looked(rows.length);
    if (rows.length > primary.rows.length) {
      const [ahead] = rows.slice(primary.rows.length);
      const shown = ahead === undefined ? [] : [{ book: number, row: ahead.row }];
      found.violated(`${where} has rows that its primary has not`, { rows: shown });
    }
    for (const [index, other] of rows.entries()) {
      const own = primary.rows[index];
      if (own === undefined) break;
      if (isSameRow(own, other)) continue;
      const pair = [own, other].map(({ row }) => ({ book: number, row }));
      found.violated(`${where} has another row at seq ${other.row.seq}`, { rows: pair });
      // Everything after it differs, too.
      break;
    }
  }
}

/** `id`: '' where the answer does not contain it. */
function checkPlace(
  operation: Operation,
  { book: number, epoch, seq }: Position,
  id: string,
  { books }: Evidence,
  found: Case,
): void {
  const book = books.get(number);
  const row = book?.at(seq);
  if (book === undefined || row === undefined) return;
  found.looked();
  // I6 checks whether the same transfer is at another place.
  if (id === '' ? row.epoch === epoch : row.id === id) return;
  const text = `${book.name}: seq ${seq} was acknowledged as ${id || operation.f} of epoch ${epoch}`;
  found.violated(`${text}, and is ${row.id} of epoch ${row.epoch}`, {
    operations: [operation],
    rows: [{ book: number, row }],
  });
}
