import type { Findings } from './findings.ts';
import type { ChannelHash } from '../core/channel.ts';
import { HASH_START, hashAfter } from '../core/channel.ts';
import { undoneId } from '../core/post/post-recovery.ts';
import { settlementId } from '../core/transfer-id.ts';
import { type Direction, fetchLegs, type Leg, legs, supersededLegs } from './channel-legs.ts';
import type { FoldedAccount } from './account-fold.ts';
import type { JournalScan } from './journal-scan.ts';
import type { AuditSql, BookHead, ChannelRow } from './read-book.ts';

/** A book after its journal has been read; its snapshot is still open. */
export interface ScannedBook {
  readonly head: BookHead;
  readonly scan: JournalScan;
  readonly channels: readonly ChannelRow[];
  /** In the book's snapshot. */
  readonly sql: AuditSql;
  /** Outside of the snapshot: sees what was committed since. */
  readonly now: AuditSql;
}

/** Money on its way from one book to another. */
export interface InFlight {
  readonly from: string;
  readonly to: string;
  readonly asset: string;
  readonly transfers: number;
  readonly amountMinor: bigint;
}

interface Sum {
  transfers: number;
  amountMinor: bigint;
}

/**
 * Compares the legs that left one book with those that arrived in another (I2, I3). Both are
 * read in the order of their numbers, so nothing but what is in flight is kept.
 *
 * The two snapshots are not of one moment. What only a newer snapshot shows is looked up again.
 */
export async function auditChannel(
  from: ScannedBook,
  to: ScannedBook,
  findings: Findings,
): Promise<InFlight[]> {
  const channel = new ChannelAudit(from, to, findings);
  const left = channel.hashed('sent', legs(from.sql, to.head.book, 'sent'));
  const arrived = channel.hashed('arrived', legs(to.sql, from.head.book, 'arrived'));
  let here = await left.next();
  let there = await arrived.next();
  while (here.done !== true || there.done !== true) {
    const leg = here.done === true ? undefined : here.value;
    const second = there.done === true ? undefined : there.value;
    const number = Math.min(leg?.number ?? Infinity, second?.number ?? Infinity);
    await channel.number(
      leg?.number === number ? leg : undefined,
      second?.number === number ? second : undefined,
    );
    if (leg?.number === number) here = await left.next();
    if (second?.number === number) there = await arrived.next();
  }
  channel.undone(await supersededLegs(from.sql, to.head.book));
  return channel.end();
}

class ChannelAudit {
  readonly #from: ScannedBook;
  readonly #to: ScannedBook;
  readonly #findings: Findings;
  readonly #place: string;
  readonly #settled: number;
  /** By asset. */
  readonly #inFlight = new Map<string, Sum>();
  /** Second legs that the payer's snapshot is too old for, by asset. */
  readonly #tooNew = new Map<string, bigint>();
  #returned = 0;

  constructor(from: ScannedBook, to: ScannedBook, findings: Findings) {
    this.#from = from;
    this.#to = to;
    this.#findings = findings;
    this.#place = `${from.head.name}>${to.head.name}`;
    const channel = from.channels.find(({ peerBook }) => peerBook === to.head.book);
    this.#settled = channel?.settled ?? 0;
  }

  /** The two legs of one channel number, as far as the snapshots have them. */
  async number(leg: Leg | undefined, second: Leg | undefined): Promise<void> {
    if (!leg) {
      if (second) await this.#arrivedOnly(second);
      return;
    }
    const returned = this.#from.scan.channels.returns.get(this.#to.head.book)?.get(leg.id);
    if (returned) {
      this.#returned += 1;
      if (returned.amount !== leg.amount) this.#find(leg, `${returned.amount} were returned`);
      if (returned.payer !== leg.payer) this.#find(leg, `was returned to ${returned.payer}`);
      if (returned.drawnId !== leg.drawnId) {
        this.#find(leg, `gave back to ${returned.drawnId}, had drawn on ${leg.drawnId}`);
      }
    }
    if (second) this.#both(leg, second, returned !== undefined);
    else if (returned) await this.#returnedOnly(leg);
    else await this.#leftOnly(leg);
  }

