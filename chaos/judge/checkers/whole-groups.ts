import type { LegReply, Operation } from '../history/operation.ts';
import type { FinalBook } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { type PossibleSeqs, momentOf } from './possible-seqs.ts';
import { atOrBefore } from './sorted.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I17: groups are applied all or none.
 *
 * In the journal every group is followed by all of its legs, in one batch and with one outcome (the
 * audit of the journal). In every answer and look-up of a group either all legs are rejected or
 * none is. No read of balances or of a statement shows a moment between two legs.
 */
export const wholeGroups: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I17');
  const { transfers, lookUps, balances, statements } = evidence.operations;
  for (const operation of transfers) {
    const { reply, value } = operation;
    if (value.action?.$case !== 'group' || reply?.reason === 'IDEMPOTENCY_KEY_REUSED') continue;
    if (reply !== null) checkLegs(operation, reply, found);
  }
  for (const operation of lookUps) {
    const { found: transfer = null } = operation.reply ?? {};
    if (transfer !== null && transfer.legs.length > 0) checkLegs(operation, transfer, found);
  }
  const spans = new Map([...evidence.books].map(([number, book]) => [number, groupsOf(book)]));
  const checkMoment = (
    operation: Operation,
    book: number,
    { fromSeq, throughSeq }: PossibleSeqs,
  ) => {
    const groups = spans.get(book) ?? [];
    const group = groups[atOrBefore(groups, fromSeq, ({ first }) => first)];
    found.looked();
    if (group === undefined || throughSeq >= group.last) return;
    const text = `book ${book} was read at seq ${fromSeq}, in the middle of group ${group.id}`;
    found.violated(text, { operations: [operation] });
  };
  for (const operation of balances) {
    for (const read of operation.reply ?? []) {
      const { book: number, seq } = read.position;
      checkMoment(operation, number, { fromSeq: seq, throughSeq: seq });
      const book = evidence.books.get(number);
      if (book === undefined || operation.value.level === 'auditor') continue;
      const moment = momentOf(book, read);
      // I12 checks reads of a state that never existed.
      if (moment.fromSeq <= moment.throughSeq) checkMoment(operation, number, moment);
    }
  }
  for (const operation of statements) {
    if (operation.reply === null) continue;
    const { book, seq } = operation.reply.position;
    checkMoment(operation, book, { fromSeq: seq, throughSeq: seq });
  }
  return found.verdict();
};

interface GroupAnswer extends LegReply {
  readonly legs: readonly LegReply[];
}

function checkLegs(operation: Operation, { status, legs }: GroupAnswer, found: Case): void {
  found.looked();
  const rejected = legs.filter((leg) => leg.status === 'REJECTED').length;
  if (rejected === (status === 'REJECTED' ? legs.length : 0)) return;
  const text = `${rejected} of ${legs.length} legs of a group that is ${status} are rejected`;
  found.violated(text, { operations: [operation] });
}

interface Span {
  readonly id: string;
  readonly first: number;
  readonly last: number;
}

function groupsOf(book: FinalBook): Span[] {
  const spans: Span[] = [];
  for (const [id, legs] of book.legs) {
    const first = book.byId.get(id)?.seq;
    const last = legs.at(-1)?.seq;
    if (first !== undefined && last !== undefined) spans.push({ id, first, last });
  }
  return spans.toSorted((a, b) => a.first - b.first);
}
