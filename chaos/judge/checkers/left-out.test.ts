import { describe, expect, test } from 'vitest';
import type { BalancesOperation, ReadLevel } from '../history/operation.ts';
import { failing, good, alterReply, isTransit, rowOf } from './test/bad-run.ts';
import type { GoodRun } from './test/good-run.ts';

/** Reads whose answers are correct but incomplete. */

const LEVELS = ['leader', 'linearizable', 'stale'] as const;
const NONE = { version: 0, debits: '0', credits: '0', heldDebits: '0', heldCredits: '0' };

const now = ({ story }: GoodRun) => {
  const { epoch, seq } = story.book(1);
  return { book: 1, epoch, seq };
};

/** The place of a row, as the position of an answer. */
const placeOf = (key: string, before = 0) => {
  const { seq, epoch } = rowOf(key);
  return { book: 1, epoch, seq: seq - before };
};

function readsAt({ story }: GoodRun, level: ReadLevel): BalancesOperation[] {
  return story.operations.balances.filter(({ value }) => value.level === level);
}

/** Removes some accounts from all reads of one level. */
const without =
  (level: ReadLevel, isLeftOut: (account: string) => boolean) =>
  (run: GoodRun): void => {
    for (const operation of readsAt(run, level)) {
      alterReply(operation, (reads) =>
        reads.map((read) => ({
          ...read,
          whole: level === 'auditor',
          accounts: read.accounts.filter(({ account }) => !isLeftOut(account)),
        })),
      );
    }
  };

const statementAsked = (level: ReadLevel, fromMicros?: number) => ({
  account: String(good.alice),
  level,
  minPosition: null,
  ...(fromMicros === undefined ? {} : { fromMicros }),
});
const none = { account: String(good.alice), ...NONE };

const lookUp = (level: ReadLevel, before: number) => (run: GoodRun) => {
  const value = { book: 1, transferId: rowOf('bread').id, level, minPosition: null };
  const position = placeOf('bread', before);
  const operation = run.story.record('look_up', value, { position, found: null });
  // Before any client knew of it, which is covered by I7.
  Object.assign(operation, { invokedNs: 0, completedNs: 1, returnedNs: 1 });
};

describe('balances', () => {
  test.each(LEVELS)('%s: of no account', (level) => {
    const history = without(level, () => true);
    expect(failing({ history })).toEqual(['I12']);
  });

  test.each(LEVELS)('%s: without one account', (level) => {
    const history = without(level, (account) => account === String(good.alice));
    expect(failing({ history })).toEqual(['I12']);
  });

  test.each(LEVELS)('%s: of no book', (level) => {
    const verdicts = failing({
      history: (run) => {
        for (const operation of readsAt(run, level)) alterReply(operation, () => []);
      },
    });
    expect(verdicts).toEqual(['I12']);
  });

  test('auditor: of one book, without any account', () => {
    const verdicts = failing({
      history: (run) => {
        run.story.balances([1], 'auditor');
        const last = run.story.operations.balances.at(-1);
        alterReply(last, (reads) => reads.map((read) => ({ ...read, accounts: [] })));
      },
    });
    expect(verdicts).toEqual(['I12']);
  });

  test('auditor: without an account to which nothing has happened', () => {
    const verdicts = failing({
      history: (run) => {
        const eve = run.story.open(1, 'eve');
        run.story.balances([1], 'auditor');
        without('auditor', (account) => account === String(eve))(run);
      },
    });
    expect(verdicts).toEqual(['I12']);
  });

  test('cover all accounts in histories that do not record which were asked', () => {
    const verdicts = failing({
      history: (run) => {
        for (const operation of readsAt(run, 'leader')) {
          Object.assign(operation, { value: { books: [1], level: 'leader', minPosition: null } });
        }
        without('leader', (account) => !isTransit(account))(run);
      },
    });
    expect(verdicts).toEqual([]);
  });

  test('need not contain an account that was opened later', () => {
    const verdicts = failing({
      history: (run) => {
        const position = now(run);
        const accounts = [String(run.story.open(1, 'eve'))];
        const asked = { books: [1], level: 'stale', minPosition: null, accounts };
        run.story.record('balances', asked, [{ position, whole: false, accounts: [] }]);
      },
    });
    expect(verdicts).toEqual([]);
  });
});

describe('a look-up that finds nothing', () => {
  test.each(LEVELS)('%s: at the position of the row', (level) => {
    expect(failing({ history: lookUp(level, 0) })).toEqual(['I12']);
  });

  test('where the row does not exist yet', () => {
    expect(failing({ history: lookUp('stale', 1) })).toEqual([]);
  });

  test('of a row that is not a transfer', () => {
    const verdicts = failing({
      history: (run) => {
        const asked = { transferId: rowOf('frozen').id, level: 'stale', minPosition: null };
        run.story.record('look_up', { ...asked, book: 1 }, { position: now(run), found: null });
      },
    });
    expect(verdicts).toEqual([]);
  });

  test('that does not state its position', () => {
    const verdicts = failing({
      history: (run) => {
        const asked = { transferId: rowOf('bread').id, level: 'stale', minPosition: null };
        const position = { book: 0, epoch: 0, seq: 0 };
        run.story.record('look_up', { ...asked, book: 1 }, { position, found: null });
      },
    });
    expect(verdicts).toEqual(['I12']);
  });
});

describe('a statement', () => {
  test.each([
    ['leader', ['I7', 'I12']],
    ['linearizable', ['I7', 'I12']],
    ['stale', ['I12']],
  ] as const)('%s: empty, although it states the newest position', (level, expected) => {
    const verdicts = failing({
      history: (run) => {
        const reply = { position: now(run), opening: none, closing: none, entries: [] };
        run.story.record('statement', statementAsked(level), reply);
      },
    });
    expect(verdicts).toEqual(expected);
  });

  test('that begins and ends with the current state, though requested from the opening', () => {
    const verdicts = failing({
      history: (run) => {
        const state = run.story.book(1).state(run.alice);
        const reply = { position: now(run), opening: state, closing: state, entries: [] };
        run.story.record('statement', statementAsked('stale'), reply);
      },
    });
    expect(verdicts).toEqual(['I19']);
  });

  test.each([
    ['right after its last entry', 1, []],
    ['at its last entry', 0, ['I19']],
  ] as const)('of nothing from a time %s', (_name, micros, expected) => {
    const verdicts = failing({
      history: (run) => {
        const book = run.story.book(1);
        const state = book.state(run.alice);
        const last = book.rows.findLast(
          (row) => row.debitAccount === run.alice || row.creditAccount === run.alice,
        );
        const from = (last?.atMicros ?? 0) + micros;
        const reply = { position: now(run), opening: state, closing: state, entries: [] };
        run.story.record('statement', statementAsked('leader', from), reply);
      },
    });
    expect(verdicts).toEqual(expected);
  });

  test('of a copy that is behind, from a later time than it knows', () => {
    const verdicts = failing({
      history: (run) => {
        const position = now(run);
        const state = run.story.book(1).state(run.alice);
        run.story.transfer('more bread', {
          debitAccountId: run.alice,
          creditAccountId: run.bank,
          amount: 1n,
        });
        const from = (run.story.book(1).rows.at(-1)?.atMicros ?? 0) + 1;
        const reply = { position, opening: state, closing: state, entries: [] };
        run.story.record('statement', statementAsked('stale', from), reply);
      },
    });
    expect(verdicts).toEqual([]);
  });
});
