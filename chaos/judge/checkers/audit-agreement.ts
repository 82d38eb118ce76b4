import { RowKind } from '../../../ledger/core/journal-row.ts';
import type { CopyRead } from '../history/copy-reads.ts';
import type { StatementOperation } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import { type FinalBook, sameState, stateText } from './final-book.ts';
import { atOrBefore } from './sorted.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I19: auditors see what the journal contains.
 *
 * In every copy the view of balances has each account as the sum of the entries up to the copy's
 * position, and the trial balance has their sums, with debits equal to credits; so views of copies
 * at one position agree. Every statement begins and ends with the states that the journal gives,
 * has each entry that moved money between them, and its opening and its entries add up to its
 * closing. It begins with the last version before the requested time, as far as the server that
 * answered had reached, which its closing states.
 */
export const auditAgreement: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  for (const book of evidence.books.values()) {
    for (const copy of [book.primary, ...book.replicas]) checkViews(book, copy, found);
  }
  for (const operation of evidence.operations.statements)
    checkStatement(operation, evidence, found);
  return found.verdict();
};

interface Sums {
  debits: bigint;
  credits: bigint;
}

function checkViews(book: FinalBook, copy: CopyRead, found: Case): void {
  const where = `${book.name} in ${copy.region}`;
  const { seq } = copy.head;
  const sums = new Map<string, Sums>();
  for (const state of copy.balances) {
    found.looked();
    const id = BigInt(state.account);
    const there = book.stateAt(id, seq);
    if (there === undefined || !sameState(there, state)) {
      const text = `${where}: the view has account ${state.account} at ${stateText(state)}`;
      found.violated(`${text}, its entries give ${stateText(there)}`);
    }
    if (there === undefined) continue;
    const asset = book.scan.accounts.get(id)?.asset ?? '';
    const sum = sums.get(asset) ?? { debits: 0n, credits: 0n };
    sum.debits += BigInt(there.debits);
    sum.credits += BigInt(there.credits);
    sums.set(asset, sum);
  }
  if (copy.balances.length !== copy.accounts.length) {
    const count = copy.balances.length;
    found.violated(`${where}: the view has ${count} of ${copy.accounts.length} accounts`);
  }
  for (const { asset, debits, credits } of copy.trialBalance) {
    const sum = sums.get(asset);
    if (debits !== credits) {
      found.violated(`${where}: the trial balance has ${debits} and ${credits} ${asset}`);
    } else if (String(sum?.debits) !== debits || String(sum?.credits) !== credits) {
      const text = `${where}: the trial balance has ${debits} ${asset}`;
      found.violated(`${text}, entries give ${sum?.debits} and ${sum?.credits}`);
    }
  }
  if (copy.trialBalance.length !== sums.size) {
    found.violated(`${where}: the trial balance has ${copy.trialBalance.length} assets`);
  }
}

const MOVES: ReadonlySet<RowKind> = new Set([
  RowKind.transfer,
  RowKind.settlement,
  RowKind.return,
  RowKind.capture,
  RowKind.reversal,
  RowKind.recovered,
]);

/** Number of versions that an account had before a time; times of a journal never go back. */
function versionsBefore(book: FinalBook, account: bigint, micros: number | undefined): number {
  if (micros === undefined) return 0;
  const rows = book.versions.get(account) ?? [];
  return 1 + atOrBefore(rows, micros - 1, ({ atMicros }) => atMicros);
}

function checkStatement(operation: StatementOperation, { books }: Evidence, found: Case): void {
  const { reply, value } = operation;
  const book = reply === null ? undefined : books.get(reply.position.book);
  if (reply === null || book === undefined) return;
  found.looked();
  const { opening, closing, entries } = reply;
  const report = (text: string) =>
    found.violated(`statement of account ${value.account} ${text}`, { operations: [operation] });
  const account = BigInt(value.account);
  for (const state of [opening, closing]) {
    const there = book.stateOf(account, state.version);
    if (there === undefined || !sameState(there, state)) {
      report(`has ${stateText(state)}, the journal has ${stateText(there)}`);
    }
  }
  const before = versionsBefore(book, account, value.fromMicros);
  if (opening.version !== Math.min(before, closing.version)) {
    report(`begins with version ${opening.version}, not with ${before}`);
  }
  let debits = BigInt(opening.debits);
  let credits = BigInt(opening.credits);
  for (const { side, amount, debitsAfter, creditsAfter, version } of entries) {
    if (side === 'debit') debits += BigInt(amount);
    else credits += BigInt(amount);
    if (String(debits) === debitsAfter && String(credits) === creditsAfter) continue;
    report(`does not add up to the totals of version ${version}`);
    return;
  }
  if (String(debits) !== closing.debits || String(credits) !== closing.credits) {
    report('does not add up to its closing');
  }
  const versions = book.versions.get(account)?.slice(opening.version, closing.version) ?? [];
  const moved = versions.filter(({ kind }) => MOVES.has(kind)).map(({ seq }) => seq);
  const isComplete =
    moved.length === entries.length && entries.every(({ seq }, index) => seq === moved[index]);
  if (!isComplete) report(`differs from the journal's ${moved.length} entries`);
}
