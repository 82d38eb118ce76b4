import { test, vi } from 'vitest';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { TransferStatus, Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import { runAudit } from '../../../ledger/audit/run-audit.ts';
import { listed, nameOf, RestoredStory } from './restored-story.ts';

/** The holds of captures that the book of their payer loses. */

vi.setConfig({ expect: { poll: { timeout: 20_000, interval: 100 } }, testTimeout: 120_000 });

type Fields = Partial<CreateTransferRequest>;

/** Calls for the holds of Alice for Bob, whose account is in the second book. */
function holdsOf({ api, alice, bob }: RestoredStory) {
  const hold = async (key: string, amount: bigint, timeoutSeconds = 0) => {
    const action = { $case: 'hold', value: { timeoutSeconds } } as const;
    const fields = { idempotencyKey: key, debitAccountId: alice, creditAccountId: bob, amount };
    const { transferId } = await api.transfer({ ...fields, action });
    return transferId;
  };
  const captureOf = (key: string, holdId: string, amount: bigint, final = false): Fields => ({
    idempotencyKey: key,
    debitAccountId: alice,
    amount,
    action: { $case: 'capture', value: { holdId, final } },
  });
  const capture = (...fields: Parameters<typeof captureOf>) => api.transfer(captureOf(...fields));
  const stateOf = async (key: string) => {
    const { transfer } = await api.whatBecameOf(key, alice);
    const { status, left, capturedAmount } = transfer ?? { status: 0, left: 0n };
    return [nameOf(status), left, capturedAmount];
  };
  const heldOf = async () => {
    const request = { id: alice, asOf: undefined, options: undefined };
    const { account } = await api.call<{ account: { heldDebits: bigint } | undefined }>(
      (stub, ...rest) => stub.getAccount(request, ...rest),
    );
    return account?.heldDebits;
  };
  return { hold, capture, captureOf, stateOf, heldOf };
}

test.concurrent('a lost capture is booked as one: its hold is what it was', async (context) => {
  const { expect } = context;
  const story = await RestoredStory.begin(context);
  const { books, api, alice, ben, bob, pay, cameTo, bothSay, repair, balanceOf, allIsWell } = story;
  const { hold, capture, captureOf, stateOf, heldOf } = holdsOf(story);
  await pay('before', alice, bob);
  const all = await hold('all', 10n);
  const part = await hold('part', 10n);
  const final = await hold('final', 10n);
  const twice = await hold('twice', 10n, 3_600);
  const untouched = await hold('untouched', 10n);
  expect(await heldOf()).toBe(50n);
  const copy = await books.copy(1);
  await expect.poll(() => cameTo(pay('lost-1', alice, ben, 1n))).toBe('POSTED');
  const statuses = [
    await cameTo(capture('all-1', all, 0n)),
    await cameTo(capture('part-1', part, 3n)),
    await cameTo(capture('final-1', final, 4n, true)),
    await cameTo(capture('twice-1', twice, 5n)),
    await cameTo(capture('twice-2', twice, 5n, true)),
  ];
  expect(statuses).toEqual(statuses.map(() => 'POSTED'));
  // Its hold is lost as well, but the money has moved.
  const later = await hold('later', 10n);
  expect(await cameTo(capture('later-1', later, 7n))).toBe('POSTED');
  expect(await balanceOf(alice)).toBe(-5n - 1n - 10n - 3n - 4n - 10n - 7n);
  await books.restore(1, copy);
  await bothSay(1);
  const plan = await repair(1, false);
  expect(plan.lostSent.map(({ capture: of }) => of?.holdId)).toEqual([
    undefined,
    all,
    part,
    final,
    twice,
    twice,
    later,
  ]);
  expect(plan.reserved).toEqual([]);
  expect(await repair(1, true)).toMatchObject({ repaired: true, reserved: [] });
  await allIsWell();
  const nothing = ['CAPTURED', 0n, 10n];
  await expect.poll(() => stateOf('all')).toEqual(nothing);
  await expect.poll(() => stateOf('part')).toEqual(['HELD', 7n, 3n]);
  await expect.poll(() => stateOf('final')).toEqual(['CAPTURED', 0n, 4n]);
  await expect.poll(() => stateOf('twice')).toEqual(nothing);
  expect(await stateOf('untouched')).toEqual(['HELD', 10n, 0n]);
  expect(await heldOf()).toBe(7n + 10n);
  expect(await balanceOf(alice)).toBe(-5n - 1n - 10n - 3n - 4n - 10n - 7n);
  // Asked again, each is known, though a leg does not carry its whole request.
  const again = (...fields: Parameters<typeof captureOf>) =>
    api.transfer({ ...captureOf(...fields), asset: 'EUR', wait: Wait.SETTLED });
  const known = { status: TransferStatus.POSTED, replayed: true };
  expect(await again('all-1', all, 0n)).toMatchObject(known);
  expect(await again('part-1', part, 3n)).toMatchObject(known);
  expect(await again('part-1', final, 3n)).toMatchObject({
    reason: Reason.IDEMPOTENCY_KEY_REUSED,
    differingField: 'capture.hold_id',
  });
  expect(await again('part-1', part, 3n, true)).toMatchObject({ differingField: 'capture.final' });
  // The rest can be captured and released as usual.
  expect(await cameTo(capture('part-2', part, 8n))).toBe('REJECTED');
  expect(await cameTo(capture('part-2b', part, 7n))).toBe('POSTED');
  expect(await cameTo(capture('untouched-1', untouched, 1n, true))).toBe('POSTED');
  await expect.poll(heldOf).toBe(0n);
  const report = await runAudit({ urls: books.urls, onProgress: () => undefined });
  expect([report.violations, report.notes]).toEqual([[], []]);
});

test.concurrent('a lost capture that was refused gives its hold back when it is booked', async (context) => {
  const { expect } = context;
  const story = await RestoredStory.begin(context);
  const { books, api, alice, bob, pay, cameTo, bothSay, repair, balanceOf, allIsWell } = story;
  const { capture, stateOf, heldOf } = holdsOf(story);
  await pay('before', alice, bob);
  const action = { $case: 'hold', value: { timeoutSeconds: 0 } } as const;
  const fields = { idempotencyKey: 'gone', debitAccountId: alice, creditAccountId: bob + 100n };
  const { transferId: gone } = await api.transfer({ ...fields, amount: 10n, action });
  const copy = await books.copy(1);
  await expect.poll(() => cameTo(capture('gone-1', gone, 4n, true))).toBe('RETURNED');
  await books.restore(1, copy);
  await bothSay(1);
  await repair(1, true);
  await allIsWell();
  await expect.poll(() => stateOf('gone')).toEqual(['HELD', 10n, 0n]);
  expect([await heldOf(), await balanceOf(alice)]).toEqual([10n, -5n - 5n + 5n]);
});

test.concurrent('a hold whose capture lost its number is named, and released by its operator', async (context) => {
  const { expect } = context;
  const story = await RestoredStory.begin(context);
  const { books, api, alice, bob, pay, cameTo, bothSay, repair, balanceOf, allIsWell } = story;
  const { hold, capture, captureOf, stateOf, heldOf } = holdsOf(story);
  await pay('before', alice, bob);
  const taken = await hold('taken', 10n);
  const again = await hold('again', 10n);
  const copy = await books.copy(1);
  await expect.poll(() => cameTo(capture('taken-1', taken, 10n))).toBe('POSTED');
  expect(await cameTo(capture('remade-1', again, 6n))).toBe('POSTED');
  await books.stopBook(2);
  await books.restore(1, copy);
  const blind = (asked: Fields) => cameTo(api.transfer({ ...asked, wait: Wait.POSTED }));
  const plain = { idempotencyKey: 'new-1', debitAccountId: alice, creditAccountId: bob };
  await expect.poll(() => blind({ ...plain, amount: 1n })).toBe('IN_TRANSIT');
  await expect
    .poll(() => blind({ ...plain, idempotencyKey: 'new-2', amount: 1n }))
    .toBe('IN_TRANSIT');
  // Made again, under a number that the other book does not have.
  expect(await blind(captureOf('remade-1', again, 6n))).toBe('IN_TRANSIT');
  books.startBook(2);
  await bothSay(1);
  const isListed = () =>
    repair(1, false).then(
      ({ lostSent }) => lostSent.length,
      () => 0,
    );
  await expect.poll(isListed).toBe(2);
  const plan = await repair(1, false);
  expect(listed(plan.undone)).toHaveLength(3);
  const [transferId] = listed(plan.lostSent);
  const accounts = { debitAccountId: alice, creditAccountId: bob, asset: 'EUR' };
  expect(plan.reserved).toEqual([{ holdId: taken, left: 10n, transferId, ...accounts }]);
  expect((await repair(1, true)).reserved).toEqual(plan.reserved);
  await allIsWell();
  expect(await stateOf('again')).toEqual(['HELD', 4n, 6n]);
  expect(await heldOf()).toBe(14n);
  const release = { $case: 'release', value: { holdId: taken } } as const;
  const fields = { idempotencyKey: 'free', debitAccountId: alice, action: release };
  expect(await cameTo(api.transfer(fields))).toBe('RELEASED');
  expect(await heldOf()).toBe(4n);
  expect(await balanceOf(alice)).toBe(-5n - 10n - 6n - 5n + 5n);
});
