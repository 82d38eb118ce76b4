import * as fc from 'fast-check';
import { accountId, bookOf } from '../../ledger/core/account-id.ts';
import { UpTo } from '../../proto/gen/meridian/v1/movement.ts';
import { CreateTransferRequest, Wait } from '../../proto/gen/meridian/v1/transfer.ts';

/** Arbitrary valid requests. */

const account = fc
  .tuple(fc.constantFrom(1, 2, 300, 32_767), fc.integer({ min: 1, max: 2 ** 48 - 1 }))
  .map(([book, number]) => accountId(book, number));
const pair = fc
  .tuple(account, account)
  .filter(([debit, credit]) => debit !== credit)
  .map(([debitAccountId, creditAccountId]) => ({ debitAccountId, creditAccountId }));
const amount = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
const asciiText = (minLength: number, maxLength: number) =>
  fc.string({
    unit: fc.constantFrom('\u0001', ' ', 'a', 'Z', '~', '\u007f'),
    minLength,
    maxLength,
  });
/** Of up to `lengthMax` UTF-16 units. */
const text = (minLength: number, lengthMax: number) => {
  const unit = fc.constantFrom('a', 'é', '€', '\ufeff', '\u{1f600}');
  const wide = fc.string({ unit, minLength, maxLength: lengthMax / 2 });
  return fc.oneof(asciiText(minLength, lengthMax), wide);
};
const wait = fc.constantFrom(Wait.UNSPECIFIED, Wait.SETTLED, Wait.POSTED);
const named = fc.record({ idempotencyKey: text(1, 128), wait });

/** As most transfers are: a key in ASCII, two accounts, an amount and perhaps `wait`. */
export const plainTransfer = fc
  .tuple(fc.record({ idempotencyKey: asciiText(1, 128), wait }), pair, amount)
  .map(([names, accounts, value]) =>
    CreateTransferRequest.fromPartial({ ...names, ...accounts, amount: value }),
  );

/** Any key or none. */
const optional = <T extends object>(fields: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 1, arbitrary: fields }, { weight: 2, arbitrary: fc.constant({}) });

const description = optional(
  fc.record({
    code: fc.constantFrom(0, 1, 127, 128, 2 ** 31 - 1),
    reference: text(0, 128),
    metadata: fc.dictionary(text(1, 64), text(0, 256), { maxKeys: 1 }),
  }),
);
const asset = fc.constantFrom('', 'EUR', 'EUR/0', 'EUR/9', 'X.-_9/10', 'ABCDEFGHIJKLMNOP/18');

const conditionsIn = (book: number) =>
  fc
    .array(
      fc
        .tuple(
          fc.integer({ min: 1, max: 2 ** 48 - 1 }),
          fc.constantFrom('balanceAtLeast', 'balanceAtMost', 'version'),
          fc.constantFrom(0n, 1n, 2n ** 63n - 1n),
        )
        .map(([number, $case, value]) => ({
          accountId: accountId(book, number),
          test: { $case, value },
        })),
      { minLength: 1, maxLength: 8 },
    )
    .map((allOf) => ({ conditions: { allOf } }));

const hold = fc
  .constantFrom(0, 1, 3_600, 2 ** 31 - 1)
  .map((timeoutSeconds) => ({ $case: 'hold', value: { timeoutSeconds } }));

const moving = fc
  .record({
    accounts: pair,
    amount,
    action: fc.option(hold, { nil: undefined }),
    upTo: fc.constantFrom(UpTo.UNSPECIFIED, UpTo.DEBIT_AVAILABLE, UpTo.CREDIT_ROOM, UpTo.BOTH),
    allowZero: fc.boolean(),
  })
  .map(({ accounts, upTo, allowZero, ...others }) => {
    const inBook = bookOf(accounts.debitAccountId) === bookOf(accounts.creditAccountId);
    const known = inBook || upTo < UpTo.CREDIT_ROOM ? upTo : UpTo.DEBIT_AVAILABLE;
    return { ...accounts, ...others, upTo: known, allowZero: allowZero && known > 0 };
  });

const open = fc.oneof(fc.constant(0n), amount);
const ofHold = fc.oneof(
  fc
    .record({ debitAccountId: account, amount: open, holdId: fc.uuid(), final: fc.boolean() })
    .map(({ holdId, final, ...fields }) => ({
      ...fields,
      action: { $case: 'capture', value: { holdId, final } },
    })),
  fc.record({ debitAccountId: account, holdId: fc.uuid() }).map(({ holdId, ...fields }) => ({
    ...fields,
    action: { $case: 'release', value: { holdId } },
  })),
);
const reversal = fc
  .record({ accounts: pair, amount: open, transferId: fc.uuid() })
  .map(({ accounts, transferId, ...fields }) => ({
    ...accounts,
    ...fields,
    action: { $case: 'reversal', value: { transferId } },
  }));

/** A transfer or leg that is no group. */
const single = fc
  .tuple(fc.oneof(moving, ofHold, reversal), description, asset)
  .chain(([fields, described, code]) =>
    optional(conditionsIn(bookOf(fields.debitAccountId))).map((conditions) => ({
      ...fields,
      ...described,
      ...conditions,
      asset: code,
    })),
  );

/** Legs whose debit accounts are in the book of the first one; some move what the ones before left. */
const legs = fc
  .array(fc.tuple(single, fc.boolean()), { minLength: 1, maxLength: 5 })
  .map((drawn) => {
    const book = bookOf(drawn[0]?.[0].debitAccountId ?? 0n);
    return drawn
      .filter(([leg]) => bookOf(leg.debitAccountId) === book)
      .map(([leg, rest], index, all) => {
        const before = all[index - 1]?.[0];
        const moves = leg.action === undefined || leg.action.$case === 'hold';
        const meets = before?.debitAccountId === leg.debitAccountId;
        return { ...leg, rest: rest && moves && meets };
      });
  });

/** Of every kind. */
export const anyTransfer = fc
  .tuple(
    named,
    optional(fc.record({ namespace: text(0, 64) })),
    fc.oneof(
      { weight: 3, arbitrary: single },
      {
        weight: 1,
        arbitrary: fc.tuple(legs, description).map(([drawn, described]) => ({
          ...described,
          action: { $case: 'group', value: { legs: drawn } },
        })),
      },
    ),
  )
  .map(([names, namespace, fields]) =>
    // The kinds are right for each case; their type has lost which is whose.
    CreateTransferRequest.fromPartial({ ...names, ...namespace, ...fields } as object),
  );
