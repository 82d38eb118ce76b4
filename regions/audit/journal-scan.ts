import { createHash, type Hash } from 'node:crypto';

import { CHAIN_START, chainLine } from '../../ledger/core/chain.ts';
import { type JournalRow, RowKind } from '../../ledger/core/journal-row.ts';
import { TOTAL_MAX } from '../../ledger/core/limits.ts';
import type { Findings, Invariant } from './findings.ts';

/** An account as the book's account table has it. */
export interface AccountRow {
  readonly id: bigint;
  readonly externalId: string;
  readonly asset: string;
  readonly minBalance: bigint | null;
  readonly maxBalance: bigint | null;
  readonly transit: boolean;
  readonly openedSeq: number;
}

/** An account with what the journal's rows add up to so far. */
export interface ScannedAccount extends AccountRow {
  debits: bigint;
  credits: bigint;
  version: number;
  /** True once its opening has been read. */
  opened: boolean;
}

/** Money that a return gave back, by the transfer it belongs to. */
export type Returns = Map<string, { readonly amount: bigint; readonly seq: number }>;

export interface JournalCounts {
  rows: number;
  posted: number;
  refused: number;
  /** Second legs posted here, of transfers from other books. */
  delivered: number;
  /** Transfers from here that the payee's book refused, paid back. */
  returned: number;
}

type EntrySide = 'debit' | 'credit';

/**
 * Follows a journal from its first row and checks that each follows from those before it. Holds
 * the accounts in memory, but of the rows only what is open between two books.
 */
export class JournalScan {
  readonly counts: JournalCounts = { rows: 0, posted: 0, refused: 0, delivered: 0, returned: 0 };
  /** By peer book. */
  readonly sent = new Map<number, number>();
  readonly applied = new Map<number, number>();
  readonly returns = new Map<number, Returns>();
  readonly accounts: ReadonlyMap<bigint, ScannedAccount>;
  readonly #place: string;
  readonly #findings: Findings;
  #seq = 0;
  #epoch = 0;
  #atMicros = 0;
  #chain: Uint8Array = CHAIN_START;
  #hash: Hash = createHash('sha256').update(CHAIN_START);
  #chainOpen = false;

  constructor(place: string, accounts: Iterable<AccountRow>, findings: Findings) {
    this.#place = place;
    this.#findings = findings;
    const scanned = new Map<bigint, ScannedAccount>();
    for (const account of accounts) {
      scanned.set(account.id, { ...account, debits: 0n, credits: 0n, version: 0, opened: false });
    }
    this.accounts = scanned;
  }

  /** Chain value after the last whole batch. */
  get chain(): Uint8Array {
    return this.#chain;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Takes the next row in order of seq, with the chain value stored on it. */
  row(row: JournalRow, chain: Uint8Array | null): void {
    this.counts.rows += 1;
    this.#order(row, chain);
    switch (row.kind) {
      case RowKind.transfer:
        this.#transfer(row);
        break;
      case RowKind.settlement:
        this.#settlement(row);
        break;
      case RowKind.return:
        this.#return(row);
        break;
      case RowKind.account:
        this.#opening(row);
        break;
      case RowKind.takeOver:
        break;
    }
    if (row.entries) this.#entries(row);
    else if (row.reason === 0 && row.amount !== null) {
      this.#find('I7', row, 'a posted row has no entries');
    }
  }

  /** To be called after the last row. */
  end(): void {
    if (this.#chainOpen) {
      this.#findings.add('I11', this.#place, this.#seq, 'the last batch has no chain value');
    }
    for (const account of this.accounts.values()) {
      if (account.opened) continue;
      const text = `account ${account.externalId} is in no row of the journal`;
      this.#findings.add('I18', this.#place, account.openedSeq, text);
    }
  }

  #find(invariant: Invariant, row: JournalRow, text: string): void {
    this.#findings.add(invariant, this.#place, row.seq, text);
  }

