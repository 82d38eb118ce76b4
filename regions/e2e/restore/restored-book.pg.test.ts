import { test, vi } from 'vitest';
import { legId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import { connect } from '../../../ledger/store/postgres/connect.ts';
import { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import {
  GetStatementRequest,
  type GetStatementResponse,
} from '../../../proto/gen/meridian/v1/query.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { TransferStatus, Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import { runAudit } from '../../../ledger/audit/run-audit.ts';
import { DIVERGED, listed, nameOf, RestoredStory } from './restored-story.ts';

/** A book that was replaced by an older copy is detected, does no harm, and can be repaired. */

vi.setConfig({ expect: { poll: { timeout: 20_000, interval: 100 } }, testTimeout: 120_000 });

test.concurrent('the payer’s book is restored: it posts nothing until what has left is booked', async (context) => {
  const { expect } = context;
  const {
    books,
    api,
    alice,
    amy,
    bob,
    ben,
    pay,
    cameTo,
    lostBy,
    bothSay,
    repair,
    ids,
    balanceOf,
    allIsWell,
  } = await RestoredStory.begin(context);
  expect((await pay('before', alice, bob)).status).toBe(TransferStatus.POSTED);
  const copy = await books.copy(1);
  await expect.poll(() => cameTo(pay('lost-1', alice, bob))).toBe('POSTED');
  await pay('lost-2', alice, ben, 7n);
  const pairOf = (to: bigint, amount: bigint) => ({
    debitAccountId: alice,
    creditAccountId: to,
    amount,
  });
  const legs = [pairOf(amy, 1n), pairOf(ben, 2n)].map((leg) => Leg.fromPartial(leg));
  const action = { $case: 'group', value: { legs } } as const;
  const group = { idempotencyKey: 'lost-group', action };
  expect((await api.transfer(group)).group?.legs).toHaveLength(2);
  const lost = await ids('lost-1', 'lost-2');
  await books.restore(1, copy);
  await bothSay(1);
  // The restored book could spend what has left, or execute a key again: it posts nothing.
  expect(await cameTo(pay('local-1', alice, amy))).toBe(DIVERGED);
  expect(await cameTo(pay('lost-1', alice, bob))).toBe(DIVERGED);
  await expect(api.account('anna')).rejects.toMatchObject({ reason: 'CHANNEL_DIVERGED' });
  // The other book continues, except for transfers to this one.
  expect(await cameTo(pay('local-2', bob, ben))).toBe('POSTED');
  expect(await cameTo(pay('over', bob, alice))).toBe(DIVERGED);
  expect(books.errors).toContain('CHANNEL_DIVERGED');
  const report = await runAudit({ urls: books.urls, onProgress: () => undefined });
  expect(report.notes.join('\n')).toContain('CHANNEL_DIVERGED');

  const plan = await repair(1, false);
  expect(listed(plan.lostSent)).toEqual([...lost, legId(transferIdOf('', 'lost-group'), 1)]);
  expect([plan.undone, plan.lostArrived, plan.repaired]).toEqual([[], [], false]);
  expect(await lostBy(1)).toBe(1);
  expect((await repair(1, true)).repaired).toBe(true);
  await allIsWell();
  expect(await pay('lost-1', alice, bob)).toMatchObject({
    status: TransferStatus.POSTED,
    replayed: true,
  });
  expect(await pay('lost-2', alice, ben, 8n)).toMatchObject({
    reason: Reason.IDEMPOTENCY_KEY_REUSED,
    differingField: 'amount',
  });
  expect((await pay('over', bob, alice)).replayed).toBe(false);
  // One of its legs has arrived; posting the group would move that money again.
  expect(await api.transfer(group)).toMatchObject({ reason: Reason.IDEMPOTENCY_KEY_REUSED });
  // A statement has what was booked again.
  const request = GetStatementRequest.fromPartial({ accountId: alice });
  const { entries } = await api.call<GetStatementResponse>((stub, ...rest) =>
    stub.getStatement(request, ...rest),
  );
  expect(entries.map(({ transferId }) => transferId)).toEqual(expect.arrayContaining(lost));
  // before, lost-1, lost-2, the leg, again-1 less again-2, over.
  expect(await balanceOf(alice)).toBe(-5n - 5n - 7n - 2n - 5n + 5n + 5n);
});

test.concurrent('the payee’s book is restored: what has arrived is booked as its payer knows it', async (context) => {
  const { expect } = context;
  const { books, alice, amy, bob, ben, pay, cameTo, bothSay, repair, ids, balanceOf, allIsWell } =
    await RestoredStory.begin(context);
  await pay('before', alice, bob);
  const copy = await books.copy(2);
  await expect.poll(() => cameTo(pay('lost-1', alice, bob))).toBe('POSTED');
  expect(await cameTo(pay('refused', alice, ben + 100n, 3n))).toBe('RETURNED');
  expect(await cameTo(pay('lost-2', alice, ben, 7n))).toBe('POSTED');
  const lost = await ids('lost-1', 'refused', 'lost-2');
  await books.restore(2, copy);
  await bothSay(2);
  expect(await cameTo(pay('over', alice, bob))).toBe(DIVERGED);
  expect(await cameTo(pay('local-1', bob, ben))).toBe(DIVERGED);
  expect(await cameTo(pay('local-2', alice, amy))).toBe('POSTED');

  const plan = await repair(2, false);
  expect(listed(plan.lostArrived)).toEqual(lost);
  expect(plan.lostArrived.map(({ reason }) => reason)).toEqual([
    Reason.UNSPECIFIED,
    Reason.CREDIT_ACCOUNT_NOT_FOUND,
    Reason.UNSPECIFIED,
  ]);
  await repair(2, true);
  await allIsWell();
  expect([await balanceOf(bob), await balanceOf(ben)]).toEqual([5n + 5n + 5n - 5n, 7n]);
});

test.concurrent('numbers that were given twice: what arrived is booked, what did not is returned', async (context) => {
  const { expect } = context;
  const { books, api, alice, bob, ben, pay, cameTo, bothSay, repair, balanceOf, allIsWell } =
    await RestoredStory.begin(context);
  await pay('before', alice, bob);
  const copy = await books.copy(1);
  await expect.poll(() => cameTo(pay('lost-1', alice, bob, 1n))).toBe('POSTED');
  await pay('lost-2', alice, ben, 2n);
  await pay('lost-3', alice, bob + 100n, 4n);
  await pay('lost-4', alice, bob, 8n);
  await books.stopBook(2);
  await books.restore(1, copy);
  // The other book is down and cannot report that numbers are missing: they are given again.
  const blind = (key: string, to: bigint, amount: bigint) =>
    api.transfer({
      idempotencyKey: key,
      debitAccountId: alice,
      creditAccountId: to,
      amount,
      wait: Wait.POSTED,
    });
  const posted = async (key: string, to: bigint, amount: bigint) => {
    await expect.poll(() => cameTo(blind(key, to, amount))).toBe('IN_TRANSIT');
  };
  await posted('lost-2', ben, 2n);
  await posted('new-1', bob, 16n);
  await posted('lost-1', bob, 1n);
  await posted('new-2', bob, 32n);
  await posted('new-3', ben, 64n);
  await posted('lost-4', bob, 8n);
  books.startBook(2);
  await bothSay(1);
  expect((await api.whatBecameOf('new-1', alice)).transfer?.status).toBe(TransferStatus.IN_TRANSIT);
  await expect
    .poll(() =>
      repair(1, false).then(
        ({ undone }) => undone.length,
        () => 0,
      ),
    )
    .toBe(5);
  const plan = await repair(1, false);
  expect(plan.lostSent).toHaveLength(4);
  expect(plan.undone).toHaveLength(5);
  await repair(1, true);
  await allIsWell();
  const became = async (key: string) => {
    const { transfer } = await api.whatBecameOf(key, alice);
    return [nameOf(transfer?.status ?? TransferStatus.UNSPECIFIED), transfer?.reason];
  };
  expect(await became('lost-1')).toEqual(['POSTED', Reason.UNSPECIFIED]);
  expect(await became('lost-2')).toEqual(['POSTED', Reason.UNSPECIFIED]);
  expect(await became('lost-3')).toEqual(['RETURNED', Reason.CREDIT_ACCOUNT_NOT_FOUND]);
  expect(await became('lost-4')).toEqual(['POSTED', Reason.UNSPECIFIED]);
  expect(await became('new-1')).toEqual(['RETURNED', Reason.CHANNEL_DIVERGED]);
  expect(await became('new-2')).toEqual(['RETURNED', Reason.CHANNEL_DIVERGED]);
  expect(await became('new-3')).toEqual(['POSTED', Reason.UNSPECIFIED]);
  expect(await balanceOf(alice)).toBe(-5n - 1n - 2n - 8n - 64n);
  expect(await balanceOf(ben)).toBe(2n + 64n);
});

test.concurrent('both books are restored', async (context) => {
  const { expect } = context;
  const { books, alice, amy, bob, pay, cameTo, bothSay, repair, allIsWell } =
    await RestoredStory.begin(context);
  await pay('before', alice, bob);
  const first = await books.copy(1);
  await expect.poll(() => cameTo(pay('lost-1', alice, bob))).toBe('POSTED');
  await pay('lost-2', bob, alice, 3n);
  const second = await books.copy(2);
  await expect.poll(() => cameTo(pay('lost-3', alice, bob, 2n))).toBe('POSTED');
  await books.stopBook(1);
  await books.restore(2, second);
  await books.restore(1, first);
  // Neither book knows lost-3 any more; the second book has lost-1 and lost-2.
  await bothSay(1);
  expect(await cameTo(pay('local-1', alice, amy))).toBe(DIVERGED);
  const plan = await repair(1, false);
  expect([plan.lostSent.length, plan.lostArrived.length]).toEqual([1, 1]);
  await repair(1, true);
  await allIsWell();
  expect(await pay('lost-3', alice, bob, 2n)).toMatchObject({
    status: TransferStatus.POSTED,
    replayed: false,
  });
});

test.concurrent('two of three books are restored: each is repaired from both others', async (context) => {
  const { expect } = context;
  const { books, alice, amy, bob, ben, carl, pay, cameTo, divergedOf, repair, balanceOf } =
    await RestoredStory.begin(context, 3);
  await pay('before-1', alice, bob);
  await pay('before-2', carl, alice);
  const first = await books.copy(1);
  await expect.poll(() => cameTo(pay('lost-1', alice, carl, 1n))).toBe('POSTED');
  const third = await books.copy(3);
  await expect.poll(() => cameTo(pay('lost-2', carl, bob, 2n))).toBe('POSTED');
  expect(await cameTo(pay('lost-3', bob, carl, 4n))).toBe('POSTED');
  expect(await cameTo(pay('lost-4', alice, bob, 8n))).toBe('POSTED');
  // Neither book has a row of this one in the end.
  expect(await cameTo(pay('lost-5', carl, alice, 16n))).toBe('POSTED');
  await books.stopBook(1);
  await books.restore(3, third);
  await books.restore(1, first);
  const all = () => Promise.all([1, 2, 3].map(divergedOf));
  await expect.poll(all).toEqual([
    { 2: 1, 3: 1 },
    { 1: 1, 3: 3 },
    { 1: 1, 2: 3 },
  ]);
  expect(await cameTo(pay('local-1', alice, amy))).toBe(DIVERGED);
  expect(await cameTo(pay('local-3', bob, ben))).toBe('POSTED');
  // The third book has lost rows itself, and still returns what it has of the first.
  expect((await repair(1, false, 3)).lostSent.map(({ leg }) => leg?.amount)).toEqual([1n]);
  expect((await repair(1, true, 3)).repaired).toBe(true);
  expect(await cameTo(pay('local-1', alice, amy))).toBe(DIVERGED);
  expect((await repair(1, true, 2)).repaired).toBe(true);
  await expect.poll(() => cameTo(pay('local-1', alice, amy))).toBe('POSTED');
  await expect.poll(() => divergedOf(3)).toEqual({ 2: 3 });
  expect((await repair(3, true, 2)).repaired).toBe(true);
  await expect.poll(all).toEqual([{}, {}, {}]);
  for (const [from, to] of [
    [alice, bob],
    [bob, carl],
    [carl, alice],
  ] as const) {
    expect(await cameTo(pay(`again-${from}`, from, to))).toBe('POSTED');
  }
  expect(await pay('lost-4', alice, bob, 8n)).toMatchObject({ replayed: true });
  expect(await pay('lost-5', carl, alice, 16n)).toMatchObject({ replayed: false });
  expect(await balanceOf(alice)).toBe(-5n + 5n - 1n - 8n - 5n - 5n + 5n + 16n);
  expect(await balanceOf(carl)).toBe(-5n + 1n - 2n + 4n + 5n - 5n - 16n);
  const report = await runAudit({ urls: books.urls, onProgress: () => undefined });
  expect([report.violations, report.notes]).toEqual([[], []]);
});

test.concurrent('a copy that lags is promoted and leads in a newer epoch elsewhere', async (context) => {
  const { expect } = context;
  const { books, alice, amy, bob, ben, pay, cameTo, bothSay, repair, ids, balanceOf, allIsWell } =
    await RestoredStory.begin(context);
  await pay('before', alice, bob);
  const lagging = await books.copy(1);
  await expect.poll(() => cameTo(pay('lost-1', alice, bob))).toBe('POSTED');
  expect(await cameTo(pay('lost-2', bob, alice, 3n))).toBe('POSTED');
  const [lost] = await ids('lost-1');
  await books.promote(1, lagging);
  await bothSay(1);
  expect(await cameTo(pay('local-1', alice, amy))).toBe(DIVERGED);
  expect(await cameTo(pay('lost-1', alice, bob))).toBe(DIVERGED);
  expect(await cameTo(pay('local-2', bob, ben))).toBe('POSTED');
  expect(books.errors).toContain('CHANNEL_DIVERGED');

  const plan = await repair(1, false);
  expect(listed(plan.lostSent)).toEqual([lost]);
  expect(plan.lostArrived.map(({ leg }) => leg?.amount)).toEqual([3n]);
  expect((await repair(1, true)).repaired).toBe(true);
  await allIsWell();
  expect(await pay('lost-1', alice, bob)).toMatchObject({
    status: TransferStatus.POSTED,
    replayed: true,
  });
  // before, lost-1, lost-2; again-1 and again-2 are even.
  expect(await balanceOf(alice)).toBe(-5n - 5n + 3n);
});

test.concurrent('an empty database in place of a book', async (context) => {
  const { expect } = context;
  const { books, alice, amy, bob, ben, pay, cameTo, bothSay, repair, balanceOf, allIsWell } =
    await RestoredStory.begin(context);
  await pay('before', alice, bob);
  await pay('back', bob, amy, 2n);
  await books.restore(1);
  await bothSay(1);
  expect(await cameTo(pay('local-1', alice, amy))).toBe(DIVERGED);
  expect(await cameTo(pay('local-2', bob, ben))).toBe('POSTED');
  const plan = await repair(1, false);
  expect([plan.lostSent.length, plan.lostArrived.length]).toEqual([1, 1]);
  await repair(1, true);
  expect([await balanceOf(alice), await balanceOf(amy)]).toEqual([-5n, 2n]);
  await allIsWell();
});

test.concurrent('a database of another book is reported as such, until an older backup replaces it', async (context) => {
  const { expect } = context;
  const { books, alice, amy, bob, ben, pay, cameTo, lostBy, repair, balanceOf, allIsWell } =
    await RestoredStory.begin(context);
  const [first, second] = [await books.copy(1), await books.copy(2)];
  await expect.poll(() => cameTo(pay('own-1', alice, bob, 1n))).toBe('POSTED');
  expect(await cameTo(pay('own-2', bob, alice, 2n))).toBe('POSTED');
  const peer = await books.copy(2);
  // Another history of the same accounts, with as many legs each way.
  await books.restoreAll(
    new Map([
      [1, first],
      [2, second],
    ]),
  );
  await expect.poll(() => cameTo(pay('foreign-1', amy, ben, 9n))).toBe('POSTED');
  expect(await cameTo(pay('foreign-2', ben, amy, 9n))).toBe('POSTED');
  const foreign = await books.copy(1);
  await books.restoreAll(
    new Map([
      [1, foreign],
      [2, peer],
    ]),
  );
  // Neither can know which of them differs, so both post nothing.
  const lost = () => Promise.all([lostBy(1), lostBy(2)]);
  await expect.poll(lost).toEqual([1, 2]);
  expect(await cameTo(pay('local-1', alice, amy))).toBe(DIVERGED);
  expect(await cameTo(pay('local-2', bob, ben))).toBe(DIVERGED);
  const code = 'FAILED_PRECONDITION';
  for (const number of [1, 2]) {
    const refused = repair(number, true);
    await expect(refused).rejects.toMatchObject({ code, reason: 'FOREIGN_DATABASE' });
    await expect(refused).rejects.toThrow(
      /the legs through 1 that it has sent are not those that have arrived\. Nothing was changed\. Stop .* keep a dump .* Put a backup of the book in its place, .* Start all ledger servers and routers again, then run "meridian channel repair" for each book/u,
    );
  }
  expect(await lost()).toEqual([1, 2]);
  // What the refusal advises to do.
  await books.restoreAll(new Map([[1, first]]));
  await expect.poll(lost).toEqual([1, 2]);
  const { lostSent, lostArrived } = await repair(1, true);
  expect([lostSent.length, lostArrived.length]).toEqual([1, 1]);
  expect(await repair(2, true)).toMatchObject({ lostSent: [], undone: [], lostArrived: [] });
  await allIsWell();
  expect([await balanceOf(alice), await balanceOf(bob)]).toEqual([-1n + 2n, 1n - 2n]);
});

test.concurrent('an interrupted repair continues where it stopped', async (context) => {
  const { expect } = context;
  const {
    books,
    api,
    alice,
    bob,
    ben,
    pay,
    cameTo,
    channelOf,
    lostBy,
    bothSay,
    repair,
    balanceOf,
    allIsWell,
  } = await RestoredStory.begin(context);
  await pay('before', alice, bob);
  const copy = await books.copy(1);
  await expect.poll(() => cameTo(pay('lost-0', alice, bob, 1n))).toBe('POSTED');
  const keys = Array.from({ length: 1200 }, (_, index) => `many-${index}`);
  const fields = { debitAccountId: alice, creditAccountId: bob, amount: 1n };
  await api.transfers(keys.map((idempotencyKey) => ({ idempotencyKey, ...fields })));
  await books.restore(1, copy);
  await bothSay(1);
  const repairing = repair(1, true).catch((error: unknown) => error);
  await expect.poll(async () => Number((await channelOf(1))?.['sent'])).toBeGreaterThan(1);
  await books.stopBook(1);
  await repairing;
  books.startBook(1);
  await expect.poll(() => cameTo(pay('local-1', bob, ben))).toBe('POSTED');
  // It may just have ended; then nothing is left to repair.
  const isWhole = async () => {
    await repair(1, true).catch(() => undefined);
    return (await lostBy(1)) === null;
  };
  await expect.poll(isWhole).toBe(true);
  await allIsWell();
  expect(await balanceOf(bob)).toBe(5n + 1201n + 5n - 5n - 5n);
});

test.concurrent('accounts that were lost come back with the legs of any book', async (context) => {
  const { expect } = context;
  const story = await RestoredStory.begin(context, 3);
  const { books, api, alice, bob, carl, pay, cameTo, divergedOf, repair, balanceOf } = story;
  await pay('before-1', alice, bob);
  await pay('before-2', alice, carl);
  const copy = await books.copy(1);
  const anna = await api.account('anna');
  const adam = await api.account('adam', { asset: 'USD' });
  const abel = await api.account('abel');
  const dora = await api.account('dora', { homeRegion: 'us-east', asset: 'USD' });
  expect(await cameTo(pay('lost-1', anna, bob, 1n))).toBe('POSTED');
  expect(await cameTo(pay('lost-2', dora, adam, 2n))).toBe('POSTED');
  expect(await cameTo(pay('lost-3', abel, carl, 4n))).toBe('POSTED');
  await books.restore(1, copy);
  await expect.poll(() => divergedOf(1)).toEqual({ 2: 1, 3: 1 });
  // Of the two accounts below abel only another book knows what they were.
  await books.stopBook(2);
  await expect
    .poll(() => repair(1, true, 3).catch((error: unknown) => String(error)))
    .toContain('repair it when book 2 has a leader');
  books.startBook(2);
  await expect
    .poll(async () => (await repair(1, true, 3).catch(() => undefined))?.repaired)
    .toBe(true);
  expect((await repair(1, true, 2)).repaired).toBe(true);
  await expect.poll(() => cameTo(pay('again', abel, carl, 8n))).toBe('POSTED');
  expect(await Promise.all([anna, adam, abel].map(balanceOf))).toEqual([-1n, 2n, -12n]);
  const { violations } = await runAudit({ urls: books.urls, onProgress: () => undefined });
  expect(violations).toEqual([]);
});

test.concurrent('channels from before hashes catch up, and deliver meanwhile', async (context) => {
  const { expect } = context;
  const { books, alice, bob, pay, cameTo, hashed, allIsWell } = await RestoredStory.begin(context);
  await pay('before-1', alice, bob);
  await pay('before-2', bob, alice);
  for (const number of [1, 2]) {
    await books.stopBook(number);
    const sql = connect(books.url(number), 1);
    await sql`UPDATE channel SET settled_hashed = 0, settled_hash = decode(repeat('00', 32), 'hex'),
                                 applied_hashed = 0, applied_hash = decode(repeat('00', 32), 'hex')`;
    await sql.end();
  }
  books.startBook(1);
  books.startBook(2);
  await expect.poll(() => cameTo(pay('after', alice, bob))).toBe('POSTED');
  await expect.poll(() => hashed(1)).toEqual([2, 1]);
  await expect.poll(() => hashed(2)).toEqual([1, 2]);
  await allIsWell();
});
