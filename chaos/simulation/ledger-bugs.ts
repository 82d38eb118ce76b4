import type { WrongText } from '../drive/deliberate-bugs/deliberate-bug.ts';

/** A bug in the ledger itself, and the invariants of which at least one must be named. */
export interface LedgerBug extends WrongText {
  readonly invariants: readonly string[];
}

/** Bugs of the plain lane and of partitions, whose uniqueness is the ledger's responsibility. */
export const LEDGER_BUGS: readonly LedgerBug[] = [
  {
    // A batch that was given up, or refused, leaves its changes in the accounts.
    name: 'undo-nothing',
    file: 'ledger/leader/account-cache.ts',
    text: 'this.#columns.copy(slot, log.states, entry);',
    replacement: '',
    invariants: ['I7'],
  },
  {
    // A work that is demoted leaves what it had posted in the accounts.
    name: 'take-nothing-back',
    file: 'ledger/core/plain/plain-batch.ts',
    text: 'accounts.moveBack(debit, credit, amounts[place * 2] ?? 0, amounts[place * 2 + 1] ?? 0);',
    replacement: 'void [debit, credit, amounts];',
    invariants: ['I7'],
  },
  {
    name: 'ignore-limit-in-plain-lane',
    file: 'ledger/leader/account-cache.ts',
    text: 'if ((debitFlags & MIN) !== 0 && !this.#staysAbove(debit, high, low)) return false;',
    replacement: '',
    invariants: ['I9'],
  },
  {
    name: 'ignore-hold-in-plain-lane',
    file: 'ledger/leader/account-cache.ts',
    text: 'const UNUSUAL = TRANSIT | OWN_FLAGS | HELD;',
    replacement: 'const UNUSUAL = TRANSIT | OWN_FLAGS;',
    invariants: ['I9', 'I7', 'I1', 'I10'],
  },
  {
    // Each transfer is answered with the position of the one after it.
    name: 'answer-of-the-neighbour',
    file: 'ledger/leader/kinds/plain-transfers.ts',
    text: 'plainReplies(work.items, batch.stamp, batch.seqOf(first))',
    replacement: 'plainReplies(work.items, batch.stamp, batch.seqOf(first + 1))',
    invariants: ['I6'],
  },
  {
    // A key is refused only if the newest partition has it.
    name: 'look-in-own-partition',
    file: 'ledger/leader/partitions/journal-partitions.ts',
    text: 'return suspects.length === 0 || !(await this.#store.anyExists(suspects));',
    replacement: 'return true;',
    invariants: ['I6'],
  },
  {
    // A new leader takes filters that are still empty for a proof.
    name: 'trust-empty-filters',
    file: 'ledger/leader/partitions/journal-ids.ts',
    text: 'const complete = first > seq;',
    replacement: 'const complete = true;',
    invariants: ['I6'],
  },
];
