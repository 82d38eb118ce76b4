import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { simBooks } from '../testing/books/sim-book.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { sentLegs } from '../testing/books/sent-legs.ts';
import { accountId } from './account-id.ts';
import { transferIdOf } from './transfer-id.ts';
import { hashAfter, hashAfterAll, HASH_START, legLine, newChannel } from './channel.ts';
import { isRepaired, ownLoss, peerLoss } from './channel-compare.ts';
import type * as command from './post/command.ts';

const LEG = {
  transferId: '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b',
  debitAccountId: accountId(1, 1),
  creditAccountId: accountId(2, 1),
  amount: 1250n,
  asset: 'EUR',
  code: 7,
  reference: 'rent|1',
  metadata: { b: '2', a: '1' },
  reversalOf: '',
};

// Two books of different versions compare these values: they must never change.
test('the hash of a leg is that of its line', () => {
  const line =
    '1|0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b|281474976710657|562949953421313|1250|3:EUR|7|' +
    '6:rent|1|16:1:a|1:1|1:b|1:2||' +
    '|\n';
  expect(legLine(1, LEG)).toBe(line);
  const value = createHash('sha256').update('0'.repeat(64)).update(line).digest('hex');
  expect(hashAfter(HASH_START, LEG)).toEqual({ through: 1, value });
  expect(hashAfterAll(HASH_START, [LEG, LEG]).value).not.toBe(value);
});

test.each(['transferId', 'asset', 'reference', 'reversalOf'] as const)(
  '%s is part of it',
  (name) => {
    const other = { ...LEG, [name]: `${LEG[name]}x` };
    expect(hashAfter(HASH_START, other)).not.toEqual(hashAfter(HASH_START, LEG));
  },
);

const ENDS = { book: 1, peerBook: 2 };
const at = (sent: number, settled: number, applied: number) => ({
  ...newChannel(2),
  sent,
  settled,
  applied,
});

test('who has answers to legs that it has no row of has lost rows', () => {
  expect(ownLoss(ENDS, at(5, 3, 4), at(4, 4, 5))).toBeNull();
  expect(ownLoss(ENDS, at(5, 3, 4), at(4, 4, 6))).toMatchObject({ book: 1, number: 6 });
  expect(ownLoss(ENDS, at(5, 3, 4), at(5, 5, 5))).toMatchObject({ book: 1, number: 5 });
  expect(peerLoss(ENDS, at(5, 3, 4), at(4, 4, 3))).toBeNull();
  expect(peerLoss(ENDS, at(5, 3, 4), at(3, 3, 3))).toMatchObject({ book: 2, number: 4 });
  expect(peerLoss(ENDS, at(5, 3, 4), at(4, 4, 2))).toMatchObject({ book: 2, number: 3 });
});

test('a book is only believed to be repaired if it proves it', () => {
  const hash = { through: 4, value: 'a'.repeat(64) };
  const mine = { ...at(5, 3, 4), appliedHash: hash };
  const theirs = { ...at(4, 4, 5), settledHash: hash };
  expect(isRepaired(mine, theirs)).toBe(true);
  expect(isRepaired(mine, { ...theirs, sent: 3 })).toBe(false);
  expect(isRepaired(mine, { ...theirs, applied: 2 })).toBe(false);
  const value = 'b'.repeat(64);
  expect(isRepaired(mine, { ...theirs, settledHash: { ...hash, value } })).toBe(false);
  expect(isRepaired(mine, { ...theirs, settledHash: { ...hash, through: 3 } })).toBe(false);
});

test('what would leave by a halted channel is neither applied nor recorded, a group as a whole', () => {
  const [here] = simBooks(2);
  if (here === undefined) throw new Error('a book');
  here.open(openRequest());
  here.open(openRequest({ externalId: 'bob' }));
  here.flush();
  const divergence = { number: 1, book: 2, why: 'lost' };
  here.add({ kind: 'diverge', peerBook: 2, divergence });
  here.flush();
  const rows = here.rows.length;
  const [near, far] = [accountId(1, 2), accountId(2, 1)];
  const legs = [near, far].map((creditAccountId) =>
    Leg.fromPartial({ debitAccountId: accountId(1, 1), creditAccountId, amount: 1n }),
  );
  const action = { $case: 'group', value: { legs } } as const;
  const halted = { kind: 'halted', peerBook: 2 };
  const outcomes = [
    here.transfer('one', transferRequest({ creditAccountId: far })),
    here.transfer('group', transferRequest({ action })),
    here.transfer(transferIdOf('', 'near'), transferRequest({ creditAccountId: near })),
  ];
  here.flush();
  const [one, group, local] = outcomes.map(({ outcome }) => outcome);
  expect([one, group]).toEqual([halted, halted]);
  expect(local).toMatchObject({ reason: Reason.UNSPECIFIED });
  expect(here.rows).toHaveLength(rows + 1);
  expect(here.stored.get(near)?.credits).toBe(1n);
});

test('legs that follow others than this book has are not applied', () => {
  const [here, there] = simBooks(2);
  if (here === undefined || there === undefined) throw new Error('two books');
  here.open(openRequest());
  there.open(openRequest({ homeRegion: 'us-east' }));
  here.transfer(LEG.transferId, transferRequest({ creditAccountId: accountId(2, 1) }));
  here.flush();
  const legs = sentLegs(here, 2);
  const settle = (hashBefore: string) => {
    const numbers = { originBook: 1, firstNumber: there.channel(1).applied + 1, hashBefore };
    const pending = there.add<command.SettleOutcome>({ kind: 'settle', ...numbers, legs });
    there.flush();
    return pending.outcome;
  };
  expect(settle('f'.repeat(64))).toMatchObject({ inOrder: true, agrees: false, appliedThrough: 0 });
  expect(settle(HASH_START.value)).toMatchObject({ agrees: true, appliedThrough: 1 });
  expect(there.channel(1).appliedHash).toEqual(hashAfterAll(HASH_START, legs));
});
