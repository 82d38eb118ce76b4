import type { CreateTransferRequest } from '../../../../proto/gen/meridian/v1/transfer.ts';
import { Freeze } from '../../../../proto/gen/meridian/v1/account.ts';
import { Leg } from '../../../../proto/gen/meridian/v1/movement.ts';
import { eventRead } from './event-read.ts';
import { Story } from './story.ts';

const ZERO = { $case: 'minBalance', value: 0n } as const;

/** The accounts of the run below. */
export interface GoodRun {
  readonly story: Story;
  readonly bank: bigint;
  readonly alice: bigint;
  readonly shop: bigint;
  readonly bob: bigint;
  readonly capped: bigint;
}

/** A run in which every kind of event happens once, and nothing goes wrong. */
export function goodRun(): GoodRun {
  const story = new Story();
  story.phase('load');
  const bank = story.open(1, 'bank');
  const alice = story.open(1, 'alice', { min: ZERO });
  const shop = story.open(1, 'shop', { max: { $case: 'maxBalance', value: 1_000n } });
  const bob = story.open(2, 'bob', { min: ZERO });
  const capped = story.open(2, 'capped', { max: { $case: 'maxBalance', value: 50n } });
  const run = { story, bank, alice, shop, bob, capped };
  plain(run);
  holds(run);
  across(run);
  reads(run);
  faults(run);
  return run;
}

const pay = (debitAccountId: bigint, creditAccountId: bigint, amount: bigint) => ({
  debitAccountId,
  creditAccountId,
  amount,
});

const leg = (debitAccountId: bigint, creditAccountId: bigint, amount: bigint) =>
  Leg.fromPartial({ debitAccountId, creditAccountId, amount });

const group = (legs: Leg[]): Partial<CreateTransferRequest> => ({
  debitAccountId: 0n,
  creditAccountId: 0n,
  amount: 0n,
  action: { $case: 'group', value: { legs } },
});

const hold = (timeoutSeconds: number) =>
  ({ action: { $case: 'hold', value: { timeoutSeconds } } }) as const;

function plain({ story, bank, alice, shop }: GoodRun): void {
  story.transfer('salary', pay(bank, alice, 1_000n));
  story.transfer('bread', pay(alice, shop, 10n));
  story.transfer('bread', pay(alice, shop, 10n), { process: 2, router: 'us-east' });
  story.transfer('yacht', pay(alice, shop, 5_000n));
  story.transfer('villa', pay(bank, shop, 5_000n));
  const startedNs = story.ns;
  story.transfer('unheard', pay(alice, shop, 3n), { lost: true, process: 3 });
  const cut = { what: 'N9 replies lost', targets: ['eu-west'], harms: [{ router: 'eu-west' }] };
  story.faults.push({ ...cut, startedNs, endedNs: story.ns });
  story.failed('turned away', pay(alice, shop, 4n), { code: 'RESOURCE_EXHAUSTED', message: '' });
  story.transfer('basket', group([leg(alice, shop, 5n), leg(alice, bank, 1n)]));
  story.transfer('too much', group([leg(alice, bank, 900n), leg(alice, shop, 900n)]));
  story.change('frozen', shop, { $case: 'freeze', value: Freeze.IN });
  story.transfer('while frozen', pay(alice, shop, 1n));
  story.change('thawed', shop, { $case: 'freeze', value: Freeze.NONE });
}

function holds({ story, alice, shop, bank }: GoodRun): void {
  const capture = (holdId: string, final: boolean, amount: bigint) =>
    ({
      debitAccountId: alice,
      creditAccountId: 0n,
      amount,
      action: { $case: 'capture', value: { holdId, final } },
    }) as const;
  const hotel = story.transfer('hotel', { ...pay(alice, shop, 100n), ...hold(60) });
  story.transfer('night', capture(hotel, false, 40n));
  story.transfer('check-out', capture(hotel, true, 20n));
  story.transfer('too late', capture(hotel, true, 1n));
  const table = story.transfer('table', { ...pay(alice, shop, 30n), ...hold(0) });
  story.transfer('no dinner', {
    debitAccountId: alice,
    creditAccountId: 0n,
    amount: 0n,
    action: { $case: 'release', value: { holdId: table } },
  });
  const forgotten = story.transfer('forgotten', { ...pay(alice, shop, 25n), ...hold(2) });
  story.pass(3_000);
  story.transfer('forgotten too long', capture(forgotten, true, 25n));
  story.sweep(1, forgotten);
  const coat = story.transfer('coat', pay(alice, shop, 80n));
  story.transfer('coat back', {
    ...pay(shop, alice, 30n),
    action: { $case: 'reversal', value: { transferId: coat } },
  });
  story.transfer('more', pay(bank, alice, 100n));
}

function across({ story, alice, bob, bank, capped }: GoodRun): void {
  story.transfer('gift', pay(alice, bob, 70n), { settled: true });
  story.transfer('refused', pay(bank, capped, 60n), { settled: true });
  story.transfer('on its way', pay(alice, bob, 7n));
  story.balances([1, 2], 'linearizable');
  story.balances([1, 2], 'auditor');
  story.settle(1, 2);
  story.transfer('back', pay(bob, alice, 5n), { settled: true });
}

function reads({ story, alice }: GoodRun): void {
  story.balances([1], 'leader');
  story.balances([1], 'stale');
  story.statement(alice);
  const book = story.book(1);
  const events = book.rows.map(eventRead);
  story.record('page', { book: 1, account: '', after: 0 }, { events: events.slice(0, 10) });
  story.record('page', { book: 1, account: '', after: 10 }, { events: events.slice(10) });
  const basket = book.rows.find(({ key }) => key === 'basket')?.id ?? '';
  const { position, legs, ...answer } = story.answer(book, basket, true);
  const found = { ...answer, position, legs, actualAmount: '0' };
  const value = { book: 1, transferId: basket, level: 'leader', minPosition: null };
  const now = { book: 1, epoch: 1, seq: book.seq };
  story.record('look_up', value, { position: now, found });
}

function faults({ story, alice, bank, bob }: GoodRun): void {
  const startedNs = story.ns;
  story.phase('faults');
  story.pass(10);
  story.failed(
    'cut off',
    pay(alice, bank, 1n),
    { code: 'UNAVAILABLE', message: 'no leader' },
    { process: 4, router: 'us-east', tookMs: 2_000 },
  );
  story.takeOver(1);
  story.takeOver(2);
  story.faults.push({
    what: 'N6 partition',
    targets: ['us-east'],
    harms: [{ router: 'us-east' }],
    startedNs,
    endedNs: story.ns,
  });
  story.phase('heal');
  story.pass(1_000);
  story.transfer('unheard', { ...pay(alice, bank, 3n), creditAccountId: shopOf(story) });
  story.transfer('after', pay(alice, bank, 2n));
  story.transfer('boat', pay(alice, bank, 5_000n));
  story.transfer('there too', pay(bob, alice, 2n), { settled: true });
  const third = story.open(3, 'carol');
  const dave = story.open(3, 'dave');
  story.transfer('third', pay(third, dave, 9n));
  story.pass(10_000);
  story.phase('final_reads');
  story.phase('end');
}

function shopOf(story: Story): bigint {
  return story.book(1).accounts.find(({ externalId }) => externalId === 'shop')?.id ?? 0n;
}
