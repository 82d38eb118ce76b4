import { expect, test } from 'vitest';
import { describeLoss } from './channel.ts';

const HOLD = '0193a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b';

const loss = (repaired: boolean) => ({
  book: 'eu-west-1',
  peer: 'us-east-1',
  lostSent: [],
  undone: [],
  lostArrived: [],
  reserved: [
    {
      holdId: HOLD,
      debitAccountId: 281_474_976_710_658n,
      creditAccountId: 562_949_953_421_313n,
      left: 400n,
      asset: 'EUR',
      transferId: '0193a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2c',
    },
  ],
  repaired,
});

test.each([
  [false, 'after the repair'],
  [true, 'now'],
])('a hold that stays reserved is listed with the command that frees it (%s)', (repaired, when) => {
  expect(describeLoss(loss(repaired)).split('\n').slice(1)).toEqual([
    `Captured, and still reserved; release each ${when} (1):`,
    `  400 EUR: meridian hold release ${HOLD} --from id:281474976710658`,
  ]);
});

test('nothing is said of holds where none stays reserved', () => {
  expect(describeLoss({ ...loss(true), reserved: [] })).not.toContain('reserved');
});
