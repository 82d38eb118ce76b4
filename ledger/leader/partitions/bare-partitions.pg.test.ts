import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../../core/account-id.ts';
import { Random } from '../../core/random.ts';
import type { Logger } from '../../logger.ts';
import { migrate } from '../../store/postgres/migrate.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { type TestDatabase, testDatabases } from '../../testing/database/database.ts';
import { Leading, type LeadOptions, SILENT } from '../../testing/database/leading.ts';

const database = testDatabases();

const ACCOUNTS = 60;
/** Every partition is bare until it is full, and the leader forgets whatever it may. */
const BARE: LeadOptions = { partitionRows: 100, bareAbove: 0, accountsKept: 4 };

async function bareBook(): Promise<TestDatabase> {
  const opened = await database();
  await opened.ledger`SELECT journal_start(100)`;
  return opened;
}

const openAccounts = (leading: Leading) =>
  leading.open(
    Array.from({ length: ACCOUNTS }, (_, index) => openRequest({ externalId: `name ${index}` })),
  );

/** Transfers between few or many accounts, so that some are used again only much later. */
function drawRequest(random: Random, index: number): CreateTransferRequest {
  const among = random.below(4) === 0 ? ACCOUNTS : 6;
  const debit = 1 + random.below(among);
  const credit = (debit % ACCOUNTS) + 1;
  return transferRequest({
    // The wire has two lanes, and this is for both.
    idempotencyKey: `018f3b2e-0000-7000-8000-${String(index).padStart(12, '0')}`,
    debitAccountId: accountId(1, debit),
    creditAccountId: accountId(1, credit),
    amount: BigInt(1 + random.below(9)),
  });
}

/** What the accounts must have in the end, each transfer once. */
function expectedBalances(requests: readonly CreateTransferRequest[]): Map<bigint, bigint> {
  const balances = new Map<bigint, bigint>();
  for (const { debitAccountId, creditAccountId, amount } of requests) {
    balances.set(debitAccountId, (balances.get(debitAccountId) ?? 0n) - amount);
    balances.set(creditAccountId, (balances.get(creditAccountId) ?? 0n) + amount);
  }
  return balances;
}

async function storedBalances({ ledger }: TestDatabase): Promise<Map<bigint, bigint>> {
  const rows = await ledger<{ account: bigint; balance: bigint }[]>`
    SELECT account, balance FROM balance WHERE version > 0`;
  return new Map(rows.map(({ account, balance }) => [account, balance]));
}

/** Accounts whose versions are not 1 to their number, or whose totals do not add up. */
const wrongAccounts = ({ admin }: TestDatabase) => admin`
  SELECT account FROM entry GROUP BY account
  HAVING count(*) <> max(version) OR count(DISTINCT version) <> count(*)
      OR max(debits_after) <> sum(amount) FILTER (WHERE side = 'debit')`;

/** The bare partitions that have rows or will, from the first on. */
const bareOnes = async ({ admin }: TestDatabase) => {
  const rows = await admin<{ first_seq: bigint; end_seq: bigint }[]>`
    SELECT first_seq, end_seq FROM journal_partition
     WHERE NOT (has_debit_version AND has_credit_version) ORDER BY first_seq`;
  return rows.map(({ first_seq, end_seq }) => ({ first: Number(first_seq), end: Number(end_seq) }));
};

const bareFirsts = async (opened: TestDatabase) =>
  (await bareOnes(opened)).map(({ first }) => first);

const headSeq = async ({ admin }: TestDatabase) => {
  const [row] = await admin<{ seq: bigint }[]>`SELECT seq FROM head`;
  return Number(row?.seq);
};

/** Until all partitions that are full have their indexes. */
const allFullIndexed = (opened: TestDatabase) =>
  expect
    .poll(async () => {
      const seq = await headSeq(opened);
      return (await bareOnes(opened)).filter(({ end }) => end <= seq + 1);
    })
    .toEqual([]);

test(
  'accounts that a small memory forgets are right in a book of bare partitions, after each take-over',
  { timeout: 90_000 },
  async () => {
    const opened = await bareBook();
    const random = new Random(17);
    const sent: CreateTransferRequest[] = [];
    let leading = await Leading.over(opened, BARE);
    await openAccounts(leading);
    for (let round = 0; round < 5; round += 1) {
      const calls = Array.from({ length: 14 }, (_, call) =>
        Array.from({ length: 30 }, (__, place) =>
          drawRequest(random, (round * 14 + call) * 30 + place),
        ),
      );
      const post = (requests: readonly CreateTransferRequest[], call: number) =>
        call % 2 === 0 ? leading.send(requests) : leading.transfer(requests);
      const killed = round % 2 === 1;
      const under = calls.map((requests, call) => post(requests, call).catch(() => undefined));
      if (killed) {
        await new Promise((resolve) => {
          setTimeout(resolve, (round * 53) % 140);
        });
        leading.leader.depose('killed');
        // Whatever the keeper was doing ends between any two statements.
        await opened.admin`
          SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
           WHERE datname = current_database() AND usename = 'meridian_ledger'`;
      }
      await Promise.all(under);
      if (killed) {
        await leading.stop();
        leading = await Leading.over(opened, BARE);
      }
      for (const [call, requests] of calls.entries()) {
        const answers = await post(requests, call);
        expect(answers.every(({ status }) => status === TransferStatus.POSTED)).toBe(true);
        sent.push(...requests);
      }
    }
    expect(await storedBalances(opened)).toEqual(expectedBalances(sent));
    expect(await wrongAccounts(opened)).toEqual([]);
    // The partition that is open was bare all the time.
    const seq = await headSeq(opened);
    const open = (await bareOnes(opened)).filter(({ first, end }) => first <= seq && seq < end);
    expect(open).toHaveLength(1);
    await allFullIndexed(opened);
    await leading.stop();
  },
);

