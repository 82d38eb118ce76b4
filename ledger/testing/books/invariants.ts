import { assert, must } from '../../core/assert.ts';
import { chainAfter, CHAIN_START } from '../../core/chain.ts';
import { type Entries, type JournalRow, RowKind } from '../../core/journal-row.ts';
import { DrawFold } from './draw-fold.ts';
import { GroupFollower } from './group-follower.ts';
import type { SimBatch, SimBook } from './sim-book.ts';

interface Totals {
  readonly asset: string;
  readonly transit: boolean;
  min: bigint | null;
  max: bigint | null;
  metadata: Readonly<Record<string, string>>;
  debits: bigint;
  credits: bigint;
  heldDebits: bigint;
  heldCredits: bigint;
  version: number;
}

const NONE = { debits: 0n, credits: 0n, heldDebits: 0n, heldCredits: 0n, version: 0 };

const available = ({ credits, debits, heldDebits }: Totals) => credits - debits - heldDebits;
const expected = ({ credits, debits, heldCredits }: Totals) => credits - debits + heldCredits;

function fits({ debits, credits, heldDebits, heldCredits }: Totals): boolean {
  const amounts = [debits, credits, heldDebits, heldCredits];
  return amounts.every((amount) => amount >= 0n && amount < 2n ** 63n);
}

/** Kinds of rows that decide a key, unless they are legs. */
const KEYED: ReadonlySet<RowKind> = new Set([
  RowKind.transfer,
  RowKind.hold,
  RowKind.capture,
  RowKind.release,
  RowKind.reversal,
  RowKind.group,
  RowKind.change,
]);

/** Kinds that change what is held, and move nothing. */
const HOLDING: ReadonlySet<RowKind> = new Set([
  RowKind.hold,
  RowKind.release,
  RowKind.expiry,
  RowKind.rest,
]);

/** A leg as its payer's journal has it. */
interface SentLeg {
  readonly peerBook: number;
  readonly number: number;
  readonly asset: string;
  readonly amount: bigint;
}

/**
 * Folds the journal of one book, row by row, and throws as soon as an invariant is broken.
 * Names as in the design: I1, I2, I3, I6, I7, I9, I10, I11 and I17.
 */
export class JournalFold {
  readonly accounts = new Map<bigint, Totals>();
  readonly externalIds = new Map<string, bigint>();
  readonly sent = new Map<string, SentLeg>();
  readonly returned = new Set<string>();
  /** Refused legs of other books, as BOOK:NUMBER. */
  readonly refused = new Set<string>();
  readonly #ids = new Set<string>();
  readonly #keys = new Set<string>();
  readonly #draws = new DrawFold();
  readonly #groups = new GroupFollower();
  readonly #sentThrough = new Map<number, number>();
  readonly #appliedThrough = new Map<number, number>();
  #seq = 0;
  #chain: Buffer = CHAIN_START;

