import { expect, test } from 'vitest';
import { ALL_LEGS } from '../../testing/database/all-legs.ts';
import { EventKind } from '../../../proto/gen/meridian/v1/event.ts';
import { Side } from '../../../proto/gen/meridian/v1/query.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import type { RefusedLeg } from '../../core/post/command.ts';
import { testDatabases } from '../../testing/database/database.ts';
import { Leading } from '../../testing/database/leading.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { readEntries } from './read-entries.ts';
import { readTransfers } from './read-transfers.ts';
import type { EntryPage } from '../asked-pages.ts';

const database = testDatabases();

const ALICE = accountId(1, 1);
const BOB = accountId(1, 2);
const AWAY = accountId(2, 1);

/** Alice pays Bob 100, Bob pays 30, 20 and 5 to another book; the second of them is refused. */
async function history() {
  const opened = await database();
  const leading = await Leading.over(opened);
  await leading.open([openRequest(), openRequest({ externalId: 'bob', min: undefined })]);
  const away = { debitAccountId: BOB, creditAccountId: AWAY };
  const answers = await leading.transfer([
    transferRequest({ amount: 100n, reference: 'rent', code: 7, metadata: { a: '1' } }),
    transferRequest({ idempotencyKey: 'leg 1', amount: 30n, ...away }),
    transferRequest({ idempotencyKey: 'leg 2', amount: 20n, ...away }),
    transferRequest({ idempotencyKey: 'leg 3', amount: 5n, ...away }),
    transferRequest({
      idempotencyKey: 'too much',
      amount: 1000n,
      debitAccountId: BOB,
      creditAccountId: ALICE,
    }),
  ]);
  return { ...opened, leading, ids: answers.map(({ transferId }) => transferId) };
}

/** The other book has answered two legs and refused the second. */
async function close(leading: Leading, transferId: string): Promise<void> {
  const leg = {
    ...transferRequest(),
    transferId,
    reversalOf: '',
    debitAccountId: BOB,
    creditAccountId: AWAY,
  };
  const refused: RefusedLeg[] = [
    {
      number: 2,
      reason: 7,
      leg: { ...leg, asset: 'EUR', amount: 20n, reversalOf: '' },
      capture: null,
    },
  ];
  await leading.leader.execute({ kind: 'close', peerBook: 2, through: 2, refused, finals: [] });
}

test('the views show what happened, before and after the other book has answered', async () => {
  const { auditorUrl: _, ledger, leading, ids } = await history();
  const balances = () => ledger`
    SELECT external_id, version, debits, credits, balance FROM balance ORDER BY account`;
  const transit = { external_id: 'transit:eu-west-1>us-east-1:EUR' };
  const alice = { external_id: 'alice', version: 1n, debits: 100n, credits: 0n, balance: -100n };
  expect(await balances()).toEqual([
    alice,
    { external_id: 'bob', version: 4n, debits: 55n, credits: 100n, balance: 45n },
    { ...transit, version: 3n, debits: 0n, credits: 55n, balance: 55n },
  ]);
  expect(await ledger`SELECT peer_book, asset, transfers, amount FROM in_transit`).toEqual([
    { peer_book: 2, asset: 'EUR', transfers: 3n, amount: '55' },
  ]);
  await close(leading, ids[2] ?? '');
  expect(await balances()).toEqual([
    alice,
    { external_id: 'bob', version: 5n, debits: 55n, credits: 120n, balance: 65n },
    { ...transit, version: 4n, debits: 20n, credits: 55n, balance: 35n },
  ]);
  expect(await ledger`SELECT peer_book, asset, transfers, amount FROM in_transit`).toEqual([
    { peer_book: 2, asset: 'EUR', transfers: 1n, amount: '5' },
  ]);
  expect(await ledger`SELECT * FROM trial_balance`).toEqual([
    { asset: 'EUR', accounts: 3n, debits: '175', credits: '175', difference: '0' },
  ]);
  const stored = await readTransfers(ledger, 1, ids, ALL_LEGS);
  expect(ids.map((id) => stored.get(id)?.transfer.status)).toEqual([
    TransferStatus.POSTED,
    TransferStatus.POSTED,
    TransferStatus.RETURNED,
    TransferStatus.IN_TRANSIT,
    TransferStatus.REJECTED,
  ]);
  await leading.stop();
});

test('the entries of an account are read in both directions, in pages', async () => {
  const { ledger, leading, ids } = await history();
  await close(leading, ids[2] ?? '');
  const page: EntryPage = {
    account: BOB,
    after: 0n,
    through: 99n,
    movingOnly: true,
    newestFirst: false,
    limit: 10,
  };
  const { found: entries } = await readEntries(ledger, 1, page);
  expect(
    entries.map((each) => [each.version, each.side, each.amount, each.balanceAfter, each.kind]),
  ).toEqual([
    [1n, Side.CREDIT, 100n, 100n, EventKind.TRANSFER],
    [2n, Side.DEBIT, 30n, 70n, EventKind.TRANSFER],
    [3n, Side.DEBIT, 20n, 50n, EventKind.TRANSFER],
    [4n, Side.DEBIT, 5n, 45n, EventKind.TRANSFER],
    [5n, Side.CREDIT, 20n, 65n, EventKind.RETURN],
  ]);
  expect(entries.map((each) => each.counterpartyAccountId)).toEqual([
    ALICE,
    AWAY,
    AWAY,
    AWAY,
    AWAY,
  ]);
  // A return belongs to the transfer that it returns.
  expect(entries.map((each) => each.transferId)).toEqual([ids[0], ids[1], ids[2], ids[3], ids[2]]);
  expect(entries[0]).toMatchObject({ reference: 'rent', code: 7, metadata: { a: '1' } });
  const versions = async (fields: Partial<EntryPage>) =>
    (await readEntries(ledger, 1, { ...page, ...fields })).found.map(({ version }) => version);
  expect(await versions({ limit: 2 })).toEqual([1n, 2n]);
  expect(await versions({ limit: 2, after: 2n })).toEqual([3n, 4n]);
  expect(await versions({ limit: 2, newestFirst: true })).toEqual([5n, 4n]);
  expect(await versions({ limit: 9, through: 3n, newestFirst: true })).toEqual([3n, 2n, 1n]);
  expect(await versions({ account: accountId(1, 99) })).toEqual([]);
  await leading.stop();
});

test('a balance view of a busy account takes the newest of both sides', async () => {
  const { ledger, leading } = await history();
  for (const back of [false, true, true, false, false, true]) {
    const [debitAccountId, creditAccountId] = back ? [BOB, ALICE] : [ALICE, BOB];
    const idempotencyKey = crypto.randomUUID();
    await leading.transfer([transferRequest({ idempotencyKey, debitAccountId, creditAccountId })]);
    const [row] = await ledger`
      SELECT b.version, b.debits, b.credits,
             (SELECT sum(amount) FROM entry e WHERE e.account = b.account AND side = 'debit') AS d,
             (SELECT sum(amount) FROM entry e WHERE e.account = b.account AND side = 'credit') AS c,
             (SELECT count(*) FROM entry e WHERE e.account = b.account) AS n
        FROM balance b WHERE external_id = 'bob'`;
    expect([row?.['debits'], row?.['credits'], row?.['version']].map(String)).toEqual(
      [row?.['d'], row?.['c'], row?.['n']].map(String),
    );
  }
  await leading.stop();
});