/** Transactions of the database that have failed so far; a server process reports them late. */
async function rollbacks(opened: TestDatabase): Promise<number> {
  const [row] = await opened.admin<{ failed: bigint }[]>`
    SELECT xact_rollback AS failed FROM pg_stat_database WHERE datname = current_database()`;
  return Number(row?.failed);
}

test('two rows with one version in a bare partition are an alarm once it is full', async () => {
  const opened = await bareBook();
  const alarms: string[] = [];
  const log: Logger = {
    ...SILENT,
    error: (_, fields) => alarms.push(JSON.stringify(fields)),
  };
  const leading = await Leading.over(opened, { ...BARE, log });
  await openAccounts(leading);
  const random = new Random(1);
  const requests = Array.from({ length: 160 }, (_, index) => drawRequest(random, index));
  await leading.transfer(requests.slice(0, 60));
  expect(await bareFirsts(opened)).toContain(101);
  // As the owner of the database can, who is held up by no trigger then.
  await opened.admin.begin(async (transaction) => {
    await transaction`SET LOCAL session_replication_role = replica`;
    await transaction`
      UPDATE journal SET (debit_account, debit_version) =
             (SELECT debit_account, debit_version FROM journal o WHERE o.seq = 110)
       WHERE seq = 115`;
  });
  await leading.transfer(requests.slice(60));
  await expect.poll(() => alarms.join()).toContain('PARTITION_HAS_DUPLICATES');
  expect(alarms.join()).toContain('"first":101,');
  expect(await bareFirsts(opened)).toContain(101);
  // The index is not built again and again: each attempt would read the whole partition.
  const failed = await rollbacks(opened);
  await sleep(3_000);
  expect((await rollbacks(opened)) - failed).toBeLessThan(8);
  await leading.stop();
});

test(
  'a partition becomes bare when the load rises, and one without rows not when it falls',
  { timeout: 120_000 },
  async () => {
    const opened = await database();
    await opened.ledger`SELECT journal_start(100000)`;
    const leading = await Leading.over(opened, {
      // Large, for only one that is less than half full becomes bare.
      partitionRows: 100_000,
      bareAbove: 100,
      accountsKept: 4,
    });
    await openAccounts(leading);
    expect(await bareFirsts(opened)).toEqual([]);
    const random = new Random(5);
    const sent: CreateTransferRequest[] = [];
    const sendCall = async () => {
      const requests = Array.from({ length: 100 }, (_, place) =>
        drawRequest(random, sent.length + place),
      );
      await leading.transfer(requests);
      sent.push(...requests);
      return bareFirsts(opened);
    };
    await expect.poll(sendCall, { timeout: 40_000, interval: 50 }).toEqual([1, 100_001]);
    // What has no rows yet gets its indexes back.
    await expect.poll(() => bareFirsts(opened)).toEqual([1]);
    for (let call = 0; call < 5; call += 1) await sendCall();
    expect(await storedBalances(opened)).toEqual(expectedBalances(sent));
    await leading.stop();
  },
);

test('only the leader of the newest epoch takes indexes from a partition', async () => {
  // As a new book is, whose first partition has its indexes as constraints.
  const opened = await database(false);
  await migrate(opened.adminUrl);
  const leading = await Leading.over(opened, { partitionRows: 1_000_000 });
  const { epoch } = leading.head;
  await leading.stop();
  const { ledger } = opened;
  await expect(ledger`SELECT journal_strip_partition(1, ${epoch - 1})`).rejects.toThrow(
    /another leader/u,
  );
  expect(await bareFirsts(opened)).toEqual([]);
  await ledger`SELECT journal_strip_partition(1, ${epoch})`;
  expect(await bareFirsts(opened)).toEqual([1]);
  await ledger`SELECT journal_complete_partition(1)`;
  expect(await bareFirsts(opened)).toEqual([]);
  await ledger`SELECT journal_strip_partition(1, ${epoch})`;
  expect(await bareFirsts(opened)).toEqual([1]);
});
