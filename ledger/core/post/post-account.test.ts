import { expect, test } from 'vitest';
import { ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { type SimBook, simBooks } from '../../testing/books/sim-book.ts';
import { openRequest } from '../../testing/books/book-requests.ts';
import { accountId } from '../account-id.ts';
import type { ChangeOutcome } from './command.ts';
import { RowKind } from '../journal-row.ts';
import { ownerOf } from '../placement.ts';
import { derivedId, transferIdOf } from '../transfer-id.ts';

const ALICE = accountId(1, 1);

function oneBook(): SimBook {
  const [book] = simBooks(1);
  if (book === undefined) throw new Error('there is a book');
  return book;
}

let keys = 0;

/** Changes Alice's account and gives the reason and the row. */
function changed(book: SimBook, fields: Partial<ChangeAccountRequest>) {
  keys += 1;
  const request = {
    ...ChangeAccountRequest.fromPartial({ accountId: ALICE, by: 'sam', why: 'a test' }),
    idempotencyKey: `key ${keys}`,
    ...fields,
  };
  const id = transferIdOf(request.namespace, request.idempotencyKey);
  const pending = book.add<ChangeOutcome>({ kind: 'change', id, request });
  book.flush();
  return { reason: pending.outcome?.reason, row: book.rows.at(-1), id };
}

const close = { $case: 'close', value: {} } as const;
const reopen = { $case: 'reopen', value: {} } as const;

test('the row of an opening records which limits the account has', () => {
  const book = oneBook();
  book.open(openRequest());
  const limits = {
    min: { $case: 'minBalance', value: -5n },
    max: { $case: 'maxBalance', value: 7n },
  } as const;
  book.open(openRequest({ externalId: 'bob', ...limits }));
  book.flush();
  expect(book.rows.map(({ id, reference }) => [id, reference])).toEqual([
    [derivedId('account', 'alice'), 'min=none max=none'],
    [derivedId('account', 'bob'), 'min=-5 max=7'],
  ]);
});

test('an account is closed and reopened as it was, and a version counts each', () => {
  const book = oneBook();
  book.open(openRequest({ max: { $case: 'maxBalance', value: 9n } }));
  const out = { $case: 'freeze', value: Freeze.OUT } as const;
  expect(changed(book, { change: reopen }).reason).toBe(Reason.ACCOUNT_NOT_CLOSED);
  expect(changed(book, { change: out }).reason).toBe(Reason.UNSPECIFIED);
  expect(changed(book, { change: close }).reason).toBe(Reason.UNSPECIFIED);
  expect(book.stored.get(ALICE)).toMatchObject({ flags: 6, version: 2 });
  for (const change of [close, out]) {
    expect(changed(book, { change }).reason).toBe(Reason.ACCOUNT_CLOSED);
  }
  const { reason, row } = changed(book, { change: reopen });
  expect(reason).toBe(Reason.UNSPECIFIED);
  expect(row?.details?.settings).toEqual({ flags: 2, minBalance: null, maxBalance: 9n });
  expect(book.stored.get(ALICE)).toMatchObject({ flags: 2, version: 3, maxBalance: 9n });
});

test('a key that is the id itself is not stored twice', () => {
  const book = oneBook();
  book.open(openRequest());
  const uuid = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';
  const own = changed(book, { idempotencyKey: uuid, change: close });
  expect([own.row?.id, own.row?.key, own.row?.kind]).toEqual([uuid, '', RowKind.change]);
  const other = changed(book, { idempotencyKey: 'a word', change: reopen });
  expect([other.row?.id, other.row?.key]).toEqual([other.id, 'a word']);
});

test('an account that is not there, or holds what travels, cannot be changed', () => {
  const book = oneBook();
  const { reason, row } = changed(book, { change: close });
  expect(reason).toBe(Reason.ACCOUNT_NOT_FOUND);
  expect(row).toMatchObject({ entries: null, creditAccount: ALICE });
  expect(row?.details).toMatchObject({ settings: null, by: 'sam', options: '{"change":"close"}' });
});

test('a name that the batch before is opening is not called the name of another book', () => {
  const book = oneBook();
  const owners = ['a', 'b', 'c', 'd', 'e', 'f'].map(
    (name) => [name, ownerOf(name, [1, 4])] as const,
  );
  const [externalId = ''] = owners.find(([, owner]) => owner === 4) ?? [];
  book.beingOpened.add(externalId);
  const request = openRequest({ externalId });
  const pending = book.open(request, [1, 4]);
  book.flush();
  // The id of its row is taken as soon as that batch is committed: the journal gives the answer.
  expect(pending.outcome).toMatchObject({ kind: 'open' });
  expect(book.rows).toMatchObject([{ id: derivedId('account', externalId) }]);
  book.beingOpened.clear();
  const after = book.open(openRequest({ externalId }), [1, 4]);
  book.flush();
  expect(after.outcome).toEqual({ kind: 'notOwned', why: 'elsewhere' });
});
