import { must } from '../../../ledger/core/assert.ts';
import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { Findings } from '../../../ledger/audit/findings.ts';
import { JournalScan } from '../../../ledger/audit/journal-scan.ts';
import { reversedIds, type ReversedRow, undrawn } from '../../../ledger/audit/reversals.ts';
import type { CopyRead } from '../history/copy-reads.ts';
import type { AccountRead } from '../history/operation.ts';
import type { BookOfRun } from '../history/record.ts';
import { atOrBefore } from './sorted.ts';

/** One book at its primary at the end of a run, with indexes for checkers. */
export class FinalBook {
  readonly number: number;
  readonly name: string;
  /** Rows up to here existed before the run. */
  readonly startSeq: number;
  readonly primary: CopyRead;
  /** Other copies. */
  readonly replicas: readonly CopyRead[];
  readonly rows: readonly JournalRow[];
  readonly byId = new Map<string, JournalRow>();
  /** Rows whose id occurs in an earlier row. */
  readonly twice: JournalRow[] = [];
  /** Legs of groups, in order, by the id of the group. */
  readonly legs = new Map<string, JournalRow[]>();
  /** Rows that gave an account a version, in order of seq. */
  readonly versions = new Map<bigint, JournalRow[]>();
  /** Applied changes of its settings, in order. */
  readonly settings = new Map<bigint, JournalRow[]>();
  /** Second legs by the book that they came from, in order of seq. */
  readonly arrivals = new Map<number, JournalRow[]>();
  /** First legs by the book that they go to, in order of seq. */
  readonly departures = new Map<number, JournalRow[]>();
  /** Returns by the book that refused, in order of seq. */
  readonly returns = new Map<number, JournalRow[]>();
  /** The audit of the journal alone. */
  readonly scan: JournalScan;
  readonly findings = new Findings();

  constructor({ number, name, startSeq }: BookOfRun, primary: CopyRead, replicas: CopyRead[]) {
    this.number = number;
    this.name = name;
    this.startSeq = startSeq;
    this.primary = primary;
    this.replicas = replicas;
    this.rows = primary.rows.map(({ row }) => row);
    for (const row of this.rows) this.#index(row);
    const { accounts, assets, completeSinceMicros } = primary;
    this.scan = new JournalScan(name, { accounts, assets, completeSinceMicros }, this.findings);
    this.scan.page(primary.rows, this.#reversed());
    this.scan.end();
  }

  /** The row with this seq, if there is one. */
  at(seq: number): JournalRow | undefined {
    const row = this.rows[seq - 1];
    if (row?.seq === seq) return row;
    // A journal with gaps, which its own checker reports.
    const near = this.rows[atOrBefore(this.rows, seq, ({ seq: one }) => one)];
    return near?.seq === seq ? near : undefined;
  }

  /** Totals of an account after the row `seq`; undefined: it was not open. */
  stateAt(account: bigint, seq: number): AccountRead | undefined {
    const opened = this.scan.accounts.get(account);
    if (opened === undefined || opened.openedSeq > seq) return undefined;
    const rows = this.versions.get(account) ?? [];
    return stateAfter(account, rows[atOrBefore(rows, seq, ({ seq: one }) => one)]);
  }

  /** Totals of an account after one of its versions; undefined: it has no such version. */
  stateOf(account: bigint, version: number): AccountRead | undefined {
    if (!this.scan.accounts.has(account)) return undefined;
    if (version === 0) return stateAfter(account, undefined);
    const row = this.versions.get(account)?.[version - 1];
    return row === undefined ? undefined : stateAfter(account, row);
  }

  /** Limits of an account after the row `seq`. */
  limitsAt(account: bigint, seq: number): { min: bigint | null; max: bigint | null } | undefined {
    const changes = this.settings.get(account) ?? [];
    const change = changes[atOrBefore(changes, seq, ({ seq: one }) => one)];
    const limits = change?.details?.settings ?? this.#opened.get(account);
    return limits && { min: limits.minBalance, max: limits.maxBalance };
  }

  /** Flags of an account after the row `seq`: a sum of AccountFlag values. */
  flagsAt(account: bigint, seq: number): number {
    const changes = this.settings.get(account) ?? [];
    const change = changes[atOrBefore(changes, seq, ({ seq: one }) => one)];
    return change?.details?.settings?.flags ?? 0;
  }

  get #opened() {
    this.#openedAs ??= new Map(this.primary.accounts.map((account) => [account.id, account]));
    return this.#openedAs;
  }
  #openedAs: Map<bigint, CopyRead['accounts'][number]> | undefined;

  #index(row: JournalRow): void {
    if (this.byId.has(row.id)) this.twice.push(row);
    else this.byId.set(row.id, row);
    const { entries, details, peer, debitAccount, creditAccount } = row;
    if (details !== null && details.groupId !== null) push(this.legs, details.groupId, row);
    if (entries !== null) {
      if (entries.debitVersion !== null) push(this.versions, must(debitAccount, 'it is paid'), row);
      if (entries.creditVersion !== null) push(this.versions, must(creditAccount, 'it is'), row);
    }
    if (row.kind === RowKind.change && row.reason === 0 && creditAccount !== null) {
      push(this.settings, creditAccount, row);
    }
    if (peer === null) return;
    if (row.kind === RowKind.settlement) push(this.arrivals, peer.book, row);
    else if (row.kind === RowKind.return) push(this.returns, peer.book, row);
    else if (row.reason === 0 && peer.number !== null) push(this.departures, peer.book, row);
  }

  /** Originals of reversals, in their first state. */
  #reversed(): Map<string, ReversedRow> {
    const found = new Map<string, ReversedRow>();
    for (const id of reversedIds(this.rows)) {
      const row = this.byId.get(id);
      if (row === undefined) continue;
      found.set(id, undrawn(row));
    }
    return found;
  }
}

/** Totals of an account after a row that gave it a version; undefined: before any. */
export function stateAfter(account: bigint, row: JournalRow | undefined): AccountRead {
  const entries = row?.entries ?? null;
  if (row === undefined || entries === null) {
    const none = { version: 0, debits: '0', credits: '0', heldDebits: '0', heldCredits: '0' };
    return { account: String(account), ...none };
  }
  const { held } = entries;
  const isDebit = row.debitAccount === account && entries.debitVersion !== null;
  return {
    account: String(account),
    version: (isDebit ? entries.debitVersion : entries.creditVersion) ?? 0,
    debits: String((isDebit ? entries.debitDebits : entries.creditDebits) ?? 0n),
    credits: String((isDebit ? entries.debitCredits : entries.creditCredits) ?? 0n),
    heldDebits: String((isDebit ? held?.debitHeldDebits : held?.creditHeldDebits) ?? 0n),
    heldCredits: String((isDebit ? held?.debitHeldCredits : held?.creditHeldCredits) ?? 0n),
  };
}

export function sameState(a: AccountRead, b: AccountRead): boolean {
  return (
    a.account === b.account &&
    a.version === b.version &&
    a.debits === b.debits &&
    a.credits === b.credits &&
    a.heldDebits === b.heldDebits &&
    a.heldCredits === b.heldCredits
  );
}

/** A state in one line: version, then debits, credits and what is held of and for it. */
export function stateText(state: AccountRead | undefined): string {
  if (state === undefined) return 'not open';
  const { version, debits, credits, heldDebits, heldCredits } = state;
  return `version ${version} with ${debits}/${credits}/${heldDebits}/${heldCredits}`;
}

function push<K>(lists: Map<K, JournalRow[]>, key: K, row: JournalRow): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [row]);
  else list.push(row);
}
