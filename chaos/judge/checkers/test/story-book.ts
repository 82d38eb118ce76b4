import type { Account } from '../../../../ledger/core/account.ts';
import { EMPTY_ROW } from '../../../../ledger/core/post/batch.ts';
import type { BatchEffects } from '../../../../ledger/core/post/book-state.ts';
import { type Channel, newChannel } from '../../../../ledger/core/channel.ts';
import { CHAIN_RECIPE, CHAIN_START, chainAfter } from '../../../../ledger/core/chain.ts';
import type { Command } from '../../../../ledger/core/post/command.ts';
import { type JournalRow, RowKind } from '../../../../ledger/core/journal-row.ts';
import { type Original, originalOf } from '../../../../ledger/core/original.ts';
import { post } from '../../../../ledger/core/post/post.ts';
import { derivedId } from '../../../../ledger/core/transfer-id.ts';
import type { AuditedAccount } from '../../../../ledger/audit/account-fold.ts';
import type { ChainedRow } from '../../../../ledger/audit/chain-fold.ts';
import type { CopyRead } from '../../history/copy-reads.ts';
import type { AccountRead } from '../../history/operation.ts';
import { stateAfter } from '../final-book.ts';

/** Returns the changed row, or null to leave it out. */
export type RowChange = (row: JournalRow) => JournalRow | null;

const NAMES = new Map([
  [1, 'book-1'],
  [2, 'book-2'],
  [3, 'book-3'],
]);

/** A book in memory that uses post(): every call is a batch. A million of them take seconds. */
export class StoryBook {
  readonly number: number;
  readonly name: string;
  readonly rows: JournalRow[] = [];
  /** Seqs of the last rows of batches. */
  readonly #ends = new Set<number>();
  readonly #accounts = new Map<bigint, Account>();
  readonly #opened: AuditedAccount[] = [];
  readonly #transits = new Map<string, bigint>();
  readonly #channels = new Map<number, Channel>();
  readonly #originals = new Map<string, Original>();
  readonly #byId = new Map<string, JournalRow>();
  epoch = 0;
  #swept = { expiresAtMicros: 0, seq: 0 };
  #atMicros = 1_000_000;

  constructor(number: number) {
    this.number = number;
    this.name = NAMES.get(number) ?? '';
  }

  get seq(): number {
    return this.rows.length;
  }

  /** Advances time to this moment, unless it is later already. */
  waitUntil(atMicros: number): void {
    this.#atMicros = Math.max(this.#atMicros, atMicros);
  }

  row(id: string): JournalRow | undefined {
    return this.#byId.get(id);
  }

  channel(peerBook: number): Channel {
    return this.#channels.get(peerBook) ?? newChannel(peerBook);
  }

  /** Current accounts of callers. */
  account(id: bigint): Account | undefined {
    return this.#accounts.get(id);
  }

  get accounts(): readonly AuditedAccount[] {
    return this.#opened;
  }

