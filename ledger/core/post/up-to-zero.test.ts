import { expect, test } from 'vitest';
import { Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { type SimBook, simBooks } from '../../testing/books/sim-book.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { accountId } from '../account-id.ts';
import { must } from '../assert.ts';
import { transferIdOf } from '../transfer-id.ts';
import { validateTransfer } from '../validate/validate-transfer.ts';

const BANK = accountId(1, 1);
const A = accountId(1, 2);
const B = accountId(1, 3);
const SHOP = accountId(1, 4);
const AWAY = accountId(2, 1);

/** A bank, two payers who may not overdraw, with some funds, and a shop. */
function payers(fundsOfA: bigint, fundsOfB: bigint): SimBook {
  const [book] = simBooks(2);
  if (book === undefined) throw new Error('there is a book');
  book.open(openRequest({ externalId: 'bank' }));
  for (const externalId of ['a', 'b']) book.open(openRequest({ externalId, min: undefined }));
  book.open(openRequest({ externalId: 'shop' }));
  for (const [creditAccountId, amount] of [
    [A, fundsOfA],
    [B, fundsOfB],
  ] as const) {
    if (amount > 0n)
      ask(book, `funds of ${creditAccountId}`, { debitAccountId: BANK, creditAccountId, amount });
  }
  book.flush();
  return book;
}

function ask(book: SimBook, idempotencyKey: string, fields: Parameters<typeof transferRequest>[0]) {
  const request = transferRequest({ idempotencyKey, ...fields });
  expect(validateTransfer(request)).toEqual([]);
  const pending = book.transfer(transferIdOf('', idempotencyKey), request);
  book.flush();
  return must(pending.outcome, 'it is decided');
}

function group(book: SimBook, legs: Parameters<typeof Leg.fromPartial>[0][]) {
  const value = { legs: legs.map((leg) => Leg.fromPartial(leg)) };
  const none = { debitAccountId: 0n, creditAccountId: 0n, amount: 0n };
  return ask(book, 'group', { ...none, action: { $case: 'group', value } });
}

const balance = (book: SimBook, id: bigint) => {
  const { debits, credits } = must(book.stored.get(id), 'it is stored');
  return credits - debits;
};

const FROM_A = { debitAccountId: A, amount: 15n, upTo: UpTo.DEBIT_AVAILABLE, allowZero: true };

// The recipe of movement.proto: "15 from A as far as it goes, the rest from B".
test.each([
  [0n, 20n, 0n, 15n],
  [5n, 20n, 5n, 10n],
  [15n, 0n, 15n, 0n],
  [40n, 0n, 15n, 0n],
])('of 15, A with %s and B with %s pay %s and %s', (ofA, ofB, fromA, fromB) => {
  for (const payee of [SHOP, AWAY]) {
    const book = payers(ofA, ofB);
    const { reason, details } = group(book, [
      { ...FROM_A, creditAccountId: payee },
      { debitAccountId: B, creditAccountId: payee, amount: 15n, rest: true },
    ]);
    expect(reason).toBe(Reason.UNSPECIFIED);
    const legs = details?.legs?.map(({ outcome }) => outcome.details?.actualAmount);
    expect(legs).toEqual([fromA, fromB]);
    expect([balance(book, A), balance(book, B)]).toEqual([ofA - fromA, ofB - fromB]);
    // What moves nothing does not travel.
    const sent = [fromA, fromB].filter((amount) => amount > 0n).length;
    expect(book.channel(2).sent).toBe(payee === AWAY ? sent : 0);
  }
});

test('the rest that B cannot pay fails the group', () => {
  const book = payers(5n, 9n);
  const { reason } = group(book, [
    { ...FROM_A, creditAccountId: SHOP },
    { debitAccountId: B, creditAccountId: SHOP, amount: 15n, rest: true },
  ]);
  expect(reason).toBe(Reason.INSUFFICIENT_FUNDS);
  expect([balance(book, A), balance(book, B)]).toEqual([5n, 9n]);
});

test('a run of legs ends where a leg has an amount of its own', () => {
  const book = payers(5n, 7n);
  const { details } = group(book, [
    { ...FROM_A, creditAccountId: SHOP },
    { ...FROM_A, debitAccountId: B, creditAccountId: SHOP, rest: true },
    { debitAccountId: BANK, creditAccountId: SHOP, amount: 15n, rest: true },
    { debitAccountId: BANK, creditAccountId: SHOP, amount: 1n },
    { debitAccountId: BANK, creditAccountId: SHOP, amount: 4n, rest: true },
  ]);
  const legs = details?.legs?.map(({ outcome }) => outcome.details?.actualAmount);
  expect(legs).toEqual([5n, 7n, 3n, undefined, 3n]);
  expect(balance(book, SHOP)).toBe(19n);
});

test('outside of a group it is applied without entries; without allow_zero it is rejected', () => {
  const book = payers(0n, 0n);
  const hold = { $case: 'hold', value: { timeoutSeconds: 5 } } as const;
  for (const [key, fields] of [
    ['here', { creditAccountId: SHOP }],
    ['away', { creditAccountId: AWAY }],
    ['hold', { creditAccountId: SHOP, action: hold }],
    ['hold away', { creditAccountId: AWAY, action: hold }],
  ] as const) {
    expect(ask(book, key, { ...FROM_A, ...fields })).toMatchObject({
      reason: Reason.UNSPECIFIED,
      channel: null,
      details: { actualAmount: 0n, expiresAtMicros: null },
    });
    expect(book.rows.at(-1)).toMatchObject({ amount: null, entries: null, peer: null });
    const strict = { ...FROM_A, ...fields, allowZero: false };
    expect(ask(book, `${key} strict`, strict).reason).toBe(Reason.NOTHING_AVAILABLE);
  }
  const capture = {
    $case: 'capture',
    value: { holdId: transferIdOf('', 'hold'), final: false },
  } as const;
  const drawn = ask(book, 'c', {
    debitAccountId: A,
    creditAccountId: 0n,
    amount: 0n,
    action: capture,
  });
  expect(drawn.reason).toBe(Reason.HOLD_CAPTURED);
});

test.each([
  ['in the first leg', [{ rest: true }], 'group.legs[0].rest'],
  [
    'with other accounts',
    [{}, { rest: true, debitAccountId: B, creditAccountId: BANK }],
    'group.legs[1].rest',
  ],
  ['without up_to', [{ allowZero: true }], 'group.legs[0].allow_zero'],
])('rest or allow_zero %s is malformed', (_, legs, field) => {
  const leg = { debitAccountId: A, creditAccountId: SHOP, amount: 1n };
  const value = { legs: legs.map((fields) => Leg.fromPartial({ ...leg, ...fields })) };
  const none = { debitAccountId: 0n, creditAccountId: 0n, amount: 0n };
  const request = transferRequest({ ...none, action: { $case: 'group', value } });
  expect(validateTransfer(request).map((found) => found.field)).toEqual([field]);
});
