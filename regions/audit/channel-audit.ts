import type { Findings } from './findings.ts';
import { settlementId } from '../../ledger/core/transfer-id.ts';
import type { FoldedAccount } from './account-fold.ts';
import type { JournalScan } from './journal-scan.ts';
import { type AuditSql, type BookHead, type ChannelRow, FETCH_SIZE } from './read-book.ts';

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

interface Leg {
  readonly number: number;
  readonly id: string;
  readonly amount: bigint;
  readonly payer: bigint;
  readonly payee: bigint;
  readonly text: string;
  /** Of a reversal that left: the row that it draws on. */
  readonly drawnId: string | null;
  /** Of a reversal that arrived: the transfer that it reverses. */
  readonly reversalOf: string | null;
  /** Of a second leg: 0 if it was posted. */
  readonly reason: number;
}

interface Sum {
  transfers: number;
  amountMinor: bigint;
}

/**
 * Holds the legs that left one book against those that arrived in another (I2, I3). Both are
 * read in the order of their numbers, so nothing but what is in flight is kept.
 *
 * The two snapshots are not of one moment. What only a newer look can tell is looked up anew.
 */
export async function auditChannel(
  from: ScannedBook,
  to: ScannedBook,
  findings: Findings,
): Promise<InFlight[]> {
  const channel = new ChannelAudit(from, to, findings);
  const left = legs(from.sql, to.head.book, 'sent');
  const arrived = legs(to.sql, from.head.book, 'arrived');
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
    const asset = this.#from.scan.accounts.get(leg.payer)?.asset ?? '';
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
    const asset = this.#from.scan.accounts.get(second.payer)?.asset ?? '';
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
      sent.drawnId === drawnOn
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

type Direction = 'sent' | 'arrived';

async function* legs(sql: AuditSql, peerBook: number, way: Direction): AsyncGenerator<Leg> {
  let after = 0;
  for (;;) {
    const page = await fetchLegs(sql, peerBook, way, after + 1, FETCH_SIZE);
    yield* page;
    after = page.at(-1)?.number ?? after;
    if (page.length < FETCH_SIZE) return;
  }
}

/** Legs with numbers from `first`, in order. */
async function fetchLegs(
  sql: AuditSql,
  peerBook: number,
  way: Direction,
  first: number,
  limit = 1,
): Promise<Leg[]> {
  const sent = way === 'sent';
  const rows = await sql<
    {
      number: bigint;
      id: string;
      origin_id: string | null;
      drawn_id: string | null;
      amount: bigint;
      near: bigint;
      far: bigint;
      text: string;
      reason: number;
    }[]
  >`SELECT channel_number AS number, id, origin_id, amount, reason, peer_account AS far,
           CASE WHEN kind IN (2, 10) THEN drawn_id END AS drawn_id,
           CASE WHEN ${sent} THEN debit_account ELSE credit_account END AS near,
           concat(code, ':', reference, ':', metadata) AS text
      FROM journal
     WHERE peer_book = ${peerBook}
       AND ${sent ? sql`kind <> 2` : sql`kind = 2`} AND channel_number >= ${first}
     ORDER BY channel_number LIMIT ${limit}`;
  return rows.map((row) => ({
    number: Number(row.number),
    id: sent ? row.id : (row.origin_id ?? ''),
    amount: row.amount,
    payer: sent ? row.near : row.far,
    payee: sent ? row.far : row.near,
    text: row.text,
    drawnId: sent ? row.drawn_id : null,
    reversalOf: sent ? null : row.drawn_id,
    reason: row.reason,
  }));
}
