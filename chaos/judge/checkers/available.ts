import { bookOf } from '../../../ledger/core/account-id.ts';
import type { Harm } from '../history/record.ts';
import type { FaultSpan } from '../history/read-history.ts';
import type { Operation, PageOperation } from '../history/operation.ts';
import { decidingBook } from './calls.ts';
import type { Evidence } from './evidence.ts';
import { KnownSeqs } from './known-seqs.ts';
import { atOrBefore } from './sorted.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I22: a caller with a path to a healthy home is served.
 *
 * Every fault of a history states which calls it may touch, by router and by book. A call that
 * overlaps no such fault, nor a while after its end, is answered within the time that the options
 * of the run give: faults elsewhere have no effect. An error is no answer, whatever its code: no
 * workload sends a request that must fail with one. Nor is a piece of a subscription without an
 * event, if an acknowledged event follows its position. A call to several books needs all of them.
 */
export const available: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.cut);
  const { answersWithinMs, recoversWithinMs } = evidence.header.judging;
  const harms = new HarmedTimes(evidence.faults, recoversWithinMs * 1e6);
  const end = endOfRun(evidence);
  for (const { operation, books, isSilent } of callsOf(evidence)) {
    const { router, invokedNs, returnedNs, type, fault } = operation;
    if (books.length === 0) continue;
    // A call that outlived the run was not late yet.
    const lateNs = invokedNs + answersWithinMs * 1e6;
    const isLate = Math.min(returnedNs, end) > lateNs;
    const hasFailed = type !== 'ok' && fault !== null;
    if (!hasFailed && !isLate && !isSilent) {
      found.looked();
      continue;
    }
    const untilNs = Math.min(returnedNs, end);
    if (harms.overlaps(router, books, invokedNs, untilNs)) continue;
    found.looked();
    const took = `${Math.round((untilNs - invokedNs) / 1e6)} ms`;
    const how = hasFailed
      ? `failed with ${fault.code} after ${took}`
      : isLate
        ? `took ${took}`
        : `delivered no known event in ${took}`;
    const text = `${operation.f} through ${router} to book ${books.join(', ')} ${how}, no fault near`;
    found.violated(text, { operations: [operation] });
  }
  return found.verdict();
};

interface Call {
  readonly operation: Operation;
  /** All books that it needs. */
  readonly books: readonly number[];
  /** True: it is a piece of a subscription that delivered none of the known events. */
  readonly isSilent?: boolean;
}

/** True if a subscription delivered nothing although a known event follows its position. */
function isSilentPage(
  { value, reply, invokedNs }: PageOperation,
  { books }: Evidence,
  known: KnownSeqs,
): boolean {
  if (reply === null || reply.events.length > 0) return false;
  const { book, account, after } = value;
  const seq = known.before(book, invokedNs);
  if (account === '') return seq > after;
  return (books.get(book)?.stateAt(BigInt(account), seq)?.version ?? 0) > after;
}

function* callsOf(evidence: Evidence): Generator<Call> {
  const { operations, header } = evidence;
  const { transfers, changes, opens, balances, statements, pages, lookUps } = operations;
  for (const operation of transfers) {
    const { value } = operation;
    const legs = value.action?.$case === 'group' ? value.action.value.legs : [value];
    const payees = legs
      .map(({ creditAccountId }) => bookOf(creditAccountId))
      .filter((to) => to > 0);
    yield { operation, books: [...new Set([decidingBook(value), ...payees])] };
  }
  for (const operation of changes) yield { operation, books: [bookOf(operation.value.accountId)] };
  for (const operation of balances) {
    if (operation.value.level !== 'auditor') yield { operation, books: operation.value.books };
  }
  for (const operation of statements) {
    yield { operation, books: [bookOf(BigInt(operation.value.account))] };
  }
  for (const operation of lookUps) yield { operation, books: [operation.value.book] };
  for (const operation of opens) {
    const { value, reply } = operation;
    // Where it is not known which book decided, it may be any of the region.
    const homes = header.books.filter(({ region }) => region === value.homeRegion);
    const opened = reply?.accountId ?? '';
    const books = homes.map(({ number }) => number);
    yield { operation, books: opened === '' ? books : [bookOf(BigInt(opened))] };
  }
  const known = new KnownSeqs([...transfers, ...changes, ...opens]);
  for (const operation of pages) {
    const isSilent = isSilentPage(operation, evidence, known);
    yield { operation, books: [operation.value.book], isSilent };
  }
}

function endOfRun({ phases }: Evidence): number {
  return phases.find(({ phase }) => phase === 'end')?.ns ?? Infinity;
}

interface Time {
  readonly fromNs: number;
  readonly toNs: number;
}

/** The times in which a fault may touch calls through a router that need certain books. */
class HarmedTimes {
  readonly #faults: readonly FaultSpan[];
  readonly #afterNs: number;
  readonly #times = new Map<string, readonly Time[]>();

  constructor(faults: readonly FaultSpan[], afterNs: number) {
    this.#faults = faults;
    this.#afterNs = afterNs;
  }

  overlaps(router: string, books: readonly number[], fromNs: number, toNs: number): boolean {
    const name = `${router} ${books.join(' ')}`;
    const times = this.#times.get(name) ?? this.#timesOf(router, books);
    this.#times.set(name, times);
    const last = times[atOrBefore(times, toNs, (time) => time.fromNs)];
    return last !== undefined && last.toNs >= fromNs;
  }

  /** Disjoint and in order. */
  #timesOf(router: string, books: readonly number[]): Time[] {
    const own = this.#faults
      .filter(({ harms }) => harms.some((harm) => touches(harm, router, books)))
      .map(({ startedNs, endedNs }) => ({ fromNs: startedNs, toNs: endedNs + this.#afterNs }))
      .toSorted((a, b) => a.fromNs - b.fromNs);
    const merged: Time[] = [];
    for (const time of own) {
      const last = merged.at(-1);
      if (last === undefined || time.fromNs > last.toNs) merged.push(time);
      else merged[merged.length - 1] = { ...last, toNs: Math.max(last.toNs, time.toNs) };
    }
    return merged;
  }
}

/** True if this harm covers a call through the router that needs the books. */
export function touches(harm: Harm, router: string, books: readonly number[]): boolean {
  const needed = [harm.book, harm.and].filter((book) => book !== undefined);
  return (harm.router ?? router) === router && needed.every((book) => books.includes(book));
}
