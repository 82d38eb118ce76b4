import { beforeAll, describe, expect, test } from 'vitest';
import { accountId } from '../../../ledger/core/account-id.ts';
import { must } from '../../../ledger/core/assert.ts';
import {
  type JournalRow,
  NO_DETAILS,
  type RowDetails,
  RowKind,
} from '../../../ledger/core/journal-row.ts';
import { recoveredId, undoneId } from '../../../ledger/core/post/post-recovery.ts';
import { derivedId } from '../../../ledger/core/transfer-id.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { gatherEvidence } from './evidence.ts';
import { resolvedOnce } from './resolved-once.ts';
import type { RowChange } from './test/story-book.ts';
import { legOf, Story } from './test/story.ts';

/** I3 of a book that was restored and repaired: what of its legs is right, and what is not. */

const pay = (debitAccountId: bigint, creditAccountId: bigint, amount: bigint) => ({
  debitAccountId,
  creditAccountId,
  amount,
});
const reversal = (transferId: string) => ({ $case: 'reversal', value: { transferId } }) as const;

/** What I3 finds where the journal of the second book was changed. */
function foundIn(story: Story, change: RowChange = (row) => row): readonly string[] {
  const verdict = resolvedOnce(gatherEvidence(story.history(), story.finals({ book: 2, change })));
  if (verdict.state === 'pass') return [];
  return verdict.state === 'fail' ? verdict.witnesses.map(({ text }) => text) : verdict.why;
}

/** Two books: Bob, in the second, has ten of Alice, in the first. */
function begin() {
  const story = new Story();
  const noMin = { min: { $case: 'noMinBalance', value: true } } as const;
  const alice = story.open(1, 'alice', noMin);
  const bob = story.open(2, 'bob');
  const paid = story.transfer('paid', pay(alice, bob, 10n), { settled: true });
  return { story, alice, bob, paid };
}

const withDetails =
  (id: string, change: Partial<RowDetails>): RowChange =>
  (row) =>
    row.id === id ? { ...row, details: { ...NO_DETAILS, ...row.details, ...change } } : row;

describe('a reversal that a repair has booked again', () => {
  let story: Story;
  let first: string;
  let back: string;
  beforeAll(() => {
    const { story: begun, alice, bob, paid } = begin();
    story = begun;
    const giveBack = (key: string, amount: bigint) =>
      story.transfer(
        key,
        { ...pay(bob, alice, amount), action: reversal(paid) },
        { settled: true },
      );
    first = giveBack('first', 6n);
    back = giveBack('back', 4n);
  });

  const recovered =
    (drawn: boolean): RowChange =>
    (row) => {
      if (row.id !== back) return row;
      const details = { ...NO_DETAILS, ...row.details, by: 'ops' };
      const kept = drawn ? details : { ...details, drawn: null };
      return { ...row, kind: RowKind.recovered, originId: back, details: kept };
    };

  test('draws on what it reverses', () => {
    expect(foundIn(story)).toEqual([]);
    expect(foundIn(story, recovered(true))).toEqual([]);
    expect(foundIn(story, recovered(false))).toEqual([
      expect.stringMatching(/number 2 .* does not draw on what it reverses/u),
    ]);
  });

  test('draws on nothing where less is left than its amount', () => {
    const original = must(story.book(2).row(first)?.details?.drawn, 'it draws');
    const taken = withDetails(first, { drawn: { ...original, left: 3n } });
    const change: RowChange = (row) => taken(must(recovered(false)(row), 'a row'));
    expect(foundIn(story, change)).toEqual([]);
  });
});

const withFields =
  (id: string, fields: Partial<JournalRow>): RowChange =>
  (row) =>
    row.id === id ? { ...row, ...fields } : row;

describe('numbers that a repair gave to other legs', () => {
  let story: Story;
  /** Was never known to the first book. */
  let other: string;
  /** Known to it by the number of the other, and made again. */
  let back: string;
  beforeAll(() => {
    const { story: begun, alice, bob, paid } = begin();
    story = begun;
    other = story.transfer('other', pay(bob, alice, 1n));
    back = story.transfer('back', { ...pay(bob, alice, 4n), action: reversal(paid) });
    const [one, two] = [story.book(1), story.book(2)];
    const leg = legOf(two, must(two.row(back), 'it was made'));
    one.post({ kind: 'settle', originBook: 2, firstNumber: 1, legs: [leg] });
    const undone = legOf(two, must(two.row(other), 'it was made'));
    const emptied = {
      ...leg,
      transferId: undoneId(1, back),
      creditAccountId: accountId(1, 2 ** 48 - 1),
      reversalOf: '',
    };
    const again = { draws: false, capture: null };
    two.post({
      kind: 'recover',
      peerBook: 1,
      accounts: [],
      undone: [{ leg: undone, drawn: null, capture: null, arrivedElsewhere: false }],
      sent: [
        { ...again, number: 1, leg, rowId: recoveredId(1, back), moves: true },
        {
          ...again,
          number: 2,
          leg: emptied,
          rowId: recoveredId(1, emptied.transferId),
          moves: false,
        },
      ],
      arrived: [],
      by: 'ops',
      why: 'test',
      done: true,
    });
    one.post({ kind: 'settle', originBook: 2, firstNumber: 2, legs: [emptied] });
    const reason = Reason.CREDIT_ACCOUNT_NOT_FOUND;
    const refused = [{ number: 2, reason, leg: emptied, capture: null }];
    two.post({ kind: 'close', peerBook: 1, through: 2, refused, finals: [] });
  });

  test('the first is returned, and the one that was made again reverses once', () => {
    expect(foundIn(story)).toEqual([]);
  });

  test('the first was not returned', () => {
    const change = withFields(derivedId('return', other), { amount: 2n });
    expect(foundIn(story, change)).toContainEqual(
      expect.stringMatching(/number 1 .* lost its number in a repair and was not returned/u),
    );
  });

  test('the empty leg is another one’s', () => {
    const change = withFields(recoveredId(1, undoneId(1, back)), { amount: 5n });
    expect(foundIn(story, change)).toContainEqual(
      expect.stringMatching(/number 2 .* moves nothing, and is not of the leg/u),
    );
  });

  test('neither of the two rows of a reversal has drawn', () => {
    expect(foundIn(story, withDetails(back, { drawn: null }))).toContainEqual(
      expect.stringMatching(/number 1 .* does not draw on what it reverses/u),
    );
  });
});
