import type { Event } from '../../../proto/gen/meridian/v1/event.ts';
import { ReadLevel } from '../../../proto/gen/meridian/v1/position.ts';
import { INT64_MAX } from '../../../ledger/core/limits.ts';
import { EVERYWHERE } from '../../../ledger/store/asked-pages.ts';
import { accountNow, entriesOf } from '../../../ledger/testing/memory-store/memory-accounts.ts';
import { MemoryBook } from '../../../ledger/testing/memory-store/memory-book.ts';
import { eventsOf } from '../../../ledger/testing/memory-store/memory-events.ts';
import {
  foundTransfers,
  transfersOf,
} from '../../../ledger/testing/memory-store/memory-transfers.ts';
import type { DatabaseNode } from '../database/node.ts';
import type { KeyedHistory } from '../keyed-calls.ts';
import type { Followed } from '../readers.ts';
import {
  type AskedRead,
  describeRead,
  PAGE,
  type ReadAnswer,
  type RecordedRead,
  textOf,
} from '../recorded-reads.ts';
import type { BrokenInvariant } from './broken-invariant.ts';

/** Everything that was read of one book, and the copy of it that has survived. */
interface ReadBook {
  readonly node: DatabaseNode;
  readonly reads: readonly RecordedRead[];
  readonly history: KeyedHistory;
}

/**
 * I12: what was read is what the journal comes to at the position of the answer, and that is not
 * before the one asked for. I7: a linearizable read has all that was known when it began.
 */
export function checkReads(book: ReadBook): BrokenInvariant[] {
  return [...checkStates(book), ...checkOrder(book)];
}

/** An answer, by the position that came with it. */
interface Placed {
  readonly read: RecordedRead;
  readonly answer: ReadAnswer;
  readonly answers: Set<string>;
}

function checkStates({ node, reads }: ReadBook): BrokenInvariant[] {
  const waiting = new Map<string, Placed[]>();
  for (const read of reads) {
    for (const { answer } of read.answers) {
      const place = `${answer.position?.epoch} ${answer.position?.seq}`;
      const placed = { read, answer, answers: new Set<string>() };
      waiting.set(place, [...(waiting.get(place) ?? []), placed]);
    }
  }
  const { book, head } = node.memory;
  const memory = new MemoryBook(book, head.instance);
  // A batch without rows changes no position, and may change what is shown: either is right.
  for (const { append } of node.log) {
    if (append === undefined) continue;
    memory.apply(append);
    const { epoch, seq } = memory.head;
    for (const { read, answers } of waiting.get(`${epoch} ${seq}`) ?? []) {
      answers.add(textOf(expected(memory, read.asked, node)));
    }
  }
  return [...waiting.values()].flat().flatMap(({ read, answer, answers }): BrokenInvariant[] => {
    if (answers.has(textOf(answer.found))) return [];
    const what =
      answers.size === 0
        ? `has no seq ${answer.position?.seq} of epoch ${answer.position?.epoch}, which was read`
        : `was read as it never was at seq ${answer.position?.seq}`;
    const right = [...answers].map((text) => `right: ${text.slice(0, 300)}`);
    const evidence = [...describeRead(read), ...right];
    return [{ invariant: 'I12', what: `book ${read.book} ${what}`, evidence }];
  });
}

function expected(memory: MemoryBook, asked: AskedRead, { books }: DatabaseNode): unknown {
  switch (asked.kind) {
    case 'account':
      return accountNow(memory, asked.id);
    case 'entries': {
      const { account, newestFirst } = asked;
      const all = { account, newestFirst, after: 0n, through: INT64_MAX, movingOnly: false };
      return entriesOf(memory, { ...all, limit: PAGE });
    }
    case 'transfer': {
      const wanted = { legsMax: INT32_MAX, wants: () => true };
      return transfersOf(memory, [asked.id], wanted).get(asked.id)?.transfer;
    }
    case 'transfers': {
      const { account } = asked;
      const all = { account, filter: undefined, books, within: EVERYWHERE, newestFirst: true };
      return foundTransfers(memory, { ...all, limit: PAGE });
    }
  }
}

const INT32_MAX = 2 ** 31 - 1;

function checkOrder({ reads, history }: ReadBook): BrokenInvariant[] {
  const book = reads[0]?.book;
  // What is known of the book, from when on.
  const known = [...history.values()]
    .filter((operation) => operation.book === book)
    .flatMap(({ attempts }) => attempts.flatMap(({ answers }) => answers))
    .map(({ at, response: { position } }) => ({ at, seq: position?.seq ?? 0n }));
  for (const { answers } of reads) {
    for (const { at, answer } of answers) known.push({ at, seq: answer.position?.seq ?? 0n });
  }
  known.sort((a, b) => a.at - b.at);
  const newest: { at: number; seq: bigint }[] = [];
  for (const { at, seq } of known) {
    if (seq > (newest.at(-1)?.seq ?? 0n)) newest.push({ at, seq });
  }
  return reads.flatMap((read) => {
    const { level, minPosition } = read.options;
    const before = newest.findLast(({ at }) => at < read.invokedAt)?.seq ?? 0n;
    return read.answers.flatMap(({ answer }): BrokenInvariant[] => {
      const seq = answer.position?.seq ?? 0n;
      const evidence = [...describeRead(read), `seq ${before} was known before`];
      if (seq < (minPosition?.seq ?? 0n)) {
        const what = `seq ${seq} was read, and at least ${minPosition?.seq} was asked for`;
        return [{ invariant: 'I12', what, evidence }];
      }
      if (level !== ReadLevel.LINEARIZABLE || seq >= before) return [];
      const what = `a linearizable read has seq ${seq}, after seq ${before} was known`;
      return [{ invariant: 'I7', what, evidence }];
    });
  });
}

const line = (what: string, event: Event | undefined) => `${what}: ${textOf(event).slice(0, 400)}`;

/** I20: every event of a book was delivered, once and in order. */
export function checkEvents(
  { memory }: DatabaseNode,
  { book, events }: Followed,
): BrokenInvariant[] {
  const through = memory.head.seq;
  const all = eventsOf(memory, { account: null, after: 0, through, limit: through });
  const wrong = all.findIndex((event, index) => textOf(events[index]) !== textOf(event));
  const place = wrong === -1 && events.length > all.length ? all.length : wrong;
  if (place === -1) return [];
  return [
    {
      invariant: 'I20',
      what: `event ${place + 1} of ${book.name} is not what a subscriber received in its place`,
      evidence: [line('the journal', all[place]), line('received', events[place])],
    },
  ];
}