  /** Passes the legs on, and holds the hash that their book keeps against what they add up to. */
  async *hashed(way: Direction, source: AsyncGenerator<Leg>): AsyncGenerator<Leg> {
    const [book, peer] = way === 'sent' ? [this.#from, this.#to] : [this.#to, this.#from];
    const channel = book.channels.find(({ peerBook }) => peerBook === peer.head.book);
    const kept = (way === 'sent' ? channel?.settledHash : channel?.appliedHash) ?? HASH_START;
    let hash: ChannelHash = HASH_START;
    for await (const leg of source) {
      if (hash.through < kept.through && leg.number === hash.through + 1) {
        hash = hashAfter(hash, leg.content);
      }
      yield leg;
    }
    if (hash.through === kept.through && hash.value === kept.value) return;
    const text = `${book.head.name} keeps another hash of the legs through ${kept.through}`;
    this.#findings.add('I3', this.#place, 0, text);
  }

  /** Takes the legs whose numbers a repair gave to others: all of them were returned. */
  undone(superseded: readonly Leg[]): void {
    const returns = this.#from.scan.channels.undone.get(this.#to.head.book) ?? new Map();
    for (const leg of superseded) {
      const elsewhere = undoneId(this.#to.head.book, leg.id);
      const returned = returns.get(leg.id) ?? returns.get(elsewhere);
      if (returned?.amount === leg.amount && returned.payer === leg.payer) continue;
      this.#find(leg, 'lost its number in a repair and was not returned');
    }
    if (superseded.length === returns.size) return;
    const text = `${returns.size - superseded.length} returns of a repair belong to no leg`;
    this.#findings.add('I3', this.#place, 0, text);
  }

  end(): InFlight[] {
    const returns = this.#from.scan.channels.returns.get(this.#to.head.book)?.size ?? 0;
    if (returns !== this.#returned) {
      const text = `${returns - this.#returned} returns belong to no leg`;
      this.#findings.add('I3', this.#place, 0, text);
    }
    const { name: from } = this.#from.head;
    const { name: to } = this.#to.head;
    const assets = new Set([...this.#inFlight.keys(), ...this.#transitAssets()]);
    return [...assets].map((asset) => {
      const sum = this.#inFlight.get(asset) ?? { transfers: 0, amountMinor: 0n };
      const held = this.#transit(this.#from, asset) + this.#transit(this.#to, asset);
      const expected = sum.amountMinor - (this.#tooNew.get(asset) ?? 0n);
      if (held !== expected) {
        const text = `transit accounts differ by ${held} ${asset}, in flight are ${expected}`;
        this.#findings.add('I2', this.#place, 0, text);
      }
      return { from, to, asset, ...sum };
    });
  }

  #both(leg: Leg, second: Leg, returned: boolean): void {
    if (!this.#isSame(leg, second)) this.#find(leg, 'arrived as another transfer');
    if (second.reason === 0) {
      if (returned) this.#find(leg, 'was delivered and returned');
    } else if (!returned) {
      // The payer's book returns it in the batch in which it takes note of the refusal.
      if (leg.number <= this.#settled) this.#find(leg, 'was refused and never returned');
      this.#add(leg);
    }
  }

  // The payee's snapshot may be older than the arrival that the payer's book knows of.
  async #leftOnly(leg: Leg): Promise<void> {
    this.#add(leg);
    if (leg.number > this.#settled) return;
    const [now] = await fetchLegs(this.#to.now, this.#from.head.book, 'arrived', leg.number);
    if (!now || !this.#isSame(leg, now)) this.#find(leg, 'is settled, but never arrived');
  }

  #add(leg: Leg): void {
    const { asset } = leg.content;
    const sum = this.#inFlight.get(asset) ?? { transfers: 0, amountMinor: 0n };
    sum.transfers += 1;
    sum.amountMinor += leg.amount;
    this.#inFlight.set(asset, sum);
  }

  // The payee's snapshot is older than the return: a look at it now must show the refusal.
  async #returnedOnly(leg: Leg): Promise<void> {
    const [now] = await fetchLegs(this.#to.now, this.#from.head.book, 'arrived', leg.number);
    if (!now || now.reason === 0 || !this.#isSame(leg, now)) {
      this.#find(leg, 'was returned without having been refused');
    }
  }

  // The payer's snapshot is older than the arrival: a look at it now must show the departure.
  async #arrivedOnly(second: Leg): Promise<void> {
    const [now] = await fetchLegs(this.#from.now, this.#to.head.book, 'sent', second.number);
    if (!now || !this.#isSame(now, second)) this.#find(second, 'arrived, but never left');
    if (second.reason !== 0) return;
    // The payer's account may be newer than the snapshot of its book as well.
    const { asset } = second.content;
    this.#tooNew.set(asset, (this.#tooNew.get(asset) ?? 0n) + second.amount);
  }

  #isSame(sent: Leg, arrived: Leg): boolean {
    // The payer's book knows what it reverses by the row of its second leg, the other by its id.
    const drawnOn =
      arrived.reversalOf === null ? null : settlementId(this.#to.head.book, arrived.reversalOf);
    return (
      sent.id === arrived.id &&
      sent.amount === arrived.amount &&
      sent.payer === arrived.payer &&
      sent.payee === arrived.payee &&
      sent.text === arrived.text &&
      sent.reverses === drawnOn
    );
  }

  #find(leg: Leg, text: string): void {
    const about = `number ${leg.number} (transfer ${leg.id}) ${text}`;
    this.#findings.add('I3', this.#place, 0, about);
  }

  #transitAccounts(book: ScannedBook): FoldedAccount[] {
    const prefix = `transit:${this.#place}:`;
    return [...book.scan.accounts.values()].filter(
      (account) => account.transit && account.externalId.startsWith(prefix),
    );
  }

  #transitAssets(): string[] {
    return [this.#from, this.#to].flatMap((book) =>
      this.#transitAccounts(book).map((account) => account.asset),
    );
  }

  #transit(book: ScannedBook, asset: string): bigint {
    return this.#transitAccounts(book)
      .filter((account) => account.asset === asset)
      .reduce((sum, { totals }) => sum + totals.credits - totals.debits, 0n);
  }
}
