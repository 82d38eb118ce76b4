import { CHAIN_START } from '../../../ledger/core/chain.ts';
import { RowKind } from '../../../ledger/core/journal-row.ts';
import type { AppendStatement } from './append-statement.ts';
import type { StoredAccount, StoredChannel, StoredHead, StoredRow } from './columns.ts';
import { PostgresError } from './database-error.ts';

/** Newest totals and settings of an account. */
export interface Balance {
  debits: bigint;
  credits: bigint;
  held_debits: bigint;
  held_credits: bigint;
  version: bigint;
  flags: number;
  min_balance: bigint | null;
  max_balance: bigint | null;
}

/** The tables of one book at one database node: the result of its committed appends. */
export class Tables {
  head: StoredHead = {
    epoch: 0n,
    leader: '',
    seq: 0n,
    chain: CHAIN_START,
    at_micros: 0n,
    accounts: 0n,
    swept_micros: 0n,
    swept_seq: 0n,
    region_books: [],
  };
  readonly rows: StoredRow[] = [];
  readonly byId = new Map<string, StoredRow>();
  readonly byGroup = new Map<string, StoredRow[]>();
  readonly accounts = new Map<bigint, StoredAccount>();
  readonly byExternalId = new Map<string, StoredAccount>();
  readonly balances = new Map<bigint, Balance>();
  readonly channels = new Map<number, StoredChannel>();
  /** Newest row that draws on another, by the id of the row drawn on. */
  readonly drawn = new Map<string, StoredRow>();
  /** The newest capture of each hold. */
  readonly captured = new Map<string, StoredRow>();
  /** Rows of kind return, by the transfer that came back. */
  readonly returns = new Map<string, StoredRow>();
  readonly #seqs = new Set<bigint>();
  /** Versions of accounts and numbers of channels, which occur once. */
  readonly #versions = new Map<bigint, Set<bigint>>();
  readonly #sent = new Map<number, Set<bigint>>();
  readonly #applied = new Map<number, Set<bigint>>();

  /** @throws PostgresError 23505 if a unique index refuses the rows */
  check({ rows, accounts }: AppendStatement, seqIsKey: boolean): void {
    for (const row of rows) {
      if (this.byId.has(row.id)) throw duplicate(`id ${row.id}`);
      if (!seqIsKey) continue;
      if (this.#seqs.has(row.seq)) throw duplicate(`seq ${row.seq}`);
      this.#checkNumbers(row);
    }
    for (const { external_id: externalId } of accounts) {
      if (this.byExternalId.has(externalId)) throw duplicate(`account ${externalId}`);
    }
  }

  apply({ head, rows, accounts, channels }: AppendStatement): void {
    this.head = { ...this.head, ...head };
    for (const account of accounts) {
      this.accounts.set(account.id, account);
      this.byExternalId.set(account.external_id, account);
      this.balances.set(account.id, {
        debits: 0n,
        credits: 0n,
        held_debits: 0n,
        held_credits: 0n,
        version: 0n,
        flags: 0,
        min_balance: account.min_balance,
        max_balance: account.max_balance,
      });
    }
    for (const row of rows) this.#add(row);
    for (const channel of channels) this.channels.set(channel.peer_book, channel);
  }

  #add(row: StoredRow): void {
    this.rows.push(row);
    this.byId.set(row.id, row);
    this.#seqs.add(row.seq);
    this.#addNumbers(row);
    if (row.group_id !== null) {
      const legs = this.byGroup.get(row.group_id);
      if (legs === undefined) this.byGroup.set(row.group_id, [row]);
      else legs.push(row);
    }
    if (row.drawn_id !== null && row.drawn_left !== null) this.drawn.set(row.drawn_id, row);
    if (row.kind === RowKind.capture && row.drawn_left !== null) {
      this.captured.set(row.drawn_id ?? '', row);
    }
    if (row.kind === RowKind.return) this.returns.set(row.origin_id ?? '', row);
    this.#balance(row);
  }

  #checkNumbers(row: StoredRow): void {
    const { debit_account: debit, debit_version: debitVersion } = row;
    const { credit_account: credit, credit_version: creditVersion } = row;
    if (debit !== null && debitVersion !== null && this.#versions.get(debit)?.has(debitVersion)) {
      throw duplicate(`${debit}:${debitVersion}`);
    }
    if (
      credit !== null &&
      creditVersion !== null &&
      this.#versions.get(credit)?.has(creditVersion)
    ) {
      throw duplicate(`${credit}:${creditVersion}`);
    }
    const { peer_book: peer, channel_number: number } = row;
    if (peer === null || number === null || !this.#channel(row).get(peer)?.has(number)) return;
    throw duplicate(`number ${number} of the channel of book ${peer}`);
  }

  #addNumbers(row: StoredRow): void {
    const { debit_account: debit, debit_version: debitVersion } = row;
    const { credit_account: credit, credit_version: creditVersion } = row;
    if (debit !== null && debitVersion !== null) addTo(this.#versions, debit, debitVersion);
    if (credit !== null && creditVersion !== null) addTo(this.#versions, credit, creditVersion);
    const { peer_book: peer, channel_number: number } = row;
    if (peer !== null && number !== null) addTo(this.#channel(row), peer, number);
  }

  #channel({ kind }: StoredRow): Map<number, Set<bigint>> {
    return kind === RowKind.settlement ? this.#applied : this.#sent;
  }

  #balance(row: StoredRow): void {
    const debit = this.balances.get(row.debit_account ?? 0n);
    if (row.debit_version !== null && debit !== undefined) {
      debit.version = row.debit_version;
      debit.debits = row.debit_debits ?? 0n;
      debit.credits = row.debit_credits ?? 0n;
      debit.held_debits = row.debit_held_debits ?? 0n;
      debit.held_credits = row.debit_held_credits ?? 0n;
    }
    const credit = this.balances.get(row.credit_account ?? 0n);
    if (row.credit_version === null || credit === undefined) return;
    credit.version = row.credit_version;
    credit.debits = row.credit_debits ?? 0n;
    credit.credits = row.credit_credits ?? 0n;
    credit.held_debits = row.credit_held_debits ?? 0n;
    credit.held_credits = row.credit_held_credits ?? 0n;
    if (row.kind !== RowKind.change || row.account_flags === null) return;
    credit.flags = row.account_flags;
    credit.min_balance = row.min_balance;
    credit.max_balance = row.max_balance;
  }
}

function duplicate(what: string): PostgresError {
  return new PostgresError('23505', `duplicate key: ${what}`);
}

function addTo<K>(sets: Map<K, Set<bigint>>, key: K, number: bigint): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([number]));
  else known.add(number);
}
