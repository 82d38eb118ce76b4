import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { transitExternalId } from '../../../ledger/core/account.ts';
import type { BalancesOperation, BookRead } from '../history/operation.ts';
import { type FinalBook, stateAfter } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { atOrBefore } from './sorted.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I2: what is in flight between two books is the difference of their two transit accounts.
 *
 * After every row the transit account in the payer's book is the amount sent less the amount
 * returned, and in the payee's the amount applied, with the opposite sign: each is recomputed from
 * the legs alone. At the end both together are the sum of the legs that are neither applied nor
 * returned. A read of both books is a usable cut if every leg that the payee's book had taken at
 * its position was sent at the payer's; then the sum of the two transit accounts as read is the
 * amount in flight between those positions.
 */
export const inFlight: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I2');
  const legs: Legs[] = [];
  for (const from of evidence.books.values()) {
    for (const to of evidence.books.values()) {
      if (from === to) continue;
      checkSender(from, to, found);
      checkReceiver(from, to, found);
      const pair = new Legs(from, to);
      legs.push(pair);
      checkEnd(pair, found);
    }
  }
  for (const operation of evidence.operations.balances) {
    if ((operation.reply ?? []).length > 1) {
      for (const pair of legs) checkCut(operation, pair, found);
    }
  }
  return found.verdict();
};

/** Id and asset of the transit accounts of a book for transfers from one book to another. */
function transits(book: FinalBook, from: FinalBook, to: FinalBook) {
  const accounts = book.primary.accounts.filter(
    ({ transit, externalId, asset }) =>
      transit && externalId === transitExternalId(from.name, to.name, asset),
  );
  return new Map(accounts.map(({ id, asset }) => [id, asset]));
}

function checkSender(from: FinalBook, to: FinalBook, found: Case): void {
  const sums = new Map<bigint, bigint>();
  const rows = inOrder(from.departures.get(to.number) ?? [], from.returns.get(to.number) ?? []);
  for (const row of rows) {
    const isReturn = row.kind === RowKind.return;
    const transit = (isReturn ? row.debitAccount : row.creditAccount) ?? 0n;
    const amount = row.amount ?? 0n;
    const sum = (sums.get(transit) ?? 0n) + (isReturn ? -amount : amount);
    sums.set(transit, sum);
    compare(from, row, transit, sum, found);
  }
}

function checkReceiver(from: FinalBook, to: FinalBook, found: Case): void {
  const sums = new Map<bigint, bigint>();
  for (const row of to.arrivals.get(from.number) ?? []) {
    if (row.reason !== 0) continue;
    const transit = row.debitAccount ?? 0n;
    const sum = (sums.get(transit) ?? 0n) - (row.amount ?? 0n);
    sums.set(transit, sum);
    compare(to, row, transit, sum, found);
  }
}

function compare(book: FinalBook, row: JournalRow, id: bigint, sum: bigint, found: Case): void {
  found.looked();
  const { credits, debits } = stateAfter(id, row);
  const balance = BigInt(credits) - BigInt(debits);
  if (balance === sum) return;
  const text = `${book.name}, seq ${row.seq}: transit account ${id} has ${balance}, its legs give ${sum}`;
  found.violated(text, { rows: [{ book: book.number, row }] });
}

function checkEnd(legs: Legs, found: Case): void {
  const read = [legs.from, legs.to].map(({ number, primary }) => {
    const { head, balances } = primary;
    const position = { book: number, epoch: head.epoch, seq: head.seq };
    return { position, whole: true, accounts: balances };
  });
  checkPair(read, legs, (text) => found.violated(`at the end ${text}`));
}

function checkCut(operation: BalancesOperation, legs: Legs, found: Case): void {
  found.looked();
  const { index } = operation;
  checkPair(operation.reply ?? [], legs, (text) =>
    found.violated(`in the cut of operation ${index} ${text}`, { operations: [operation] }),
  );
}

type Report = (text: string) => void;