  /** Takes the next batch of the journal. */
  take({ rows, opened, chain }: SimBatch): void {
    for (const row of rows) {
      const opening = opened.find(({ seq }) => seq === row.seq);
      assert((opening !== undefined) === (row.kind === RowKind.account), 'an opening has its row');
      if (opening !== undefined) {
        const { account, externalId, metadata } = opening;
        const { asset, minBalance: min, maxBalance: max, transit } = account;
        assert(!this.externalIds.has(externalId), `I6: ${externalId} is opened once`);
        this.externalIds.set(externalId, account.id);
        this.accounts.set(account.id, { asset, min, max, transit, metadata, ...NONE });
      }
      this.#takeRow(row);
    }
    this.#groups.end();
    this.#chain = chainAfter(this.#chain, rows);
    assert(this.#chain.equals(chain), 'I11: the chain verifies');
  }

  #takeRow(row: JournalRow): void {
    const { seq, kind, reason, entries } = row;
    assert(seq === this.#seq + 1, `I11: seq ${seq} follows ${this.#seq}`);
    this.#seq = seq;
    assert(!this.#ids.has(row.id), `I6: id ${row.id} occurs once`);
    this.#ids.add(row.id);
    if (KEYED.has(kind) && (row.details?.groupId ?? null) === null) {
      const key = JSON.stringify([row.namespace, row.key === '' ? row.id : row.key]);
      assert(!this.#keys.has(key), `I6: key ${key} has one outcome`);
      this.#keys.add(key);
    }
    checkColumns(row);
    this.#groups.take(row);
    const freed = this.#draws.take(row);
    if (entries !== null) this.#takeEntries(row, entries, freed);
    const moves = kind === RowKind.transfer || kind === RowKind.hold;
    const nothing = moves && reason === 0 && row.amount === null;
    if (nothing) assert(entries === null && row.peer === null, `row ${seq} moves nothing`);
    if (KEYED.has(kind) && kind !== RowKind.group && !nothing) {
      assert((entries !== null) === (reason === 0), `row ${seq} was applied or has a reason`);
    }
    this.#takePeer(row);
  }

  /** @param freed how much less is held after a capture or a return */
  #takeEntries(row: JournalRow, entries: Entries, freed: bigint): void {
    const { seq, kind, debitAccount, creditAccount, details } = row;
    const hasDebit = entries.debitVersion !== null;
    const hasCredit = entries.creditVersion !== null;
    const debit = hasDebit ? this.accounts.get(debitAccount ?? 0n) : undefined;
    const credit = hasCredit ? this.accounts.get(creditAccount ?? 0n) : undefined;
    assert((debit !== undefined) === hasDebit, 'the debit account exists');
    assert((credit !== undefined) === hasCredit, 'the credit account exists');
    if (debit !== undefined && credit !== undefined) {
      assert(debit.asset === credit.asset, 'both sides hold one asset');
    }
    const before = [debit, credit].map((account) => account && { ...account });
    if (kind === RowKind.change) changeSettings(must(credit, 'it is changed'), row);
    else moveTotals(row, debit, credit, freed);
    for (const account of [debit, credit]) {
      if (account === undefined) continue;
      account.version += 1;
      assert(fits(account), `I9: row ${seq} fits 64 bits`);
    }
    const { held } = entries;
    const same =
      entries.debitVersion === (debit?.version ?? null) &&
      entries.creditVersion === (credit?.version ?? null) &&
      entries.debitDebits === (debit?.debits ?? null) &&
      entries.debitCredits === (debit?.credits ?? null) &&
      entries.creditDebits === (credit?.debits ?? null) &&
      entries.creditCredits === (credit?.credits ?? null) &&
      (held?.debitHeldDebits ?? 0n) === (debit?.heldDebits ?? 0n) &&
      (held?.debitHeldCredits ?? 0n) === (debit?.heldCredits ?? 0n) &&
      (held?.creditHeldDebits ?? 0n) === (credit?.heldDebits ?? 0n) &&
      (held?.creditHeldCredits ?? 0n) === (credit?.heldCredits ?? 0n);
    assert(same, `I7: row ${seq} continues the versions and totals of its accounts`);
    const limited = details?.options.startsWith('{"change":"limits"') ?? false;
    this.#checkLimits(row, debit, before[0], limited);
    this.#checkLimits(row, credit, before[1], limited);
  }

  /** No row takes an account beyond a limit; what comes back was the payer's own and may. */
  #checkLimits(
    { kind, seq }: JournalRow,
    after: Totals | undefined,
    before: Totals | undefined,
    limited: boolean,
  ): void {
    if (after === undefined || before === undefined || kind === RowKind.return) return;
    const spared = !limited && available(after) >= available(before);
    const { min, max } = after;
    assert(min === null || available(after) >= min || spared, `I9: row ${seq} keeps min`);
    const unfilled = !limited && expected(after) <= expected(before);
    assert(max === null || expected(after) <= max || unfilled, `I9: row ${seq} keeps max`);
  }

  #takePeer({ kind, peer, reason, id, originId, amount, debitAccount }: JournalRow): void {
    if (peer === null || HOLDING.has(kind)) return;
    if (kind === RowKind.settlement) {
      const number = (this.#appliedThrough.get(peer.book) ?? 0) + 1;
      assert(peer.number === number, `I3: leg ${peer.number} of ${peer.book} comes in order`);
      this.#appliedThrough.set(peer.book, number);
      if (reason !== 0) this.refused.add(`${peer.book}:${number}`);
    } else if (kind === RowKind.return) {
      assert(this.sent.has(originId ?? ''), 'only what was sent is returned');
      assert(!this.returned.has(originId ?? ''), `I3: ${originId} is returned once`);
      this.returned.add(originId ?? '');
    } else {
      const number = (this.#sentThrough.get(peer.book) ?? 0) + 1;
      assert(peer.number === number, `I3: leg ${peer.number} to ${peer.book} is number ${number}`);
      this.#sentThrough.set(peer.book, number);
      const { asset } = must(this.accounts.get(debitAccount ?? 0n), 'the payer exists');
      this.sent.set(id, { peerBook: peer.book, number, asset, amount: amount ?? 0n });
    }
  }

  appliedThrough(peerBook: number): number {
    return this.#appliedThrough.get(peerBook) ?? 0;
  }

  /** Throws unless the book sums to zero in every asset (I1). */
  checkZero(): void {
    const sums = new Map<string, bigint>();
    for (const { asset, debits, credits } of this.accounts.values()) {
      sums.set(asset, (sums.get(asset) ?? 0n) + credits - debits);
    }
    for (const [asset, sum] of sums) assert(sum === 0n, `I1: ${asset} sums to ${sum}`);
  }

  /** Balance of a transit account; zero if it was never opened. */
  transitBalance(from: SimBook, to: SimBook, asset: string): bigint {
    const id = this.externalIds.get(`transit:${from.name}>${to.name}:${asset}`);
    const totals = id === undefined ? undefined : this.accounts.get(id);
    return totals === undefined ? 0n : totals.credits - totals.debits;
  }
}

/** What the table itself checks; a row that it refuses would hold up all that come after. */
function checkColumns(row: JournalRow): void {
  const { seq, kind, reason, debitAccount, creditAccount, amount, entries } = row;
  const debited = (entries?.debitVersion ?? null) !== null;
  const credited = (entries?.creditVersion ?? null) !== null;
  assert(!debited || debitAccount !== creditAccount, `row ${seq} has two different accounts`);
  assert(amount === null || (amount > 0n && amount < 2n ** 63n), `row ${seq} has an amount`);
  assert(reason === 0 || kind === RowKind.return || entries === null, `row ${seq} has no effect`);
  assert(
    debited === credited || HOLDING.has(kind) || kind === RowKind.change,
    `row ${seq} has both sides`,
  );
}

function moveTotals(
  { kind, amount: moved }: JournalRow,
  debit: Totals | undefined,
  credit: Totals | undefined,
  freed: bigint,
): void {
  const amount = must(moved, 'an entry has an amount');
  const held = kind === RowKind.hold ? amount : HOLDING.has(kind) ? -amount : -freed;
  const posted = HOLDING.has(kind) ? 0n : amount;
  if (debit !== undefined) {
    debit.debits += posted;
    if (kind !== RowKind.return) debit.heldDebits += held;
  }
  if (credit !== undefined) {
    credit.credits += posted;
    // What comes back to a payer from a capture is held of it again.
    if (kind === RowKind.return) credit.heldDebits += held;
    // The payee of a capture in another book knew nothing of the hold.
    else if (!credit.transit) credit.heldCredits += held;
  }
}

function changeSettings(account: Totals, { details, metadata }: JournalRow): void {
  const { minBalance, maxBalance } = must(details?.settings, 'a change has the settings after it');
  account.min = minBalance;
  account.max = maxBalance;
  if (details?.options.startsWith('{"change":"metadata"')) account.metadata = metadata;
}

/**
 * I2 and the far half of I3: the transit accounts of a pair of books differ by exactly what is
 * in flight, and what was returned had been refused. Throws if not.
 */
export function checkInFlight(
  [from, sender]: readonly [SimBook, JournalFold],
  [to, receiver]: readonly [SimBook, JournalFold],
): void {
  const flying = new Map<string, bigint>();
  for (const [id, { peerBook, number, asset, amount }] of sender.sent) {
    if (peerBook !== to.number) continue;
    const answered = number <= receiver.appliedThrough(from.number);
    const refused = receiver.refused.has(`${from.number}:${number}`);
    const returned = sender.returned.has(id);
    assert(!returned || refused, `I3: ${id} was returned and never refused`);
    const underWay = !answered || (refused && !returned);
    flying.set(asset, (flying.get(asset) ?? 0n) + (underWay ? amount : 0n));
  }
  for (const [asset, amount] of flying) {
    const here = sender.transitBalance(from, to, asset);
    const there = receiver.transitBalance(from, to, asset);
    assert(
      here + there === amount,
      `I2: ${amount} ${asset} in flight, accounts hold ${here + there}`,
    );
  }
}
