import { expect, test } from 'vitest';
import { ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { RegisterAssetRequest } from '../../../proto/gen/meridian/v1/asset.ts';
import { type Condition, Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { accountId } from '../account-id.ts';
import { validateAsset, validateChange, validateOpening } from './validate-account.ts';
import { decidingAccountOf, validateTransfer } from './validate-transfer.ts';

const ID = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';
const [HERE, THERE, AWAY] = [accountId(1, 1), accountId(1, 2), accountId(2, 1)];

const fieldsOf = (found: readonly { readonly field: string }[]) => found.map(({ field }) => field);

const hold = (timeoutSeconds = 0) => ({ $case: 'hold', value: { timeoutSeconds } }) as const;
const capture = (holdId = ID, final = false) =>
  ({ $case: 'capture', value: { holdId, final } }) as const;
const release = (holdId = ID) => ({ $case: 'release', value: { holdId } }) as const;
const reversal = (transferId = ID) => ({ $case: 'reversal', value: { transferId } }) as const;
const group = (legs: Partial<Leg>[]) =>
  ({ $case: 'group', value: { legs: legs.map((leg) => Leg.fromPartial(leg)) } }) as const;

const repeated = <T>(times: number, item: T): T[] => Array.from({ length: times }, () => item);

const LEG = { debitAccountId: HERE, creditAccountId: THERE, amount: 1n };
const OF_GROUP = { debitAccountId: 0n, creditAccountId: 0n, amount: 0n };
const condition = (accountId_: bigint, test_?: Condition['test']): Condition => ({
  accountId: accountId_,
  test: test_,
});
const atLeast = { $case: 'balanceAtLeast', value: 0n } as const;

test.each<[string, Partial<CreateTransferRequest>]>([
  ['a hold that never expires', { action: hold() }],
  ['a hold of 68 years', { action: hold(2 ** 31 - 1) }],
  ['a hold for a payee in another book', { action: hold(1), creditAccountId: AWAY }],
  ['a capture of a part', { action: capture(), creditAccountId: 0n }],
  ['a capture of all that is left', { action: capture(ID, true), creditAccountId: 0n, amount: 0n }],
  ['a release', { action: release(), creditAccountId: 0n, amount: 0n }],
  ['a reversal of a part', { action: reversal() }],
  ['a reversal of all that is left', { action: reversal(), amount: 0n }],
  ['an amount up to what is available', { upTo: UpTo.DEBIT_AVAILABLE, creditAccountId: AWAY }],
  ['an amount up to what there is room for', { upTo: UpTo.CREDIT_ROOM }],
  ['a hold of up to both', { upTo: UpTo.BOTH, action: hold() }],
  ['an asset with its scale', { asset: 'EUR/2' }],
  ['the largest scale', { asset: 'ETH/18' }],
  ['eight conditions', { conditions: { allOf: repeated(8, condition(HERE, atLeast)) } }],
  ['a group of one leg', { ...OF_GROUP, action: group([LEG]) }],
  ['a group of 1,000 legs', { ...OF_GROUP, action: group(repeated(1000, LEG)) }],
  [
    'a group of all actions, some into another book',
    {
      ...OF_GROUP,
      action: group([
        { ...LEG, creditAccountId: AWAY },
        { ...LEG, action: hold(60), upTo: UpTo.BOTH },
        { debitAccountId: HERE, action: capture() },
        { debitAccountId: HERE, action: release() },
        { ...LEG, amount: 0n, action: reversal() },
      ]),
    },
  ],
])('a transfer may be %s', (_, fields) => {
  expect(validateTransfer(transferRequest(fields))).toEqual([]);
});

test.each<[string, Partial<CreateTransferRequest>, string[]]>([
  ['a timeout below zero', { action: hold(-1) }, ['hold.timeout_seconds']],
  ['a hold of nothing', { action: hold(), amount: 0n }, ['amount']],
  ['a payee of a capture', { action: capture() }, ['credit_account_id']],
  ['a payee and an amount of a release', { action: release() }, ['credit_account_id', 'amount']],
  ['a capture below zero', { action: capture(), creditAccountId: 0n, amount: -1n }, ['amount']],
  ['a reversal below zero', { action: reversal(), amount: -1n }, ['amount']],
  ['no hold to capture', { action: capture(''), creditAccountId: 0n }, ['capture.hold_id']],
  [
    'a hold id in upper case',
    { action: release(ID.toUpperCase()), creditAccountId: 0n, amount: 0n },
    ['release.hold_id'],
  ],
  ['no transfer to reverse', { action: reversal('a key') }, ['reversal.transfer_id']],
  ['an unknown kind of up_to', { upTo: UpTo.UNRECOGNIZED }, ['up_to']],
  ['room in another book', { upTo: UpTo.CREDIT_ROOM, creditAccountId: AWAY }, ['up_to']],
  ['up_to with a reversal', { upTo: UpTo.BOTH, action: reversal() }, ['up_to']],
  ['up_to of nothing', { upTo: UpTo.BOTH, amount: 0n }, ['amount']],
  ['a scale of 19', { asset: 'EUR/19' }, ['asset']],
  ['an invalid scale', { asset: 'EUR/' }, ['asset']],
  ['a scale with a leading zero', { asset: 'EUR/02' }, ['asset']],
  ['no condition', { conditions: { allOf: [] } }, ['conditions.all_of']],
  [
    'nine conditions',
    { conditions: { allOf: repeated(9, condition(HERE, atLeast)) } },
    ['conditions.all_of'],
  ],
  [
    'conditions on another book, on no account and of nothing',
    {
      conditions: { allOf: [condition(AWAY, atLeast), condition(0n, atLeast), condition(HERE)] },
    },
    [
      'conditions.all_of[0].account_id',
      'conditions.all_of[1].account_id',
      'conditions.all_of[2].test',
    ],
  ],
  ['a group without legs', { ...OF_GROUP, action: group([]) }, ['group.legs']],
  ['a group of 1,001 legs', { ...OF_GROUP, action: group(repeated(1001, LEG)) }, ['group.legs']],
  [
    'a group with what its legs have',
    {
      asset: 'EUR',
      upTo: UpTo.BOTH,
      conditions: { allOf: [condition(HERE, atLeast)] },
      action: group([LEG]),
    },
    ['debit_account_id', 'credit_account_id', 'amount', 'asset', 'up_to', 'conditions'],
  ],
  [
    'a group whose debits lie in two books',
    { ...OF_GROUP, action: group([LEG, { ...LEG, debitAccountId: AWAY }]) },
    ['group.legs[1].debit_account_id'],
  ],
  [
    'malformed legs',
    {
      ...OF_GROUP,
      code: -1,
      action: group([
        { ...LEG, amount: 0n },
        { ...LEG, creditAccountId: HERE },
      ]),
    },
    ['code', 'group.legs[0].amount', 'group.legs[1].credit_account_id'],
  ],
])('a transfer may not have %s', (_, fields, expected) => {
  expect(fieldsOf(validateTransfer(transferRequest(fields)))).toEqual(expected);
});

test('debits in different books are refused by name', () => {
  const legs = [LEG, { ...LEG, debitAccountId: AWAY }];
  const [found] = validateTransfer(transferRequest({ ...OF_GROUP, action: group(legs) }));
  expect(found?.description).toMatch(/^GROUP_SPANS_BOOKS: must lie in book 1 /u);
});

test('a transfer is decided in the book of its debit account, a group in that of its first', () => {
  expect(decidingAccountOf(transferRequest({ debitAccountId: AWAY }))).toBe(AWAY);
  const legs = [{ ...LEG, debitAccountId: THERE }, LEG];
  expect(decidingAccountOf(transferRequest({ ...OF_GROUP, action: group(legs) }))).toBe(THERE);
  expect(decidingAccountOf(transferRequest({ ...OF_GROUP, action: group([]) }))).toBe(0n);
});

const change = (fields: Partial<ChangeAccountRequest> = {}): ChangeAccountRequest => ({
  ...ChangeAccountRequest.fromPartial({}),
  idempotencyKey: 'key',
  accountId: HERE,
  by: 'sam',
  why: 'suspicion',
  change: { $case: 'freeze', value: Freeze.BOTH },
  ...fields,
});

const limits = (minBalance?: bigint, maxBalance?: bigint) =>
  ({ $case: 'limits', value: { minBalance, maxBalance } }) as const;

test.each<[string, Partial<ChangeAccountRequest>]>([
  ['a freeze', {}],
  ['an unfreeze', { change: { $case: 'freeze', value: Freeze.NONE } }],
  ['a closing', { change: { $case: 'close', value: {} } }],
  ['a reopening', { change: { $case: 'reopen', value: {} } }],
  ['no limits', { change: limits() }],
  ['limits that leave out zero', { change: limits(5n, 5n) }],
  ['no metadata', { change: { $case: 'metadata', value: { metadata: {} } } }],
  ['an expected version of zero', { expectedVersion: 0n }],
  ['the longest texts', { by: 'b'.repeat(64), why: 'w'.repeat(128) }],
])('a change may be %s', (_, fields) => {
  expect(validateChange(change(fields))).toEqual([]);
});

test.each<[string, Partial<ChangeAccountRequest>, string[]]>([
  ['no key', { idempotencyKey: '' }, ['idempotency_key']],
  ['a long namespace', { namespace: 'n'.repeat(65) }, ['namespace']],
  ['no account', { accountId: 0n }, ['account_id']],
  ['no author', { by: '' }, ['by']],
  ['a long name', { by: 'b'.repeat(65) }, ['by']],
  ['no reason', { why: '' }, ['why']],
  ['a long reason', { why: 'w'.repeat(129) }, ['why']],
  ['nothing to change', { change: undefined }, ['change']],
  ['no freeze', { change: { $case: 'freeze', value: Freeze.UNSPECIFIED } }, ['freeze']],
  ['an unknown freeze', { change: { $case: 'freeze', value: Freeze.UNRECOGNIZED } }, ['freeze']],
  ['crossed limits', { change: limits(6n, 5n) }, ['limits']],
  [
    'malformed metadata',
    { change: { $case: 'metadata', value: { metadata: { '': 'x' } } } },
    ['metadata.metadata'],
  ],
  ['a version below zero', { expectedVersion: -1n }, ['expected_version']],
])('a change may not have %s', (_, fields, expected) => {
  expect(fieldsOf(validateChange(change(fields)))).toEqual(expected);
});

const asset = (fields: Partial<RegisterAssetRequest> = {}): RegisterAssetRequest => ({
  asset: 'POINTS',
  scale: 3,
  by: 'sam',
  why: 'loyalty',
  dryRun: false,
  ...fields,
});

test.each<[string, Partial<RegisterAssetRequest>, string[]]>([
  ['a scale of zero', { scale: 0 }, []],
  ['a scale of 18', { scale: 18 }, []],
  ['a scale below zero', { scale: -1 }, ['scale']],
  ['a scale of 19', { scale: 19 }, ['scale']],
  ['no name', { asset: '' }, ['asset']],
  ['a scale in its name', { asset: 'POINTS/3' }, ['asset']],
  ['no author and no reason', { by: '', why: '' }, ['by', 'why']],
])('an asset with %s', (_, fields, expected) => {
  expect(fieldsOf(validateAsset(asset(fields)))).toEqual(expected);
});

test('an account may name the scale of its asset', () => {
  expect(validateOpening(openRequest({ asset: 'KWD/3' }))).toEqual([]);
  expect(fieldsOf(validateOpening(openRequest({ asset: 'KWD/x' })))).toEqual(['asset']);
});
