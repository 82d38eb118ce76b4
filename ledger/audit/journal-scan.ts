import { namedAsset } from '../core/asset.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import { AccountFold, type AuditedAccount, type FoldedAccount } from './account-fold.ts';
import { type AskedKind, askedBy } from './asked.ts';
import { AssetRegistry, type AssetRow } from './asset-registry.ts';
import { type ChainedRow, ChainFold } from './chain-fold.ts';
import { ChannelFold } from './channel-fold.ts';
import * as effect from './effect.ts';
import type { Find, Findings, Invariant } from './findings.ts';
import { GroupFold } from './group-fold.ts';
import { OpenHolds } from './open-holds.ts';
import { checkRecovered, checkReturn, checkReversal, type ReversedRows } from './reversals.ts';
import { foldChange } from './settings-fold.ts';

export interface JournalCounts {
  rows: number;
  /** Transfers, captures and reversals, those in groups included. */
  posted: number;
  /** Requests that were rejected, a group once for all of its legs. */
  refused: number;
  /** Second legs posted here, of transfers from other books. */
  delivered: number;
  /** Transfers from here that the payee's book refused, paid back. */
  returned: number;
  /** Holds that were made. */
  held: number;
}

/** The tables of a book other than its journal. */
export interface BookTables {
  readonly accounts: Iterable<AuditedAccount>;
  readonly assets: readonly AssetRow[];
  /** Accounts opened before may have unregistered assets; 0 if that is not known. */
  readonly completeSinceMicros: number;
  /**
   * Leaders of earlier epochs may have kept what came back from a capture from its hold. Unset:
   * none did.
   */
  readonly heldAgainSinceMicros?: number;
}

/**
 * Follows a journal from its first row and checks that each follows from those before it. Holds
 * the accounts, the open holds and what came back from other books in memory, and no other row.
 */
export class JournalScan {
  readonly counts: JournalCounts = {
    rows: 0,
    posted: 0,
    refused: 0,
    delivered: 0,
    returned: 0,
    held: 0,
  };
  readonly channels: ChannelFold;
  readonly holds: OpenHolds;
  readonly assets: AssetRegistry;
  readonly #accounts: AccountFold;
  readonly #groups: GroupFold;
  readonly #table: readonly AssetRow[];
  readonly #heldAgainSince: number;
  readonly #place: string;
  readonly #findings: Findings;
  readonly #find: Find;
  #last: JournalRow | undefined;
  #seq = 0;
  #epoch = 0;
  #epochMicros = 0;
  #atMicros = 0;
  readonly #chain = new ChainFold();

