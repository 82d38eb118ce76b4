import type { SettleLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { legId, transferIdOf } from '../../core/transfer-id.ts';
import { WritingBook, type Written } from './written-book.ts';

/** Two books with one of everything that a ledger does besides plain transfers. */
export function completeBooks(): readonly [Written, Written] {
  const books = { near: new WritingBook(1), far: new WritingBook(2) };
  const accounts = openAccounts(books);
  holdMoney(books.near, accounts);
  moveInGroups(books.near, accounts);
  reverse(books.near, accounts);
  changeAccounts(books.near, accounts);
  exchange(books, accounts);
  return [books.near.written(), books.far.written()];
}

interface Books {
  readonly near: WritingBook;
  readonly far: WritingBook;
}

interface Accounts {
  readonly bank: bigint;
  readonly alice: bigint;
  readonly shop: bigint;
  readonly pocket: bigint;
  readonly bob: bigint;
}

const ZERO = { $case: 'minBalance', value: 0n } as const;

function openAccounts({ near, far }: Books): Accounts {
  near.register('GOLD', 3);
  near.open('mint', { asset: 'GOLD/3' });
  const accounts = {
    bank: near.open('bank'),
    alice: near.open('alice', { min: ZERO }),
    shop: near.open('shop', { max: { $case: 'maxBalance', value: 1_000n } }),
    pocket: near.open('pocket', { min: ZERO }),
    bob: far.open('bob', { min: ZERO }),
  };
  const { bank: debitAccountId, alice, pocket } = accounts;
  near.transfer('salary', { debitAccountId, creditAccountId: alice, amount: 1_000n });
  near.transfer('coins', { debitAccountId, creditAccountId: pocket, amount: 7n });
  return accounts;
}

const hold = (timeoutSeconds: number) =>
  ({ action: { $case: 'hold', value: { timeoutSeconds } } }) as const;
const capture = (holdId: string, final = false) =>
  ({ creditAccountId: 0n, action: { $case: 'capture', value: { holdId, final } } }) as const;
const release = (holdId: string) =>
  ({ creditAccountId: 0n, amount: 0n, action: { $case: 'release', value: { holdId } } }) as const;
const reversal = (transferId: string) =>
  ({ action: { $case: 'reversal', value: { transferId } } }) as const;

function holdMoney(near: WritingBook, { alice, shop, bob }: Accounts): void {
  const from = { debitAccountId: alice };
  const toShop = { ...from, creditAccountId: shop };
  const hotel = near.transfer('hotel', { ...toShop, amount: 300n, ...hold(60) });
  near.transfer('first night', { ...from, amount: 100n, ...capture(hotel) });
  near.transfer('check-out', { ...from, amount: 150n, ...capture(hotel, true) });
  const deposit = near.transfer('deposit', { ...toShop, amount: 40n, ...hold(0) });
  near.transfer('deposit back', { ...from, ...release(deposit) });
  const table = near.transfer('table', { ...toShop, amount: 30n, ...hold(0) });
  near.transfer('dinner', { ...from, amount: 0n, ...capture(table) });
  const forgotten = near.transfer('forgotten', { ...toShop, amount: 25n, ...hold(10) });
  near.wait(10);
  near.sweep(forgotten);
  const trip = near.transfer('trip', { ...from, creditAccountId: bob, amount: 15n, ...hold(60) });
  near.transfer('no trip', { ...from, ...release(trip) });
  near.transfer('still open', { ...toShop, amount: 20n, ...hold(3_600) });
}

function moveInGroups(near: WritingBook, { alice, shop, bob }: Accounts): void {
  const leg = (reference: string, creditAccountId: bigint, amount: bigint) =>
    Leg.fromPartial({ debitAccountId: alice, creditAccountId, amount, reference });
  const group = (key: string, legs: Leg[]) =>
    near.transfer(key, {
      debitAccountId: 0n,
      creditAccountId: 0n,
      amount: 0n,
      action: { $case: 'group', value: { legs } },
    });
  group('basket', [leg('bread', shop, 10n), leg('fee', bob, 5n), leg('milk', shop, 2n)]);
  group('too much', [leg('pen', shop, 1n), leg('yacht', shop, 100_000n), leg('ink', shop, 2n)]);
}

function reverse(near: WritingBook, { alice, shop, bank, pocket }: Accounts): void {
  const coat = near.transfer('coat', {
    debitAccountId: alice,
    creditAccountId: shop,
    amount: 80n,
    conditions: { allOf: [{ accountId: alice, test: { $case: 'balanceAtLeast', value: 80n } }] },
  });
  const back = { debitAccountId: shop, creditAccountId: alice, ...reversal(coat) };
  near.transfer('button missing', { ...back, amount: 30n });
  near.transfer('sent back', { ...back, amount: 0n });
  near.transfer('all coins', {
    debitAccountId: pocket,
    creditAccountId: bank,
    amount: 100n,
    upTo: UpTo.DEBIT_AVAILABLE,
  });
}

function changeAccounts(near: WritingBook, { pocket, bank }: Accounts): void {
  near.change('credit line', pocket, {
    $case: 'limits',
    value: { minBalance: -5n, maxBalance: 50n },
  });
  near.change('lost card', pocket, { $case: 'freeze', value: Freeze.BOTH });
  near.transfer('while frozen', { debitAccountId: bank, creditAccountId: pocket, amount: 1n });
  near.change('gone', pocket, { $case: 'close', value: {} });
  near.change('back again', pocket, { $case: 'reopen', value: {} });
  near.change('a note', pocket, { $case: 'metadata', value: { metadata: { colour: 'red' } } });
}

/** Captures, groups and reversals that cross from one book to the other. */
function exchange({ near, far }: Books, { alice, bob }: Accounts): void {
  const toBob = { debitAccountId: alice, creditAccountId: bob };
  const flight = near.transfer('flight', { ...toBob, amount: 60n, ...hold(60) });
  const paid = near.transfer('boarding', {
    debitAccountId: alice,
    amount: 45n,
    ...capture(flight, true),
  });
  const gift = near.transfer('gift', { ...toBob, amount: 40n });
  const fee = legId(transferIdOf('', 'basket'), 1);
  const leg = (transferId: string, amount: bigint, reference: string): SettleLeg => {
    const others = { asset: 'EUR', code: 0, metadata: {}, reversalOf: '' };
    return { transferId, amount, reference, ...toBob, ...others };
  };
  const legs = [leg(fee, 5n, 'fee'), leg(paid, 45n, 'boarding'), leg(gift, 40n, 'gift')];
  far.post({ kind: 'settle', originBook: 1, firstNumber: 1, legs });
  const finals = [{ number: 2, transferId: paid, holdId: flight }];
  near.post({ kind: 'close', peerBook: 2, through: 3, refused: [], finals });

  const toAlice = { debitAccountId: bob, creditAccountId: alice };
  const giveBack = (key: string, amount: bigint): SettleLeg => {
    const transferId = far.transfer(key, { ...toAlice, amount, ...reversal(gift) });
    return { ...leg(transferId, amount, key), ...toAlice, reversalOf: gift };
  };
  const applied = giveBack('wrong size', 15n);
  near.post({ kind: 'settle', originBook: 2, firstNumber: 1, legs: [applied] });
  const refused = giveBack('wrong colour', 5n);
  near.change('no more gifts', alice, { $case: 'freeze', value: Freeze.IN });
  near.post({ kind: 'settle', originBook: 2, firstNumber: 2, legs: [refused] });
  near.change('gifts again', alice, { $case: 'freeze', value: Freeze.NONE });
  const reason = Reason.CREDIT_ACCOUNT_FROZEN;
  const returned = [{ number: 2, reason, leg: refused, capture: null }];
  far.post({ kind: 'close', peerBook: 1, through: 2, refused: returned, finals: [] });
  giveBack('wrong taste', 25n);
}
