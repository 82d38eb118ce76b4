import type { Operation } from '../history/operation.ts';
import { leadingAnswers } from './reigns.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I14: a deposed leader never acknowledges.
 *
 * When the harness first saw an epoch of a book, in an answer of it or in the report of a ledger
 * server that leads in it, every older epoch was over. So no call that began afterwards is answered
 * as decided by an older epoch, nor is a linearizable read. Replays show nothing: they name the
 * epoch of the first decision. (I4 checks that acknowledged rows are still there.)
 */
export const noDeposedLeader: Checker = (evidence) => {
  const found = new Case();
  // Reports of epochs need no final reads; calls that are missing might have refuted.
  found.unknown(...evidence.cut);
  const answers: Answer[] = leadingAnswers(evidence).map((answer) => ({
    ...answer,
    ns: answer.by.completedNs,
  }));
  const ofBook = Map.groupBy(
    [...evidence.epochs.map(({ book, epoch, ns }) => ({ book, epoch, ns, by: null })), ...answers],
    ({ book }) => book,
  );
  const over = new Map([...ofBook].map(([book, seen]) => [book, endsOf(seen)]));
  for (const { book, epoch, by } of answers) {
    found.looked();
    const end = over.get(book)?.get(epoch);
    if (end === undefined || end.ns >= by.invokedNs) continue;
    const lateMs = Math.round((by.invokedNs - end.ns) / 1e6);
    const text = `book ${book}: epoch ${epoch} answered a call that began ${lateMs} ms after`;
    const operations = end.by === null ? [by] : [end.by, by];
    found.violated(`${text} epoch ${end.epoch} was known`, { operations });
  }
  return found.verdict();
};

interface EpochSeen {
  readonly book: number;
  readonly epoch: number;
  readonly ns: number;
  /** Null: the ledger server itself reported it. */
  readonly by: Operation | null;
}

type Answer = EpochSeen & { readonly by: Operation };

/** When each epoch was certainly over, because a newer one was seen. Others are absent. */
function endsOf(seen: readonly EpochSeen[]): Map<number, EpochSeen> {
  const first = new Map<number, EpochSeen>();
  for (const one of seen) {
    const known = first.get(one.epoch);
    if (known === undefined || one.ns < known.ns) first.set(one.epoch, one);
  }
  const ends = new Map<number, EpochSeen>();
  let end: EpochSeen | undefined;
  for (const one of [...first.values()].toSorted((a, b) => b.epoch - a.epoch)) {
    if (end !== undefined) ends.set(one.epoch, end);
    if (end === undefined || one.ns < end.ns) end = one;
  }
  return ends;
}
