import { describe, expect, test } from 'vitest';
import { bookOf } from '../../../ledger/core/account-id.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { AccountRead, Operation, ReadLevel } from '../history/operation.ts';
import { judgeRun } from './all.ts';
import { gatherEvidence } from './evidence.ts';
import type { Story } from './test/story.ts';
import { type GoodRun, goodRun } from './test/good-run.ts';

/** Reads of leaders of different epochs; some are deposed and may know less. */

function failing(play: (run: GoodRun) => void): string[] {
  const run = goodRun();
  play(run);
  const verdicts = judgeRun(gatherEvidence(run.story.history(), run.story.finals()));
  return [...verdicts].filter(([, { state }]) => state === 'fail').map(([name]) => name);
}

/** An account as it is now, and the leader and position that would report it. */
interface Seen {
  readonly state: AccountRead;
  readonly position: { readonly book: number; readonly epoch: number; readonly seq: number };
}

function look(story: Story, account: bigint): Seen {
  const book = story.book(bookOf(account));
  const { number, epoch, seq } = book;
  return { state: book.state(account), position: { book: number, epoch, seq } };
}

function read(story: Story, { state, position }: Seen, level: ReadLevel = 'leader'): Operation {
  const asked = { books: [position.book], level, minPosition: null };
  return story.record('balances', asked, [{ position, whole: false, accounts: [state] }]);
}

const byEpoch = ({ state, position }: Seen, epoch: number): Seen => ({
  state,
  position: { ...position, epoch },
});

/** No client knows of the row yet: only the later of two attempts of one call is answered. */
function postUnanswered(story: Story, key: string, fields: Partial<CreateTransferRequest>): void {
  story.transfer(key, fields);
  story.operations.transfers.pop();
}

function takeOver(story: Story, book: number, times: number): void {
  for (let left = times; left > 0; left -= 1) story.takeOver(book);
}

const gift = ({ alice, bob }: GoodRun) => ({
  debitAccountId: alice,
  creditAccountId: bob,
  amount: 1n,
});

const pay = ({ alice, bank }: GoodRun) => ({
  debitAccountId: alice,
  creditAccountId: bank,
  amount: 1n,
});

function lookUpInVain(
  { story }: GoodRun,
  level: ReadLevel,
  { position }: Seen,
  transferId: string,
): void {
  const asked = { book: 1, transferId, level, minPosition: null };
  story.record('look_up', asked, { position, found: null });
}

const endsBefore = (level: ReadLevel) => (run: GoodRun) => {
  const { story, alice } = run;
  const { state, position } = look(story, alice);
  story.transfer('another gift', gift(run), { settled: true });
  const asked = { account: String(alice), level, minPosition: null, fromMicros: 1e15 };
  story.record('statement', asked, { position, opening: state, closing: state, entries: [] });
};

describe('a leader that does not show an arrival from another book', () => {
  test.each([
    ['of the same epoch', 0, 0],
    ['of a higher epoch', 5, 0],
    ['of a lower epoch', 0, 5],
  ])('%s, while it leads', (_name, ofPayer, ofPayee) => {
    const verdicts = failing((run) => {
      const { story, bob } = run;
      takeOver(story, 1, ofPayer);
      takeOver(story, 2, ofPayee);
      const before = look(story, bob);
      story.transfer('another gift', gift(run), { settled: true });
      read(story, before);
    });
    expect(verdicts).toEqual(['I7']);
  });

  test.each([
    ['of the same epoch', 0, 0],
    ['of a higher epoch', 5, 0],
    ['of a lower epoch', 0, 5],
  ])('%s, because another leads by then', (_name, ofPayer, ofPayee) => {
    const verdicts = failing((run) => {
      const { story, bob } = run;
      takeOver(story, 1, ofPayer);
      takeOver(story, 2, ofPayee);
      const before = look(story, bob);
      story.takeOver(2);
      story.transfer('another gift', gift(run), { settled: true });
      read(story, before);
    });
    expect(verdicts).toEqual([]);
  });

  test('and is linearizable, although another leads by then', () => {
    const verdicts = failing((run) => {
      const { story, bob } = run;
      const before = look(story, bob);
      story.takeOver(2);
      story.transfer('another gift', gift(run), { settled: true });
      read(story, before, 'linearizable');
    });
    expect(verdicts).toEqual(['I7', 'I14']);
  });
});

describe('a leader that does not show what a newer one has reported', () => {
  test('though the leader before both has made it', () => {
    const verdicts = failing((run) => {
      const { story, alice } = run;
      const before = look(story, alice);
      postUnanswered(story, 'paid', pay(run));
      takeOver(story, 1, 2);
      read(story, look(story, alice));
      read(story, byEpoch(before, story.book(1).epoch - 1));
      story.transfer('paid', pay(run));
    });
    expect(verdicts).toEqual(['I7']);
  });

  test('though it acknowledged it itself', () => {
    const verdicts = failing((run) => {
      const { story, alice } = run;
      const before = look(story, alice);
      story.transfer('paid', pay(run));
      story.takeOver(1);
      story.transfer('paid since', pay(run));
      read(story, before);
    });
    expect(verdicts).toEqual(['I7']);
  });

  test('because it never learnt that its own commit succeeded', () => {
    const verdicts = failing((run) => {
      const { story, alice } = run;
      const before = look(story, alice);
      postUnanswered(story, 'paid', pay(run));
      story.takeOver(1);
      story.transfer('paid', pay(run));
      read(story, look(story, alice));
      read(story, before);
    });
    expect(verdicts).toEqual([]);
  });

  test('though it still led after a caller had received the answer', () => {
    const verdicts = failing((run) => {
      const { story, alice } = run;
      const before = look(story, alice);
      postUnanswered(story, 'paid', pay(run));
      story.transfer('paid', pay(run));
      read(story, before);
      story.transfer('paid since', pay(run));
      story.takeOver(1);
    });
    expect(verdicts).toEqual(['I7']);
  });
});

describe('a look-up that finds nothing', () => {
  test.each(['leader', 'linearizable'] as const)('%s, for an acknowledged transfer', (level) => {
    const verdicts = failing((run) => {
      const before = look(run.story, run.alice);
      lookUpInVain(run, level, before, run.story.transfer('another gift', gift(run)));
      run.story.settle(1, 2);
    });
    expect(verdicts).toEqual(['I7']);
  });

  test('for a transfer that a newer leader has acknowledged', () => {
    const verdicts = failing((run) => {
      const before = look(run.story, run.alice);
      run.story.takeOver(1);
      lookUpInVain(run, 'leader', before, run.story.transfer('another gift', gift(run)));
      run.story.settle(1, 2);
    });
    expect(verdicts).toEqual([]);
  });
});

describe('a statement that ends before an acknowledged transfer', () => {
  test.each(['leader', 'linearizable'] as const)('%s', (level) => {
    expect(failing(endsBefore(level))).toEqual(['I7']);
  });

  test('of a copy, however far it has come', () => {
    expect(failing(endsBefore('stale'))).toEqual([]);
  });
});
