import { describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { settlementId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import { Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { ChangeOperation, OpenOperation } from '../history/operation.ts';
import { judgeRun } from './all.ts';
import { gatherEvidence } from './evidence.ts';
import { answers, callOf, failing, good, alterReply, rowOf } from './test/bad-run.ts';
import { type GoodRun, goodRun } from './test/good-run.ts';

type History = (run: GoodRun) => void;

const changeOf = ({ story }: GoodRun, key: string): ChangeOperation =>
  must(
    story.operations.changes.find(({ value }) => value.idempotencyKey === key),
    `${key} was asked`,
  );

const askedAs =
  (key: string, different: Partial<ChangeOperation['value']>): History =>
  (run) =>
    Object.assign(changeOf(run, key).value, different);

/** Another call with the key of a change at the same time, and the answer that it received. */
const askedAgain =
  (different: object, changed: Partial<NonNullable<ChangeOperation['reply']>>): History =>
  (run) => {
    const first = changeOf(run, 'frozen');
    const { value, reply, invokedNs, completedNs, returnedNs } = first;
    const again = { ...value, ...different };
    const second = run.story.record('change', again, { ...reply, ...changed }, { process: 9 });
    Object.assign(second, { invokedNs, completedNs, returnedNs });
  };

const FAILED = {
  type: 'fail',
  reply: null,
  fault: { code: 'RESOURCE_EXHAUSTED', message: '' },
} as const;

describe('one thing is wrong with a change of an account', () => {
  test.each<[string, string[], History]>([
    [
      'it froze the other direction',
      ['I4', 'I5', 'I6'],
      askedAs('frozen', { change: { $case: 'freeze', value: Freeze.OUT } }),
    ],
    ['it changed another account', ['I4', 'I5'], askedAs('frozen', { accountId: good.bob })],
    [
      'it changed another account of the book',
      ['I4', 'I5', 'I6'],
      askedAs('frozen', { accountId: good.alice }),
    ],
    [
      'it was asked for another version',
      ['I4', 'I5', 'I6'],
      askedAs('frozen', { expectedVersion: 999n }),
    ],
    ['another user made it', ['I4', 'I5', 'I6'], askedAs('frozen', { by: 'stranger' })],
    ['a dry run was applied', ['I5'], askedAs('frozen', { dryRun: true })],
    [
      'a change answered as refused was applied',
      ['I21'],
      (run) =>
        alterReply(changeOf(run, 'frozen'), (reply) => ({ ...reply, reason: 'VERSION_MISMATCH' })),
    ],
    [
      'a change answered as not applied was applied',
      ['I21'],
      (run) => Object.assign(changeOf(run, 'frozen'), FAILED),
    ],
    ['a key was answered as new twice', ['I6'], askedAgain({}, {})],
    [
      'a key was answered at another place',
      ['I6'],
      askedAgain({}, { replayed: true, position: { book: 1, epoch: 1, seq: 3 } }),
    ],
    [
      'a key was answered as of another book',
      ['I6'],
      (run) =>
        alterReply(changeOf(run, 'frozen'), (reply) => ({
          ...reply,
          position: { ...reply.position, book: 9 },
        })),
    ],
    [
      'the same body was answered as a reused key',
      ['I6'],
      askedAgain({}, { reason: 'IDEMPOTENCY_KEY_REUSED' }),
    ],
    [
      'another body got the outcome of the key',
      ['I4', 'I6'],
      askedAgain({ why: 'another' }, { replayed: true }),
    ],
    [
      'it was refused, but answered as applied',
      ['I4'],
      (run) => {
        const { story, shop } = run;
        story.change('reopened', shop, { $case: 'reopen', value: {} });
        alterReply(changeOf(run, 'reopened'), (reply) => ({ ...reply, reason: '' }));
      },
    ],
    [
      'it was refused for another reason',
      ['I4'],
      (run) => {
        const { story, shop } = run;
        story.change('reopened', shop, { $case: 'reopen', value: {} });
        alterReply(changeOf(run, 'reopened'), (reply) => ({ ...reply, reason: 'ACCOUNT_CLOSED' }));
      },
    ],
  ])('%s', (_, expected, history) => {
    expect(failing({ history })).toEqual(expected);
  });
});

const openingOf = ({ story }: GoodRun, externalId: string): OpenOperation =>
  must(
    story.operations.opens.find(({ value }) => value.externalId === externalId),
    `${externalId} was opened`,
  );

const openedAs =
  (different: Partial<OpenOperation['value']>): History =>
  (run) =>
    Object.assign(openingOf(run, 'bank').value, different);

describe('one thing is wrong with the opening of an account', () => {
  test.each<[string, string[], History]>([
    ['it has another asset', ['I4', 'I5'], openedAs({ asset: 'USD' })],
    ['it may be overdrawn', ['I4', 'I5'], openedAs({ min: { $case: 'minBalance', value: 0n } })],
    ['it has no upper limit', ['I4', 'I5'], openedAs({ max: { $case: 'maxBalance', value: 9n } })],
    ['it has no metadata', ['I4', 'I5'], openedAs({ metadata: { of: 'mine' } })],
    ['it is in another region', ['I4', 'I5'], openedAs({ homeRegion: 'us-east' })],
    ['it was a dry run', ['I5'], openedAs({ dryRun: true })],
    [
      'it was opened twice',
      ['I6'],
      (run) => {
        const { value, reply } = openingOf(run, 'bank');
        run.story.record('open', value, reply);
      },
    ],
    [
      'it is at a place other than the answer states',
      ['I6'],
      (run) =>
        alterReply(openingOf(run, 'bank'), (reply) => ({
          ...reply,
          position: { ...reply.position, epoch: 7 },
        })),
    ],
    [
      'another account was answered for it',
      ['I4', 'I6'],
      (run) => {
        const { value, reply } = openingOf(run, 'bank');
        const other = openingOf(run, 'alice').reply;
        run.story.record('open', value, { ...reply, ...other, replayed: true });
      },
    ],
  ])('%s', (_, expected, history) => {
    expect(failing({ history })).toEqual(expected);
  });
});

/** A transfer of up to more than is available, and a capture of the whole rest. */
function openAmounts({ story, alice, bank }: GoodRun): void {
  const fields = { debitAccountId: alice, creditAccountId: bank };
  const action = { $case: 'hold', value: { timeoutSeconds: 0 } } as const;
  const holdId = story.transfer('room', { ...fields, amount: 8n, action });
  const capture = { $case: 'capture', value: { holdId, final: false } } as const;
  story.transfer('all of it', { ...fields, creditAccountId: 0n, amount: 0n, action: capture });
  story.transfer('as much', { ...fields, amount: 100_000n, upTo: UpTo.DEBIT_AVAILABLE });
}

const withOpenAmounts =
  (history: History): History =>
  (run) => {
    openAmounts(run);
    history(run);
  };

describe('one thing is wrong with an answer to a transfer', () => {
  test.each<[string, string[], History]>([
    ['an actual amount', ['I4'], answers('bread', () => ({ actualAmount: '10' }))],
    [
      'the amount of a capture of the rest',
      ['I4'],
      withOpenAmounts(answers('all of it', () => ({ actualAmount: '0' }))),
    ],
    [
      'the amount that there was',
      ['I4'],
      withOpenAmounts(answers('as much', () => ({ actualAmount: '100000' }))),
    ],
    ['when a hold expires', ['I4'], answers('hotel', () => ({ expiresAtMicros: 1 }))],
    ['that a transfer expires', ['I4'], answers('bread', () => ({ expiresAtMicros: 1 }))],
    ['a transfer is answered as held', ['I4'], answers('salary', () => ({ status: 'HELD' }))],
    ['a hold is answered as posted', ['I4'], answers('hotel', () => ({ status: 'POSTED' }))],
    ['a hold is answered as captured', ['I4'], answers('hotel', () => ({ status: 'CAPTURED' }))],
    ['there is no such status', ['I4'], answers('salary', () => ({ status: '' }))],
    ['a posted transfer has a reason', ['I4'], answers('salary', () => ({ reason: 'X' }))],
    ['a group has no legs', ['I4'], answers('basket', () => ({ legs: [] }))],
    [
      'a leg has another id',
      ['I4'],
      answers('basket', ({ legs }) => ({
        legs: legs.map((leg) => ({ ...leg, transferId: rowOf('bread').id })),
      })),
    ],
    [
      'it was rejected for another reason',
      ['I4'],
      answers('yacht', () => ({ reason: 'CREDIT_ACCOUNT_CLOSED' })),
    ],
    [
      'it was returned for another reason',
      ['I4'],
      answers('refused', () => ({ reason: 'CREDIT_ACCOUNT_CLOSED' })),
    ],
    ['it was returned, but posted', ['I4'], answers('refused', () => ({ status: 'POSTED' }))],
    ['it was posted, but returned', ['I4'], answers('gift', () => ({ status: 'RETURNED' }))],
    [
      'it is in no book of the run',
      ['I6'],
      answers('gift', ({ position }) => ({ position: { ...position, book: 9 } })),
    ],
    [
      'the answer names the wrong field',
      ['I6'],
      (run) => {
        const { value, reply } = callOf(run, 'salary');
        const reused = { status: 'REJECTED', reason: 'IDEMPOTENCY_KEY_REUSED' };
        const other = { ...value, amount: 3n, code: 5 };
        run.story.record('transfer', other, { ...reply, ...reused, differingField: 'code' });
      },
    ],
    [
      'a key without any outcome was refused as used',
      ['I6'],
      (run) => {
        const { value, reply } = callOf(run, 'salary');
        const reused = { status: 'REJECTED', reason: 'IDEMPOTENCY_KEY_REUSED' };
        const other = { ...value, idempotencyKey: 'never seen' };
        run.story.record('transfer', other, { ...reply, ...reused, differingField: 'amount' });
      },
    ],
    [
      'a failed transfer was applied, and later replayed',
      // A failed call with no fault near is a violation of its own.
      ['I21', 'I22'],
      // By then the row had long existed: the replay did not make it.
      (run) => {
        const { value, reply } = callOf(run, 'after');
        run.story.record('transfer', value, { ...reply, replayed: true });
        Object.assign(callOf(run, 'after'), {
          ...FAILED,
        });
      },
    ],
  ])('%s', (_, expected, history) => {
    expect(failing({ history })).toEqual(expected);
  });
});

/** A look-up of a transfer of book 1 as it was decided, with some fields changed. */
const lookedUp =
  (key: string, different: object, value: object = {}): History =>
  (run) => {
    const { story } = run;
    const book = story.book(1);
    const { id, amount, reason } = rowOf(key);
    const { position, legs, status, reason: why } = story.answer(book, id, true);
    const actualAmount = reason === 0 ? String(amount ?? 0n) : '0';
    const found = { transferId: id, status, reason: why, legs, position, actualAmount };
    const asked = { book: 1, transferId: id, level: 'stale', minPosition: null, ...value };
    const now = { book: 1, epoch: book.epoch, seq: book.seq };
    story.record('look_up', asked, { position: now, found: { ...found, ...different } });
  };

describe('one thing is wrong with the result of a look-up', () => {
  test.each<[string, History]>([
    ['returned, but posted', lookedUp('gift', { status: 'RETURNED', reason: 'OVERFLOW' })],
    ['posted, but returned', lookedUp('refused', { status: 'POSTED', reason: '' })],
    ['returned for another reason', lookedUp('refused', { reason: 'OVERFLOW' })],
    ['rejected for another reason', lookedUp('yacht', { reason: 'OVERFLOW' })],
    ['held, but a transfer', lookedUp('salary', { status: 'HELD' })],
    ['released, but captured', lookedUp('hotel', { status: 'RELEASED' })],
    ['of another amount', lookedUp('salary', { actualAmount: '1' })],
    ['of a group: without legs', lookedUp('basket', { legs: [] })],
    ['another transfer', lookedUp('salary', {}, { transferId: rowOf('bread').id })],
    ['in another book', lookedUp('salary', { position: { book: 9, epoch: 1, seq: 1 } })],
  ])('%s', (_, history) => {
    expect(failing({ history })).toEqual(['I18']);
  });

  test.each<[string, History]>([
    ['a hold that is captured later', lookedUp('hotel', { status: 'HELD' })],
    ['a hold that was captured', lookedUp('hotel', { status: 'CAPTURED' })],
    ['a hold that was released', lookedUp('table', { status: 'RELEASED' })],
    ['a transfer that was in transit then', lookedUp('gift', { status: 'IN_TRANSIT' })],
    ['a returned transfer', lookedUp('refused', {})],
    ['a rejected transfer', lookedUp('yacht', {})],
    ['a group that failed', lookedUp('too much', {})],
  ])('right is %s', (_, history) => {
    expect(failing({ history })).toEqual([]);
  });
});

test('changes, open amounts and legs of other books are answered correctly', () => {
  const run = goodRun();
  const { story, alice, bob, bank, capped, shop } = run;
  openAmounts(run);
  story.change('limits', shop, { $case: 'limits', value: { minBalance: -5n } });
  story.change('marked', shop, { $case: 'metadata', value: { metadata: { of: 'mine' } } });
  story.change('closed', shop, { $case: 'close', value: {} });
  askedAgain({}, { replayed: true })(run);
  askedAgain({ why: 'another' }, { reason: 'IDEMPOTENCY_KEY_REUSED' })(run);
  const legs = [
    { debitAccountId: bank, creditAccountId: capped, amount: 60n },
    { debitAccountId: bank, creditAccountId: bob, amount: 1n },
  ].map((leg) => Leg.fromPartial(leg));
  const fields = {
    debitAccountId: 0n,
    creditAccountId: 0n,
    amount: 0n,
    action: { $case: 'group', value: { legs } },
  } as const;
  story.transfer('to others', fields);
  story.settle(1, 2);
  story.transfer('to others', fields);
  story.transfer('back to bank', { debitAccountId: alice, creditAccountId: bank, amount: 1n });
  const verdicts = judgeRun(gatherEvidence(story.history(), story.finals()));
  expect([...verdicts].filter(([, { state }]) => state !== 'pass')).toEqual([]);
});

const replayedItsOwn: History = (run) => {
  const { story } = run;
  const [first, second] = story.operations.transfers.filter(
    ({ value }) => value.idempotencyKey === 'bread',
  );
  const { reply, invokedNs } = must(first, 'it was asked');
  Object.assign(must(first, 'it was asked'), { reply: { ...reply, replayed: true } });
  const fault = { code: 'RESOURCE_EXHAUSTED', message: '' };
  Object.assign(must(second, 'and again'), { type: 'fail', reply: null, fault, invokedNs });
};

test('a call may have made the row that it received as a replay, when another call failed', () => {
  // A failed call with no fault near is a violation of its own.
  expect(failing({ history: replayedItsOwn })).toEqual(['I22']);
});

const sharedKey: History = (run) => {
  const { story, alice, bank } = run;
  const { position } = must(changeOf(run, 'frozen').reply ?? undefined, 'it was answered');
  const id = transferIdOf('run', 'frozen');
  const value = { ...callOf(run, 'salary').value, idempotencyKey: 'frozen' };
  const { reply } = callOf(run, 'salary');
  const reused = { status: 'REJECTED', reason: 'IDEMPOTENCY_KEY_REUSED', differingField: 'kind' };
  story.record('transfer', value, { ...reply, ...reused, transferId: id, position });
  const fields = { debitAccountId: alice, creditAccountId: bank, amount: 1n };
  story.failed('frozen', fields, { code: 'RESOURCE_EXHAUSTED', message: '' });
};

test('a transfer and a change with one key are answered as reuse, and are not confused', () => {
  // A failed call with no fault near, and after the heal, is a violation of its own.
  expect(failing({ history: sharedKey })).toEqual(['I22', 'I23']);
});

test('postings of another book are unknown if it was not read', () => {
  const { story } = goodRun();
  const { copies } = story.finals();
  const read = copies.filter(({ book }) => book !== 2);
  const verdicts = judgeRun(gatherEvidence(story.history(), { copies: read, missing: ['book-2'] }));
  expect(verdicts.get('I4')?.state).toBe('unknown');
  expect(verdicts.get('I18')?.state).toBe('unknown');
  expect(rowOf('gift').peer?.book).toBe(2);
  expect(story.book(2).row(settlementId(1, rowOf('gift').id))).toBeDefined();
});
