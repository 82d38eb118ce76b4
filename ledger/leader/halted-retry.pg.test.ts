import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { ledgerTuning } from '../ledger-tuning.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { testDatabases } from '../testing/database/database.ts';
import { Leading } from '../testing/database/leading.ts';

const database = testDatabases();
const BATCH = 4;

test('a retry behind a halt of its channel has the outcome of the attempt that is on its way', async () => {
  const opened = await database();
  const leading = await Leading.over(opened, { tuning: { ...ledgerTuning, batchItems: BATCH } });
  await leading.open([openRequest(), openRequest({ externalId: 'bob' })]);
  const away = transferRequest({ idempotencyKey: 'away', creditAccountId: accountId(2, 1) });
  const others = Array.from({ length: BATCH - 1 }, (_, index) =>
    transferRequest({ idempotencyKey: `other ${index}` }),
  );
  const { ledger, admin, name } = opened;
  const waiting = () => admin<{ pid: number }[]>`
    SELECT pid FROM pg_stat_activity
     WHERE usename = 'meridian_ledger' AND datname = ${name} AND wait_event_type = 'Lock'`;
  const { first, halt, again } = await admin.begin(async (holder) => {
    // The first attempt waits for the head with its commit, and what follows is prepared meanwhile.
    await holder`SELECT FROM head FOR UPDATE`;
    const sent = leading.transfer([away]);
    await expect.poll(async () => (await waiting()).length).toBe(1);
    const divergence = { book: 2, number: 1, why: 'a test' };
    const diverging = leading.leader.execute({ kind: 'diverge', peerBook: 2, divergence });
    const retried = leading.transfer([away, ...others]);
    await sleep(300);
    return { first: sent, halt: diverging, again: retried };
  });
  const [answer] = await first;
  expect(answer).toMatchObject({ status: TransferStatus.IN_TRANSIT, replayed: false });
  await halt;
  expect((await again)[0]).toMatchObject({
    transferId: answer?.transferId,
    status: TransferStatus.IN_TRANSIT,
    replayed: true,
  });
  expect(await ledger`SELECT count(*) FROM journal WHERE kind = 1`).toEqual([
    { count: BigInt(1 + others.length) },
  ]);
  await leading.stop();
});
