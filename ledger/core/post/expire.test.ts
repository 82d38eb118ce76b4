import { expect, test } from 'vitest';
import { must } from '../assert.ts';
import { SimBook } from '../../testing/books/sim-book.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import type { SeenHead } from './command.ts';
import { RowKind } from '../journal-row.ts';
import { transferIdOf } from '../transfer-id.ts';

/** The place that the expiry of holds has reached, and whether it has left one behind. */

const SECOND = 1_000_000;

/** A book whose first hold takes five seconds and whose second one, made later, takes one. */
function twoHolds() {
  const book = new SimBook(1, new Map([[1, 'eu-west-1']]));
  book.open(openRequest());
  book.open(openRequest({ externalId: 'bob' }));
  book.flush();
  const hold = (key: string, timeoutSeconds: number) => {
    const action = { $case: 'hold', value: { timeoutSeconds } } as const;
    const id = transferIdOf('', key);
    book.transfer(id, transferRequest({ idempotencyKey: key, amount: 1n, action }));
    book.flush();
    return must(
      book.rows.find((row) => row.id === id),
      'the hold has a row',
    );
  };
  const first = hold('first', 5);
  const seen = { seq: first.seq, atMicros: first.atMicros };
  book.nowMicros += 3 * SECOND;
  const second = hold('second', 1);
  return { book, first, second, seen };
}

/** Sweeps through the first hold. Returns the place of the cursor, and what has expired. */
function sweep({ book, first }: ReturnType<typeof twoHolds>, seen: SeenHead) {
  const expiresAtMicros = must(first.details?.expiresAtMicros, 'it expires');
  const swept = { expiresAtMicros, seq: first.seq };
  book.add({ kind: 'expire', holds: [first.id], swept, seen });
  book.flush();
  const expired = book.rows.filter(({ kind }) => kind === RowKind.expiry).length;
  return { moved: book.swept, expired, swept };
}

test('the cursor reaches what was seen', () => {
  const story = twoHolds();
  story.book.nowMicros += 3 * SECOND;
  const { second } = story;
  const { moved, expired, swept } = sweep(story, { seq: second.seq, atMicros: second.atMicros });
  expect(expired).toBe(1);
  expect(moved).toEqual(swept);
});

test('it passes no hold whose commit was in flight when holds were read', () => {
  const story = twoHolds();
  story.book.nowMicros += 3 * SECOND;
  // The second hold expires before the first, and the read did not see it.
  expect(story.second.details?.expiresAtMicros).toBeLessThan(
    must(story.first.details?.expiresAtMicros, 'it expires'),
  );
  const { moved, expired } = sweep(story, story.seen);
  expect(expired).toBe(1);
  expect(moved).toBeUndefined();
});

test('it passes no future hold, even if the clock was set meanwhile', () => {
  const story = twoHolds();
  const { second } = story;
  // At the time of the read the first hold was considered due.
  const { moved, expired } = sweep(story, { seq: second.seq, atMicros: second.atMicros });
  expect(expired).toBe(0);
  expect(moved).toBeUndefined();
});