  post(...commands: Command[]): BatchEffects {
    this.#atMicros += 1;
    const state = {
      book: this.number,
      epoch: this.epoch,
      seq: this.seq,
      accounts: this.#opened.length,
      bookNames: NAMES,
      regionBooks: [],
      isBeingOpened: () => false,
      account: (id: bigint) => copyOf(this.#accounts.get(id)),
      transitAccountId: (externalId: string) => this.#transits.get(externalId),
      channel: (peerBook: number) => this.#channels.get(peerBook),
      original: (id: string) => this.#original(id),
      scaleOf: () => undefined,
    };
    const posted = post(state, commands, this.#atMicros);
    for (const account of posted.accounts.values()) this.#accounts.set(account.id, account);
    for (const [peer, channel] of posted.channels) this.#channels.set(peer, channel);
    for (const [id, original] of posted.originals) this.#originals.set(id, original);
    for (const { account, externalId, seq } of posted.opened) {
      const { id, asset, minBalance, maxBalance, transit } = account;
      this.#opened.push({ id, externalId, asset, minBalance, maxBalance, transit, openedSeq: seq });
      if (transit) this.#transits.set(externalId, id);
    }
    if (posted.swept !== null) this.#swept = posted.swept;
    this.#append(posted.rows);
    return posted;
  }

  /** Another leader takes the book over. */
  takeOver(): void {
    this.epoch += 1;
    this.#atMicros += 1;
    const id = derivedId('take-over', this.name, String(this.epoch));
    const place = { seq: this.seq + 1, epoch: this.epoch, atMicros: this.#atMicros };
    this.#append([{ ...EMPTY_ROW, ...place, id, kind: RowKind.takeOver, reference: 'a leader' }]);
  }

  /** State of an account now. */
  state(id: bigint): AccountRead {
    const account = this.#accounts.get(id);
    const {
      version = 0,
      debits = 0n,
      credits = 0n,
      heldDebits = 0n,
      heldCredits = 0n,
    } = account ?? {};
    return {
      account: String(id),
      version,
      debits: String(debits),
      credits: String(credits),
      heldDebits: String(heldDebits),
      heldCredits: String(heldCredits),
    };
  }

  /** The content of a copy, with the chain recomputed for changed rows. */
  copy(region: string, role: CopyRead['role'], change: RowChange = (row) => row): CopyRead {
    const rows: ChainedRow[] = [];
    let chain: Uint8Array = CHAIN_START;
    let batch: JournalRow[] = [];
    for (const original of this.rows) {
      const row = change(original);
      if (row !== null) batch.push(row);
      if (!this.#ends.has(original.seq) || batch.length === 0) continue;
      chain = chainAfter(chain, batch);
      for (const [index, one] of batch.entries()) {
        const isLast = index === batch.length - 1;
        rows.push({
          row: one,
          chain: isLast ? chain : null,
          recipe: isLast ? CHAIN_RECIPE : null,
        });
      }
      batch = [];
    }
    const last = rows.at(-1)?.row;
    const { number: book, name } = this;
    return {
      book,
      region,
      role,
      head: {
        book,
        name,
        region: 'eu-west',
        epoch: last?.epoch ?? 0,
        seq: last?.seq ?? 0,
        chain,
        accounts: this.#opened.length,
        atMicros: this.#atMicros,
        sweptAtMicros: this.#swept.expiresAtMicros,
        sweptSeq: this.#swept.seq,
        nowMicros: this.#atMicros,
      },
      channels: [...this.#channels.values()].map((channel) => ({ ...channel })),
      accounts: this.#opened,
      assets: [],
      completeSinceMicros: 0,
      ...views(rows, this.#opened),
      changeable: [],
      preparedTransactions: 0,
      rows,
    };
  }

  #append(rows: readonly JournalRow[]): void {
    for (const row of rows) {
      this.rows.push(row);
      this.#byId.set(row.id, row);
    }
    this.#ends.add(this.seq);
  }

  #original(id: string): Original | undefined {
    const row = this.#byId.get(id);
    return this.#originals.get(id) ?? (row && originalOf(row));
  }
}

function sum(states: readonly AccountRead[], side: 'debits' | 'credits'): string {
  return String(states.reduce((total, state) => total + BigInt(state[side]), 0n));
}

/** The views of a copy with these rows. */
function views(rows: readonly ChainedRow[], accounts: readonly AuditedAccount[]) {
  const newest = new Map<bigint, JournalRow>();
  for (const { row } of rows) {
    const { entries, debitAccount, creditAccount } = row;
    if (entries === null) continue;
    if (entries.debitVersion !== null && debitAccount !== null) newest.set(debitAccount, row);
    if (entries.creditVersion !== null && creditAccount !== null) newest.set(creditAccount, row);
  }
  const balances = accounts.map(({ id }) => stateAfter(id, newest.get(id)));
  const assetOf = new Map(accounts.map(({ id, asset }) => [String(id), asset]));
  const ofAsset = Map.groupBy(balances, ({ account }) => assetOf.get(account) ?? '');
  const trialBalance = [...ofAsset].map(([asset, of]) => ({
    asset,
    debits: sum(of, 'debits'),
    credits: sum(of, 'credits'),
  }));
  return { balances, trialBalance };
}

const copyOf = (account: Account | undefined) => account && { ...account };