  constructor(place: string, tables: BookTables, findings: Findings) {
    this.#place = place;
    this.#findings = findings;
    this.#find = (invariant: Invariant, row: JournalRow, text: string) =>
      findings.add(invariant, place, row.seq, text);
    this.#accounts = new AccountFold(tables.accounts, this.#find);
    this.#groups = new GroupFold(this.#find);
    this.#table = tables.assets;
    this.#heldAgainSince = tables.heldAgainSinceMicros ?? 0;
    this.channels = new ChannelFold(this.#accounts, this.#find);
    this.holds = new OpenHolds(this.#find);
    this.assets = new AssetRegistry(tables.completeSinceMicros, this.#find);
  }

  get accounts(): ReadonlyMap<bigint, FoldedAccount> {
    return this.#accounts.all;
  }

  /** Chain value after the last whole batch. */
  get chain(): Uint8Array {
    return this.#chain.value;
  }

  get seq(): number {
    return this.#seq;
  }

  /**
   * Takes the next rows in order of seq.
   *
   * @param reversed what their reversals draw on (`reversedIds`), as it was before these rows
   */
  page(rows: readonly ChainedRow[], reversed: ReversedRows): void {
    this.holds.recall(
      rows.map(({ row }) => row),
      reversed,
    );
    for (const chained of rows) this.#row(chained, reversed);
    this.holds.forget();
  }

  /** To be called after the last row. */
  end(): void {
    if (this.#last) this.#groups.end(this.#last);
    if (this.#chain.isOpen) {
      this.#findings.add('I11', this.#place, this.#seq, 'the last batch has no chain value');
    }
    for (const account of this.accounts.values()) {
      if (account.opened) continue;
      const text = `account ${account.externalId} is in no row of the journal`;
      this.#findings.add('I18', this.#place, account.openedSeq, text);
    }
    this.assets.end(this.#table, this.#place, this.#findings);
  }

  #row(chained: ChainedRow, reversed: ReversedRows): void {
    const { row, chain } = chained;
    this.counts.rows += 1;
    this.#last = row;
    this.#order(row);
    const broken = this.#chain.row(chained);
    if (broken !== null) this.#find('I11', row, broken);
    this.#groups.row(row, chain !== null, this.#accounts.get(row.creditAccount)?.transit === true);
    const applied = row.reason === 0 || row.kind === RowKind.return;
    if (row.kind !== RowKind.settlement && !(applied && LEAVES.has(row.kind))) {
      this.channels.stayed(row);
    }
    if (!applied || !DRAWS.has(row.kind)) this.#requireUndrawn(row);
    if (applied) this.#applied(row, reversed);
    else this.#refused(row);
  }

  #order(row: JournalRow): void {
    if (row.seq !== this.#seq + 1) this.#find('I11', row, `follows seq ${this.#seq}`);
    if (row.epoch < this.#epoch) this.#find('I11', row, `epoch ${row.epoch} after ${this.#epoch}`);
    if (row.epoch > this.#epoch && row.kind !== RowKind.takeOver) {
      this.#find('I11', row, `epoch ${row.epoch} begins without a take-over`);
    }
    if (row.atMicros < this.#atMicros) this.#find('I11', row, 'is earlier than the row before');
    this.#seq = row.seq;
    if (row.epoch !== this.#epoch) this.#epochMicros = row.atMicros;
    this.#epoch = row.epoch;
    this.#atMicros = row.atMicros;
  }

  /** Finds a row that auditors' views would take for the newest amount left. */
  #requireUndrawn(row: JournalRow): void {
    const drawn = row.details?.drawn ?? null;
    if (drawn !== null && drawn.left !== null) {
      this.#find(
        'I10',
        row,
        `states that ${drawn.left} is left of ${drawn.id}, but draws on nothing`,
      );
    }
  }

  #refused(row: JournalRow): void {
    if (row.kind === RowKind.settlement) this.channels.arrived(row);
    else if ((row.details?.groupId ?? null) === null) this.counts.refused += 1;
    if (row.entries !== null) this.#find('I7', row, 'was refused and has entries');
    if (row.details?.settings) this.#find('I9', row, 'was refused and changes an account');
  }

  #applied(row: JournalRow, reversed: ReversedRows): void {
    const amount = row.amount ?? 0n;
    if (row.amount === null && (row.kind === RowKind.transfer || row.kind === RowKind.hold)) {
      this.#nothing(row, row.kind);
      return;
    }
    switch (row.kind) {
      case RowKind.transfer:
        this.#asked(row, row.kind);
        this.counts.posted += 1;
        this.channels.left(row);
        this.#accounts.post(row, effect.moved(amount));
        break;
      case RowKind.settlement:
        this.counts.delivered += 1;
        this.channels.arrived(row);
        this.#accounts.post(row, effect.moved(amount));
        break;
      case RowKind.return:
        this.counts.returned += 1;
        this.#cameBack(row, reversed);
        break;
      case RowKind.reversal:
        checkReversal(row, this.#asked(row, row.kind), reversed, this.#find);
        this.counts.posted += 1;
        this.channels.left(row);
        this.#accounts.post(row, effect.moved(amount));
        break;
      case RowKind.hold:
      case RowKind.capture:
      case RowKind.release:
      case RowKind.expiry:
      case RowKind.rest:
        this.#held(row, row.kind, reversed);
        break;
      case RowKind.recovered:
        this.#recovered(row, reversed);
        break;
      case RowKind.account:
      case RowKind.takeOver:
      case RowKind.repair:
      case RowKind.group:
      case RowKind.change:
      case RowKind.asset:
        this.#moneyless(row);
        break;
    }
  }

  /** A leg that a repair has booked. Without entries, the money had left by an earlier row. */
  #recovered(row: JournalRow, reversed: ReversedRows): void {
    this.channels.recovered(row);
    checkRecovered(row, reversed, this.#find);
    if (row.entries === null) return;
    this.counts.posted += 1;
    this.#accounts.post(row, effect.moved(row.amount ?? 0n));
  }

  #cameBack(row: JournalRow, reversed: ReversedRows): void {
    const amount = row.amount ?? 0n;
    const origin = reversed.get(row.originId ?? '');
    const capture = origin?.kind === RowKind.capture ? origin : undefined;
    this.channels.cameBack(row, capture !== undefined);
    if (!capture) checkReturn(row, reversed, this.#find);
    const again = capture ? this.holds.cameBack(row, capture, this.#isOld) : 0n;
    this.#accounts.post(row, effect.heldAgain(amount, again));
  }

  /** True: a leader of this epoch may not know that captures come back to their holds. */
  get #isOld(): boolean {
    return this.#epochMicros < this.#heldAgainSince;
  }

  /** Holds and what draws on them. */
  #held(row: JournalRow, kind: HeldKind, reversed: ReversedRows): void {
    const away = row.peer !== null;
    if (kind === RowKind.hold) {
      this.counts.held += 1;
      this.holds.made(row, this.#asked(row, kind));
      this.#accounts.post(row, effect.held(row.amount ?? 0n, away));
      return;
    }
    if (kind === RowKind.rest) this.#restOf(row, reversed);
    const alone = kind === RowKind.expiry || kind === RowKind.rest;
    const asked = alone ? undefined : this.#asked(row, kind);
    const taken = this.holds.drawn(row, asked, this.#isOld);
    if (kind !== RowKind.capture) {
      this.#accounts.post(row, effect.held(-taken, away));
      return;
    }
    this.counts.posted += 1;
    this.channels.left(row);
    this.#accounts.post(row, effect.captured(row.amount ?? 0n, taken, away));
  }

  /** A transfer or hold of nothing, as its request allows: no account changes, nothing travels. */
  #nothing(row: JournalRow, kind: AskedKind): void {
    const { allowZero, rest } = this.#asked(row, kind);
    if (kind === RowKind.hold) this.counts.held += 1;
    else this.counts.posted += 1;
    if (!allowZero && !rest) this.#find('I5', row, 'moves nothing, which was not asked');
    if (row.entries !== null || row.peer !== null || row.details?.expiresAtMicros) {
      this.#find('I7', row, 'moves nothing, and has entries, a peer or a time to expire');
    }
  }

  /** The rest of a final capture is freed because of that capture. */
  #restOf(row: JournalRow, reversed: ReversedRows): void {
    const capture = reversed.get(row.originId ?? '');
    const draws = capture?.final === true && capture.drawnId === row.details?.drawn?.id;
    if (capture?.reason !== 0 || capture.seq >= row.seq || !draws) {
      this.#find('I10', row, `frees what ${row.originId} left, which closes no hold`);
    }
  }

  /** Rows that neither move nor hold money. */
  #moneyless(row: JournalRow): void {
    const { kind } = row;
    if (kind === RowKind.change) {
      const account = this.#accounts.get(row.creditAccount);
      if (account && !account.transit) foldChange(row, account, this.#find);
      else this.#find('I9', row, `changes account ${row.creditAccount}, which it may not`);
      this.#accounts.post(row, effect.CHANGED);
      return;
    }
    if (row.entries !== null) this.#find('I7', row, 'has entries, though it changes no account');
    if (kind === RowKind.asset) this.assets.registered(row);
    if (kind !== RowKind.account) return;
    const account = this.#accounts.open(row, namedAsset(row.asset).code);
    if (account?.transit !== true) this.assets.opened(row);
  }

  #asked(row: JournalRow, kind: AskedKind) {
    this.assets.named(row);
    return askedBy(row, kind, this.#accounts, this.#find);
  }
}

type HeldKind = (typeof RowKind)['hold' | 'capture' | 'release' | 'expiry' | 'rest'];

/** Rows by which money may leave the book. */
const LEAVES: ReadonlySet<RowKind> = new Set([
  RowKind.transfer,
  RowKind.capture,
  RowKind.reversal,
  RowKind.recovered,
]);

/** Rows that state what is left of another. */
const DRAWS: ReadonlySet<RowKind> = new Set([
  RowKind.return,
  RowKind.capture,
  RowKind.release,
  RowKind.expiry,
  RowKind.rest,
  RowKind.reversal,
  RowKind.recovered,
]);
