import { expect, test } from 'vitest';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { connect } from '../store/postgres/connect.ts';
import { readLegsAfter } from '../store/postgres/channels.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { testDatabases } from '../testing/database/database.ts';
import { Leading } from '../testing/database/leading.ts';

const database = testDatabases();

const ALICE = accountId(1, 1);
const AWAY = accountId(2, 1);
const id = (n: number) => `0193a1b2-c3d4-7e5f-8a6b-${String(n).padStart(12, '0')}`;
const request = (n: number, fields: Partial<CreateTransferRequest> = {}) =>
  transferRequest({ idempotencyKey: id(n), creditAccountId: AWAY, amount: 10n, ...fields });
const capture = (n: number, amount: bigint, final: boolean) =>
  request(n, {
    creditAccountId: 0n,
    amount,
    action: { $case: 'capture', value: { holdId: id(1), final } },
  });

test('the legs that are remembered are those that the journal has', async () => {
  const opened = await database();
  const leading = await Leading.over(opened);
  const { leader } = leading;
  await leading.open([openRequest()]);
  const arrived = {
    transferId: id(100),
    debitAccountId: AWAY,
    creditAccountId: ALICE,
    amount: 50n,
    asset: 'EUR',
    code: 0,
    reference: '',
    metadata: {},
    reversalOf: '',
  };
  await leader.execute({ kind: 'settle', originBook: 2, firstNumber: 1, legs: [arrived] });
  const description = { code: 7, reference: '"rent" {NULL}', metadata: { longer: '1', a: 'é' } };
  const legs = [
    request(1, { amount: 50n, action: { $case: 'hold', value: { timeoutSeconds: 60 } } }),
    request(2, description),
    request(3, { namespace: 'shop', idempotencyKey: 'order-3' }),
    // This one is not sent.
    request(4, {
      conditions: { allOf: [{ accountId: ALICE, test: { $case: 'version', value: 99n } }] },
    }),
    capture(5, 5n, false),
    request(6, {
      amount: 20n,
      debitAccountId: ALICE,
      action: { $case: 'reversal', value: { transferId: id(100) } },
    }),
  ];
  await leading.transfer(legs);
  await leading.transfer([capture(7, 0n, true), request(8)]);

  const sql = connect(opened.ledgerUrl, 1);
  const { sent } = leader.memory.channel(2);
  expect(sent).toBeGreaterThan(3);
  const stored = await readLegsAfter(sql, 2, 0, 100);
  expect(stored).toHaveLength(sent);
  expect(leader.memory.legsAfter(2, 0, 100)).toEqual(stored);
  expect(leader.memory.legsAfter(2, 0, 2)).toEqual(stored.slice(0, 2));
  expect(leader.memory.legsAfter(2, 2, 100)).toEqual(stored.slice(2));
  // What is closed is let go, and what was never sent is not here.
  expect(leader.memory.legsAfter(2, 0, 100)).toBeUndefined();
  expect(leader.memory.legsAfter(2, sent, 100)).toBeUndefined();
  expect(leader.memory.legsAfter(3, 0, 100)).toBeUndefined();
  await sql.end();
  await leading.stop();
});
