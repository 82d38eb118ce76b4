import type { Entries, JournalRow } from '../../../ledger/core/journal-row.ts';
import type { FinalBook } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I1: each book sums to zero at every seq.
 *
 * The effect of every row on its accounts is derived from the totals that it stores: in every asset
 * debits equal credits, and the amounts held of payers equal those held for payees, except for
 * holds whose payee is in another book. And every read of a whole book by any client has equal
 * debits and credits in every asset. Either alone refutes.
 */
export const conservation: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I1');
  for (const book of evidence.books.values()) checkRows(book, found);
  for (const operation of evidence.operations.balances) {
    for (const read of operation.reply ?? []) {
      const book = evidence.books.get(read.position.book);
      if (!read.whole || book === undefined) continue;
      found.looked();
      const sums = new Map<string, bigint>();
      for (const { account, debits, credits } of read.accounts) {
        const asset = book.scan.accounts.get(BigInt(account))?.asset ?? `of account ${account}`;
        sums.set(asset, (sums.get(asset) ?? 0n) + BigInt(credits) - BigInt(debits));
      }
      for (const [asset, sum] of sums) {
        if (sum === 0n) continue;
        const { seq } = read.position;
        const text = `${book.name} read at seq ${seq} is out of balance by ${sum} ${asset}`;
        found.violated(text, { operations: [operation] });
      }
    }
  }
  return found.verdict();
};

interface Totals {
  readonly balance: bigint;
  readonly heldDebits: bigint;
  readonly heldCredits: bigint;
}

const ZERO: Totals = { balance: 0n, heldDebits: 0n, heldCredits: 0n };

function checkRows({ number, name, rows, scan }: FinalBook, found: Case): void {
  const last = new Map<bigint, Totals>();
  for (const row of rows) {
    if (row.entries === null) continue;
    const debit = change(last, row.debitAccount, debitTotals(row.entries));
    const credit = change(last, row.creditAccount, creditTotals(row.entries));
    const assetOf = (id: bigint | null) => (id === null ? '' : scan.accounts.get(id)?.asset);
    const isOneAsset = assetOf(row.debitAccount) === assetOf(row.creditAccount);
    const moved = debit.balance + credit.balance;
    if (moved !== 0n || (!isOneAsset && debit.balance !== 0n)) {
      const text = `${name}, seq ${row.seq}: credits exceed debits by ${moved}`;
      found.violated(text, { rows: [{ book: number, row }] });
    }
    const ofPayers = debit.heldDebits + credit.heldDebits;
    const forPayees = debit.heldCredits + credit.heldCredits;
    if (ofPayers !== forPayees && !isHeldForOther(row)) {
      const text = `${name}, seq ${row.seq}: ${ofPayers} more is held, ${forPayees} for payees`;
      found.violated(text, { rows: [{ book: number, row }] });
    }
  }
}

/** A payee in another book is not affected by the hold. */
function isHeldForOther({ peer }: JournalRow): boolean {
  return peer !== null;
}

function change(last: Map<bigint, Totals>, id: bigint | null, totals: Totals | null): Totals {
  if (id === null || totals === null) return ZERO;
  const before = last.get(id) ?? ZERO;
  last.set(id, totals);
  return {
    balance: totals.balance - before.balance,
    heldDebits: totals.heldDebits - before.heldDebits,
    heldCredits: totals.heldCredits - before.heldCredits,
  };
}

function debitTotals({ debitVersion, debitDebits, debitCredits, held }: Entries): Totals | null {
  if (debitVersion === null || debitDebits === null || debitCredits === null) return null;
  return {
    balance: debitCredits - debitDebits,
    heldDebits: held?.debitHeldDebits ?? 0n,
    heldCredits: held?.debitHeldCredits ?? 0n,
  };
}

function creditTotals({ creditVersion, creditDebits, creditCredits, held }: Entries) {
  if (creditVersion === null || creditDebits === null || creditCredits === null) return null;
  return {
    balance: creditCredits - creditDebits,
    heldDebits: held?.creditHeldDebits ?? 0n,
    heldCredits: held?.creditHeldCredits ?? 0n,
  };
}