  #order(row: JournalRow, chain: Uint8Array | null): void {
    if (row.seq !== this.#seq + 1) this.#find('I11', row, `follows seq ${this.#seq}`);
    if (row.epoch < this.#epoch) this.#find('I11', row, `epoch ${row.epoch} after ${this.#epoch}`);
    if (row.epoch > this.#epoch && row.kind !== RowKind.takeOver) {
      this.#find('I11', row, `epoch ${row.epoch} begins without a take-over`);
    }
    if (row.atMicros < this.#atMicros) this.#find('I11', row, 'is earlier than the row before');
    this.#seq = row.seq;
    this.#epoch = row.epoch;
    this.#atMicros = row.atMicros;
    this.#hash.update(chainLine(row));
    this.#chainOpen = chain === null;
    if (chain === null) return;
    if (!this.#hash.digest().equals(chain))
      this.#find('I11', row, 'the chain value does not verify');
    // Going on from the stored value shows every damaged batch instead of all after the first.
    this.#chain = chain;
    this.#hash = createHash('sha256').update(chain);
  }

  #transfer(row: JournalRow): void {
    if (row.reason === 0) this.counts.posted += 1;
    else this.counts.refused += 1;
    if (row.peer === null) return;
    if (row.reason !== 0) this.#find('I3', row, 'a refused transfer has a channel number');
    this.#number(this.sent, row, 'sent');
    this.#requireTransit(row, row.creditAccount);
  }

  #settlement(row: JournalRow): void {
    if (row.reason === 0) this.counts.delivered += 1;
    this.#number(this.applied, row, 'applied');
    this.#requireTransit(row, row.debitAccount);
    if (row.originId === null) this.#find('I3', row, 'a settlement names no transfer');
  }

  #return(row: JournalRow): void {
    this.counts.returned += 1;
    this.#requireTransit(row, row.debitAccount);
    if (row.originId === null || row.peer === null || row.amount === null) {
      this.#find('I3', row, 'a return names no transfer');
      return;
    }
    const returns = this.returns.get(row.peer.book) ?? new Map();
    if (returns.has(row.originId)) this.#find('I3', row, `${row.originId} is returned twice`);
    returns.set(row.originId, { amount: row.amount, seq: row.seq });
    this.returns.set(row.peer.book, returns);
  }

  #number(last: Map<number, number>, row: JournalRow, word: string): void {
    const book = row.peer?.book ?? 0;
    const number = row.peer?.number ?? 0;
    const before = last.get(book) ?? 0;
    if (number !== before + 1) {
      this.#find('I3', row, `${word} number ${number} of book ${book} follows ${before}`);
    }
    last.set(book, number);
  }

  #requireTransit(row: JournalRow, id: bigint | null): void {
    const account = id === null ? undefined : this.accounts.get(id);
    if (!account?.transit) this.#find('I2', row, `account ${id} is no transit account`);
  }

  #opening(row: JournalRow): void {
    const account = row.creditAccount === null ? undefined : this.accounts.get(row.creditAccount);
    if (!account) {
      this.#find('I18', row, `account ${row.creditAccount} is missing from the account table`);
      return;
    }
    const { externalId, asset, minBalance, maxBalance, openedSeq } = account;
    const limits = `min=${minBalance ?? 'none'} max=${maxBalance ?? 'none'}`;
    const same =
      !account.opened &&
      openedSeq === row.seq &&
      externalId === row.key &&
      asset === row.asset &&
      limits === row.reference;
    // The chain covers this row; so a limit that somebody moved in the table shows here.
    if (!same) this.#find('I18', row, `account ${externalId} is not as it was opened`);
    account.opened = true;
  }

  #entries(row: JournalRow): void {
    const { entries, amount } = row;
    if (!entries || amount === null) return;
    if (amount <= 0n) this.#find('I1', row, `moves ${amount}`);
    const debit = this.#entry(row, row.debitAccount, 'debit', amount, {
      version: entries.debitVersion,
      debits: entries.debitDebits,
      credits: entries.debitCredits,
    });
    const credit = this.#entry(row, row.creditAccount, 'credit', amount, {
      version: entries.creditVersion,
      debits: entries.creditDebits,
      credits: entries.creditCredits,
    });
    if (debit && credit && debit.asset !== credit.asset) {
      this.#find('I1', row, `moves ${debit.asset} into ${credit.asset}`);
    }
  }

  #entry(
    row: JournalRow,
    id: bigint | null,
    side: EntrySide,
    amount: bigint,
    stored: { version: number; debits: bigint; credits: bigint },
  ): ScannedAccount | undefined {
    const account = id === null ? undefined : this.accounts.get(id);
    if (!account?.opened) {
      this.#find('I7', row, `posts to account ${id}, which is not open`);
      return undefined;
    }
    account.version += 1;
    if (side === 'debit') account.debits += amount;
    else account.credits += amount;
    const { version, debits, credits } = account;
    if (stored.version !== version || stored.debits !== debits || stored.credits !== credits) {
      const found = `${stored.version}/${stored.debits}/${stored.credits}`;
      const wanted = `${version}/${debits}/${credits}`;
      this.#find('I7', row, `${account.externalId} has ${found} where entries give ${wanted}`);
      account.version = stored.version;
      account.debits = stored.debits;
      account.credits = stored.credits;
    }
    this.#limits(row, account, side);
    return account;
  }

  #limits(row: JournalRow, account: ScannedAccount, side: EntrySide): void {
    const { externalId, minBalance, maxBalance, debits, credits } = account;
    const balance = credits - debits;
    if (side === 'debit' && minBalance !== null && balance < minBalance) {
      this.#find('I9', row, `${externalId} falls to ${balance}, below ${minBalance}`);
    }
    // What comes back to its payer is not held against limits: it was there before.
    if (row.kind === RowKind.return) return;
    if (side === 'credit' && maxBalance !== null && balance > maxBalance) {
      this.#find('I9', row, `${externalId} rises to ${balance}, above ${maxBalance}`);
    }
    if (debits > TOTAL_MAX || credits > TOTAL_MAX) this.#find('I9', row, `${externalId} overflows`);
  }
}
