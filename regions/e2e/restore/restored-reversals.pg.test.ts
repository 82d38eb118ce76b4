import { test, vi } from 'vitest';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import { RestoredStory } from './restored-story.ts';

/** Reversals that the book of their payer loses: what is left of the transfers they reverse. */

vi.setConfig({ expect: { poll: { timeout: 20_000, interval: 100 } }, testTimeout: 120_000 });

/** What a test asks about transfers from Alice to Bob, who has his account in the second book. */
function reversalsOf({ api, alice, bob, pay }: RestoredStory) {
  const fieldsOf = (idempotencyKey: string, transferId: string, amount: bigint) => ({
    idempotencyKey,
    debitAccountId: bob,
    creditAccountId: alice,
    amount,
    action: { $case: 'reversal', value: { transferId } } as const,
  });
  const reverse = (...fields: Parameters<typeof fieldsOf>) => api.transfer(fieldsOf(...fields));
  /** Does not wait for the other book. */
  const reverseBlind = (...fields: Parameters<typeof fieldsOf>) =>
    api.transfer({ ...fieldsOf(...fields), wait: Wait.POSTED });
  const paid = async (key: string, amount: bigint) => {
    const { transferId } = await pay(key, alice, bob, amount);
    return transferId;
  };

  return { reverse, reverseBlind, paid };
}

test('a transfer and its reversal are lost: it cannot be reversed once more', async (context) => {
  const { expect } = context;
  const story = await RestoredStory.begin(context);
  const { books, alice, bob, ben, pay, cameTo, bothSay, repair, balanceOf, allIsWell } = story;
  const { reverse, paid } = reversalsOf(story);
  await pay('before', alice, bob);
  const copy = await books.copy(2);
  await expect.poll(() => cameTo(pay('lost-1', alice, ben, 1n))).toBe('POSTED');
  const whole = await paid('whole', 10n);
  const part = await paid('part', 20n);
  expect(await cameTo(reverse('whole-1', whole, 10n))).toBe('POSTED');
  expect(await cameTo(reverse('part-1', part, 5n))).toBe('POSTED');
  expect(await cameTo(reverse('part-2', part, 6n))).toBe('POSTED');
  await books.restore(2, copy);
  await bothSay(2);
  expect((await repair(2, true)).repaired).toBe(true);
  await allIsWell();
  const exceeded = { reason: Reason.REVERSAL_EXCEEDED };
  expect(await reverse('whole-2', whole, 1n)).toMatchObject(exceeded);
  expect(await reverse('part-3', part, 10n)).toMatchObject(exceeded);
  expect(await cameTo(reverse('part-4', part, 9n))).toBe('POSTED');
  expect(await reverse('whole-1', whole, 10n)).toMatchObject({ replayed: true });
  // before, part less what came back of it; again-1 and again-2 are even.
  expect(await balanceOf(bob)).toBe(5n + 20n - 5n - 6n - 9n);
  await allIsWell();
});

test('a lost reversal that was made again reverses once', async (context) => {
  const { expect } = context;
  const story = await RestoredStory.begin(context);
  const { books, alice, bob, pay, cameTo, bothSay, repair, balanceOf, allIsWell } = story;
  const { reverse, reverseBlind, paid } = reversalsOf(story);
  await pay('before', bob, alice, 1n);
  const first = await paid('first', 10n);
  const second = await paid('second', 10n);
  const copy = await books.copy(2);
  await expect.poll(() => cameTo(reverse('first-1', first, 4n))).toBe('POSTED');
  expect(await cameTo(reverse('second-1', second, 4n))).toBe('POSTED');
  await books.stopBook(1);
  await books.restore(2, copy);
  // The other book is down and cannot say that numbers are missing: they are given again.
  await expect.poll(() => cameTo(reverseBlind('second-1', second, 4n))).toBe('IN_TRANSIT');
  expect(await cameTo(reverseBlind('other', second, 1n))).toBe('IN_TRANSIT');
  expect(await cameTo(reverseBlind('first-1', first, 4n))).toBe('IN_TRANSIT');
  books.startBook(1);
  await bothSay(2);
  const repaired = () =>
    repair(2, true).then(
      ({ undone }) => undone.length,
      () => 0,
    );
  await expect.poll(repaired).toBe(3);
  await allIsWell();
  const exceeded = { reason: Reason.REVERSAL_EXCEEDED };
  for (const [key, transferId] of Object.entries({ first, second })) {
    expect(await reverse(`${key}-2`, transferId, 7n)).toMatchObject(exceeded);
    expect(await cameTo(reverse(`${key}-3`, transferId, 6n))).toBe('POSTED');
    expect(await reverse(`${key}-4`, transferId, 1n)).toMatchObject(exceeded);
  }
  expect(await balanceOf(bob)).toBe(-1n);
  await allIsWell();
});
