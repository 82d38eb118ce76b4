import { assert, must } from '../core/assert.ts';
import { chainAfter, CHAIN_START } from '../core/chain.ts';
import { type Entries, type JournalRow, RowKind } from '../core/journal-row.ts';
import type { SimBatch, SimBook } from './installation.ts';

interface Totals {
  readonly asset: string;
  readonly min: bigint | null;
  readonly max: bigint | null;
  readonly transit: boolean;
  debits: bigint;
  credits: bigint;
  version: number;
}

const fits = ({ debits, credits }: Totals) => debits < 2n ** 63n && credits < 2n ** 63n;

/** A leg as its payer's journal has it. */
interface SentLeg {
  readonly peerBook: number;
  readonly number: number;
  readonly asset: string;
  readonly amount: bigint;
}

/**
 * Folds the journal of one book, row by row, and throws as soon as an invariant is broken.
 * Names as in the design: I1, I2, I3, I6, I7, I9 and I11.
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
        const { account, externalId } = opening;
        const { asset, minBalance: min, maxBalance: max, transit } = account;
        assert(!this.externalIds.has(externalId), `I6: ${externalId} is opened once`);
        this.externalIds.set(externalId, account.id);
        const totals = { debits: 0n, credits: 0n, version: 0 };
        this.accounts.set(account.id, { asset, min, max, transit, ...totals });
      }
      this.#takeRow(row);
    }
    this.#chain = chainAfter(this.#chain, rows);
    assert(this.#chain.equals(chain), 'I11: the chain verifies');
  }

  #takeRow(row: JournalRow): void {
    assert(row.seq === this.#seq + 1, `I11: seq ${row.seq} follows ${this.#seq}`);
    this.#seq = row.seq;
    assert(!this.#ids.has(row.id), `I6: id ${row.id} occurs once`);
    this.#ids.add(row.id);
    if (row.kind === RowKind.transfer) {
      const key = JSON.stringify([row.namespace, row.key === '' ? row.id : row.key]);
      assert(!this.#keys.has(key), `I6: key ${key} has one outcome`);
      this.#keys.add(key);
    }
    // What the table itself checks; a row that it refuses would hold up all that come after.
    const { debitAccount, creditAccount, amount, entries } = row;
    const oneSided = entries !== null && debitAccount === creditAccount;
    assert(!oneSided, `row ${row.seq} has two different accounts`);
    assert(amount === null || (amount > 0n && amount < 2n ** 63n), `row ${row.seq} has an amount`);
    if (row.entries !== null) this.#takeEntries(row, row.entries);
    const moved = row.entries !== null;
    if (row.kind === RowKind.transfer) assert(moved === (row.reason === 0), 'posted means moved');
    this.#takePeer(row);
  }

  #takeEntries(row: JournalRow, entries: Entries): void {
    const debit = must(this.accounts.get(row.debitAccount ?? 0n), 'the debit account exists');
    const credit = must(this.accounts.get(row.creditAccount ?? 0n), 'the credit account exists');
    const amount = must(row.amount, 'an entry has an amount');
    assert(amount > 0n, 'an amount is greater than zero');
    assert(debit.asset === credit.asset, 'both sides hold one asset');
    debit.debits += amount;
    debit.version += 1;
    credit.credits += amount;
    credit.version += 1;
    const same =
      entries.debitVersion === debit.version &&
      entries.creditVersion === credit.version &&
      entries.debitDebits === debit.debits &&
      entries.debitCredits === debit.credits &&
      entries.creditDebits === credit.debits &&
      entries.creditCredits === credit.credits;
    assert(same, `I7: row ${row.seq} continues the versions and totals of its accounts`);
    assert(fits(debit) && fits(credit), `I9: row ${row.seq} fits 64 bits`);
    // What comes back was the payer's own: no limit keeps it out.
    if (row.kind === RowKind.return) return;
    const { min } = debit;
    const { max } = credit;
    assert(min === null || debit.credits - debit.debits >= min, `I9: row ${row.seq} keeps min`);
    assert(max === null || credit.credits - credit.debits <= max, `I9: row ${row.seq} keeps max`);
  }

  #takePeer({ kind, peer, reason, id, originId, amount, debitAccount, seq }: JournalRow): void {
    if (peer === null) return;
    if (kind === RowKind.transfer) {
      const number = (this.#sentThrough.get(peer.book) ?? 0) + 1;
      assert(peer.number === number, `I3: leg ${peer.number} to ${peer.book} is number ${number}`);
      this.#sentThrough.set(peer.book, number);
      const { asset } = must(this.accounts.get(debitAccount ?? 0n), 'the payer exists');
      this.sent.set(id, { peerBook: peer.book, number, asset, amount: amount ?? 0n });
    } else if (kind === RowKind.settlement) {
      const number = (this.#appliedThrough.get(peer.book) ?? 0) + 1;
      assert(peer.number === number, `I3: leg ${peer.number} of ${peer.book} comes in order`);
      this.#appliedThrough.set(peer.book, number);
      if (reason !== 0) this.refused.add(`${peer.book}:${number}`);
    } else {
      assert(kind === RowKind.return, `row ${seq} has a peer and no kind for it`);
      assert(this.sent.has(originId ?? ''), 'only what was sent is returned');
      assert(!this.returned.has(originId ?? ''), `I3: ${originId} is returned once`);
      this.returned.add(originId ?? '');
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
      `I2: ${amount} ${asset} in flight, accounts say ${here + there}`,
    );
  }
}
