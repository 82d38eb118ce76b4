import { expect, test } from 'vitest';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { type CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { SettleLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { type SimBook, simBooks } from '../../testing/books/sim-book.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { accountId } from '../account-id.ts';
import type * as command from './command.ts';
import { RowKind } from '../journal-row.ts';
import { TOTAL_MAX } from '../limits.ts';
import { derivedId, transferIdOf } from '../transfer-id.ts';

/** Accounts of the first book, by what is special about them. */
const POOR = accountId(1, 1);
const RICH = accountId(1, 2);
const FULL = accountId(1, 3);
const DOLLARS = accountId(1, 4);
const OPEN = accountId(1, 5);
const TRANSIT = accountId(1, 6);
const UNKNOWN = accountId(1, 99);
const NOWHERE = accountId(9, 1);
const AWAY = accountId(2, 1);

const none = { $case: 'noMinBalance', value: true } as const;

/** Two books; in the first one account of each kind, and a transit account. */
function twoBooks(): [SimBook, SimBook] {
  const [here, there] = simBooks(2);
  if (here === undefined || there === undefined) throw new Error('there are two books');
  here.open(openRequest({ externalId: 'poor', min: undefined }));
  here.open(openRequest({ externalId: 'rich', min: none }));
  here.open(openRequest({ externalId: 'full', max: { $case: 'maxBalance', value: 10n } }));
  here.open(openRequest({ externalId: 'dollars', asset: 'USD', min: undefined }));
  here.open(openRequest({ externalId: 'open' }));
  there.open(openRequest({ externalId: 'away', max: { $case: 'maxBalance', value: 100n } }));
  there.open(openRequest({ externalId: 'away dollars', asset: 'USD' }));
  posted(here, { debitAccountId: RICH, creditAccountId: AWAY, amount: 1n });
  there.flush();
  return [here, there];
}

let keys = 0;

function posted(book: SimBook, fields: Partial<CreateTransferRequest>): command.TransferOutcome {
  keys += 1;
  const request = transferRequest({ idempotencyKey: `key-${keys}`, ...fields });
  const id = transferIdOf(request.namespace, request.idempotencyKey);
  const pending = book.transfer(id, request);
  book.flush();
  if (pending.outcome === undefined) throw new Error('a posted transfer has an outcome');
  return pending.outcome;
}

const MAX = 2n ** 63n - 1n;

test.each<[string, Partial<CreateTransferRequest>, keyof typeof Reason]>([
  ['posted', { debitAccountId: RICH, creditAccountId: OPEN }, 'UNSPECIFIED'],
  [
    'an unknown payer',
    { debitAccountId: UNKNOWN, creditAccountId: OPEN },
    'DEBIT_ACCOUNT_NOT_FOUND',
  ],
  ['a transit account as payer', { debitAccountId: TRANSIT }, 'DEBIT_ACCOUNT_NOT_FOUND'],
  [
    'an unknown payer before everything',
    { debitAccountId: UNKNOWN, creditAccountId: NOWHERE, asset: 'USD', amount: MAX },
    'DEBIT_ACCOUNT_NOT_FOUND',
  ],
  [
    'an unknown payer before the far book is asked',
    { debitAccountId: UNKNOWN, creditAccountId: AWAY, amount: MAX },
    'DEBIT_ACCOUNT_NOT_FOUND',
  ],
  [
    'an unknown payee',
    { debitAccountId: RICH, creditAccountId: UNKNOWN },
    'CREDIT_ACCOUNT_NOT_FOUND',
  ],
  [
    'a transit payee',
    { debitAccountId: RICH, creditAccountId: TRANSIT },
    'CREDIT_ACCOUNT_NOT_FOUND',
  ],
  ['no such book', { debitAccountId: RICH, creditAccountId: NOWHERE }, 'CREDIT_ACCOUNT_NOT_FOUND'],
  [
    'an unknown payee before asset, overflow and funds',
    { debitAccountId: POOR, creditAccountId: UNKNOWN, asset: 'USD', amount: MAX },
    'CREDIT_ACCOUNT_NOT_FOUND',
  ],
  ['accounts of two assets', { debitAccountId: RICH, creditAccountId: DOLLARS }, 'ASSET_MISMATCH'],
  [
    'an asset that neither holds',
    { debitAccountId: RICH, creditAccountId: OPEN, asset: 'USD' },
    'ASSET_MISMATCH',
  ],
  [
    'an asset that the payer of a far payee does not hold',
    { debitAccountId: RICH, creditAccountId: AWAY, asset: 'USD' },
    'ASSET_MISMATCH',
  ],
  [
    'the asset before overflow and funds',
    { debitAccountId: DOLLARS, creditAccountId: FULL, amount: MAX },
    'ASSET_MISMATCH',
  ],
  [
    'more than any account holds',
    { debitAccountId: RICH, creditAccountId: OPEN, amount: TOTAL_MAX + 1n },
    'OVERFLOW',
  ],
  [
    'overflow on the way to a far payee',
    { debitAccountId: RICH, creditAccountId: AWAY, amount: MAX },
    'OVERFLOW',
  ],
  [
    'overflow before funds and the upper limit',
    { debitAccountId: POOR, creditAccountId: FULL, amount: MAX },
    'OVERFLOW',
  ],
  ['too little money', { debitAccountId: POOR, creditAccountId: OPEN }, 'INSUFFICIENT_FUNDS'],
  [
    'too little for far away',
    { debitAccountId: POOR, creditAccountId: AWAY },
    'INSUFFICIENT_FUNDS',
  ],
  [
    'funds before the upper limit',
    { debitAccountId: POOR, creditAccountId: FULL, amount: 11n },
    'INSUFFICIENT_FUNDS',
  ],
  [
    'above the upper limit',
    { debitAccountId: RICH, creditAccountId: FULL, amount: 11n },
    'MAX_BALANCE_EXCEEDED',
  ],
  [
    'exactly the upper limit',
    { debitAccountId: RICH, creditAccountId: FULL, amount: 10n },
    'UNSPECIFIED',
  ],
  [
    'all that an account can hold',
    { debitAccountId: RICH, creditAccountId: OPEN, amount: TOTAL_MAX - 1n },
    'UNSPECIFIED',
  ],
])('the reason of a transfer: %s', (_, fields, reason) => {
  const [here] = twoBooks();
  const before = here.rows.length;
  const outcome = posted(here, fields);
  expect(outcome.reason).toBe(Reason[reason]);
  expect(here.rows.slice(before)).toHaveLength(1);
  const row = here.rows.at(-1);
  expect(row).toMatchObject({ seq: outcome.seq, kind: RowKind.transfer, reason: outcome.reason });
  expect(row?.entries === null).toBe(outcome.reason !== Reason.UNSPECIFIED);
});

function settled(book: SimBook, legs: readonly Partial<SettleLeg>[], firstNumber = 1) {
  const pending = book.add<command.SettleOutcome>({
    kind: 'settle',
    originBook: 1,
    firstNumber,
    legs: legs.map((leg, index) => ({
      transferId: transferIdOf('', `leg ${firstNumber + index}`),
      debitAccountId: RICH,
      creditAccountId: AWAY,
      amount: 1n,
      asset: 'EUR',
      code: 0,
      reference: '',
      metadata: {},
      reversalOf: '',
      ...leg,
    })),
  });
  book.flush();
  return pending.outcome;
}

test('the far book refuses legs for its own reasons, in the order of the proto', () => {
  const [, there] = twoBooks();
  const unknown = accountId(2, 77);
  const outcome = settled(there, [
    { creditAccountId: unknown, asset: 'USD', amount: MAX },
    { asset: 'USD', amount: MAX },
    { amount: MAX },
    { amount: 101n },
    { amount: 100n },
    { creditAccountId: accountId(2, 3) },
  ]);
  expect(outcome).toEqual({
    kind: 'settle',
    inOrder: true,
    agrees: true,
    appliedThrough: 6,
    refusals: [
      { number: 1, reason: Reason.CREDIT_ACCOUNT_NOT_FOUND },
      { number: 2, reason: Reason.ASSET_MISMATCH },
      { number: 3, reason: Reason.OVERFLOW },
      { number: 4, reason: Reason.MAX_BALANCE_EXCEEDED },
      { number: 6, reason: Reason.CREDIT_ACCOUNT_NOT_FOUND },
    ],
  });
  expect(there.stored.get(AWAY)?.credits).toBe(100n);
});

test('a leg that its transit account could not count any more is refused', () => {
  const [, there] = twoBooks();
  there.open(openRequest({ externalId: 'first' }));
  there.open(openRequest({ externalId: 'second' }));
  there.flush();
  const [first, second] = [...there.stored.keys()].slice(-2);
  const outcome = settled(there, [
    { creditAccountId: first ?? 0n, amount: TOTAL_MAX },
    { creditAccountId: second ?? 0n, amount: 1n },
  ]);
  expect(outcome?.refusals).toEqual([{ number: 2, reason: Reason.OVERFLOW }]);
});

test('legs that leave a gap, or come again, change nothing', () => {
  const [, there] = twoBooks();
  settled(there, [{}, {}]);
  const rows = there.rows.length;
  for (const first of [1, 2, 4, 5]) {
    expect(settled(there, [{}], first)).toMatchObject({ inOrder: false, appliedThrough: 2 });
  }
  expect(there.rows).toHaveLength(rows);
  expect(settled(there, [{}], 3)).toMatchObject({ inOrder: true, appliedThrough: 3 });
});

test('a return goes back once, whatever the payer is limited to', () => {
  const [here] = twoBooks();
  const { stored } = here;
  posted(here, { debitAccountId: RICH, creditAccountId: FULL, amount: 10n });
  posted(here, { debitAccountId: FULL, creditAccountId: AWAY, amount: 10n });
  posted(here, { debitAccountId: RICH, creditAccountId: FULL, amount: 10n });
  const leg = {
    transferId: here.rows.at(-2)?.id ?? '',
    debitAccountId: FULL,
    creditAccountId: AWAY,
    amount: 10n,
    asset: 'EUR',
    code: 0,
    reference: '',
    metadata: {},
    reversalOf: '',
  };
  const refused = [{ number: 2, reason: Reason.MAX_BALANCE_EXCEEDED, leg, capture: null }];
  for (let times = 0; times < 3; times += 1) {
    here.add({ kind: 'close', peerBook: 2, through: 2, refused, finals: [] });
    here.flush();
    const { debits, credits } = stored.get(FULL) ?? { debits: 0n, credits: 0n };
    expect([debits, credits]).toEqual([10n, 30n]);
  }
  expect(here.rows.at(-1)).toMatchObject({
    kind: RowKind.return,
    id: derivedId('return', leg.transferId),
    reason: Reason.MAX_BALANCE_EXCEEDED,
    originId: leg.transferId,
  });
  expect(here.channel(2)).toMatchObject({ sent: 2, settled: 2, applied: 0 });
});

test('to close a leg that was never sent is a broken invariant', () => {
  const [here] = twoBooks();
  here.add({ kind: 'close', peerBook: 2, through: 2, refused: [], finals: [] });
  expect(() => here.flush()).toThrow(/before it was sent/u);
});

// A key belongs to the book of its payer, so two books may each decide the same key. What the
// payee's book writes for the two must not collide in its journal.
test('two books may send a third one legs of the same key', () => {
  const [first, second, third] = simBooks(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error('3');
  third.open(openRequest());
  const creditAccountId = accountId(3, 1);
  for (const payer of [first, second]) {
    payer.open(openRequest());
    const debitAccountId = accountId(payer.number, 1);
    posted(payer, { idempotencyKey: 'the same key', debitAccountId, creditAccountId });
    const transferId = transferIdOf('', 'the same key');
    const leg = { transferId, debitAccountId, creditAccountId, amount: 1n, asset: 'EUR' };
    third.add({
      kind: 'settle',
      originBook: payer.number,
      firstNumber: 1,
      legs: [{ ...leg, code: 0, reference: '', metadata: {}, reversalOf: '' }],
    });
  }
  third.flush();
  const ids = third.rows.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

// Whichever payee is named, the row must be one that the journal takes: its two accounts
// differ. Else the batch is refused permanently, and the channel with it.
test('a leg to the very transit account that it arrives in is refused by a sound row', () => {
  const [, there] = twoBooks();
  settled(there, [{}]);
  const transit = there.rows.at(-1)?.debitAccount ?? 0n;
  expect(settled(there, [{ creditAccountId: transit }], 2)).toMatchObject({
    refusals: [{ number: 2, reason: Reason.CREDIT_ACCOUNT_NOT_FOUND }],
  });
  const row = there.rows.at(-1);
  expect(row?.entries).toBeNull();
});

test('post changes nothing of the state that it is given', () => {
  const [here] = twoBooks();
  const before = structuredClone([...here.stored, ...here.channels]);
  here.transfer(
    transferIdOf('', 'x'),
    transferRequest({ debitAccountId: RICH, creditAccountId: AWAY }),
  );
  const snapshot = [...here.stored, ...here.channels];
  expect(snapshot).toEqual(before);
  const objects = new Map(here.stored);
  here.flush();
  for (const [id, account] of objects) {
    expect([id, account]).toEqual(before.find(([other]) => other === id));
  }
});
