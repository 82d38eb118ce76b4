import type { Evidence } from './evidence.ts';
import { sameState } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I9: limits hold at every version.
 *
 * The journal is summed row by row, holds included, and compared with the limits, freezes and
 * closings in force at each row, which follow from their changes (the audit of the journal). And no
 * client ever read a lower available balance in an account than its lower limit allowed then.
 */
export const limits: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I9');
  checkReads(evidence, found);
  return found.verdict();
};

function checkReads({ operations, books }: Evidence, found: Case): void {
  for (const operation of operations.balances) {
    for (const { position, accounts } of operation.reply ?? []) {
      const book = books.get(position.book);
      if (book === undefined) continue;
      for (const state of accounts) {
        found.looked();
        const { account, credits, debits, heldDebits, version } = state;
        const there = book.stateOf(BigInt(account), version);
        // The audit has checked the journal, where an account may begin below its limit.
        if (there !== undefined && sameState(there, state)) continue;
        // The read may be of any moment up to its position: its version determines which.
        const row = book.versions.get(BigInt(account))?.[version - 1];
        const min = book.limitsAt(BigInt(account), row?.seq ?? 0)?.min ?? null;
        const available = BigInt(credits) - BigInt(debits) - BigInt(heldDebits);
        if (min === null || available >= min) continue;
        const text = `account ${account} was read with ${available}, below ${min}`;
        found.violated(text, { operations: [operation] });
      }
    }
  }
}