function checkPair(reads: readonly BookRead[], legs: Legs, report: Report): void {
  const { from, to } = legs;
  const here = reads.find(({ position }) => position.book === from.number);
  const there = reads.find(({ position }) => position.book === to.number);
  if (!here?.whole || !there?.whole) return;
  const expected = legs.at(here.position.seq, there.position.seq);
  if (expected === undefined) return;
  const sums = new Map<string, bigint>();
  for (const [read, book] of [[here, from] as const, [there, to] as const]) {
    const ids = transits(book, from, to);
    for (const { account, credits, debits } of read.accounts) {
      const asset = ids.get(BigInt(account));
      if (asset === undefined) continue;
      sums.set(asset, (sums.get(asset) ?? 0n) + BigInt(credits) - BigInt(debits));
    }
  }
  for (const asset of new Set([...sums.keys(), ...expected.keys()])) {
    const held = sums.get(asset) ?? 0n;
    const wanted = expected.get(asset) ?? 0n;
    if (held === wanted) continue;
    report(`${held} ${asset} are between ${from.name} and ${to.name}, ${wanted} are in flight`);
  }
}

/** Sums along a journal, by asset. */
class RunningSum {
  readonly #steps = new Map<string, { seq: number; sum: bigint }[]>();

  /** In order of seq. */
  add(asset: string, seq: number, amount: bigint): void {
    const steps = this.#steps.get(asset) ?? [];
    this.#steps.set(asset, steps);
    steps.push({ seq, sum: (steps.at(-1)?.sum ?? 0n) + amount });
  }

  get assets(): Iterable<string> {
    return this.#steps.keys();
  }

  at(asset: string, seq: number): bigint {
    const steps = this.#steps.get(asset) ?? [];
    return steps[atOrBefore(steps, seq, (step) => step.seq)]?.sum ?? 0n;
  }
}

/** The legs between two books, summed so that any cut of them takes log n steps. */
class Legs {
  readonly from: FinalBook;
  readonly to: FinalBook;
  readonly #sent: readonly JournalRow[];
  readonly #arrived: readonly JournalRow[];
  /** Amount sent less amount returned; amount applied. */
  readonly #out = new RunningSum();
  readonly #in = new RunningSum();

  constructor(from: FinalBook, to: FinalBook) {
    this.from = from;
    this.to = to;
    this.#sent = from.departures.get(to.number) ?? [];
    this.#arrived = to.arrivals.get(from.number) ?? [];
    const assetOf = (id: bigint | null) => from.scan.accounts.get(id ?? 0n)?.asset ?? '';
    for (const row of inOrder(this.#sent, from.returns.get(to.number) ?? [])) {
      const { seq, amount } = row;
      const isReturn = row.kind === RowKind.return;
      const asset = assetOf(isReturn ? row.creditAccount : row.debitAccount);
      this.#out.add(asset, seq, isReturn ? -(amount ?? 0n) : (amount ?? 0n));
    }
    for (const { seq, amount, peer, reason } of this.#arrived) {
      if (reason === 0) this.#in.add(assetOf(peer?.account ?? null), seq, amount ?? 0n);
    }
  }

  /**
   * Amounts in flight between two positions of the two journals, by asset. Undefined: they are no
   * cut, for the payee's book had taken a leg that the payer's had not sent.
   */
  at(fromSeq: number, toSeq: number): Map<string, bigint> | undefined {
    const sent = this.#sent[atOrBefore(this.#sent, fromSeq, seqOf)];
    const taken = this.#arrived[atOrBefore(this.#arrived, toSeq, seqOf)];
    if ((taken?.peer?.number ?? 0) > (sent?.peer?.number ?? 0)) return undefined;
    const assets = new Set([...this.#out.assets, ...this.#in.assets]);
    const difference = (asset: string) => this.#out.at(asset, fromSeq) - this.#in.at(asset, toSeq);
    return new Map([...assets].map((asset) => [asset, difference(asset)]));
  }
}

const seqOf = ({ seq }: JournalRow) => seq;

function inOrder(a: readonly JournalRow[], b: readonly JournalRow[]): JournalRow[] {
  return b.length === 0 ? [...a] : [...a, ...b].toSorted((one, other) => one.seq - other.seq);
}
