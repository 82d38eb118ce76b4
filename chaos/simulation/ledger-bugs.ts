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
    // A call is answered with the results of the general lane first, whatever its order.
    name: 'answer-out-of-order',
    file: 'ledger/leader/kinds/split-work.ts',
    text: 'indexes: this.#items.map(({ index }) => index)',
    replacement: 'indexes: this.#items.map((_, place) => place)',
    invariants: ['I6'],
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
    file: 'ledger/leader/kinds/split-work.ts',
    text: 'plainReplies(items, batch.stamp, batch.seqOf(this.#first), this.#demoted)',
    replacement: 'plainReplies(items, batch.stamp, batch.seqOf(this.#first + 1), this.#demoted)',
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
