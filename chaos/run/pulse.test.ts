import { expect, test } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import type { RegionName } from '../../regions/topology/layout.ts';
import type { Caller } from '../drive/client/caller.ts';
import { Random } from '../../ledger/core/random.ts';
import type { WorkloadSetting } from '../drive/workloads/workload.ts';
import { Pulse } from './pulse.ts';

const regions = [{ name: 'eu-west' }, { name: 'us-east' }, { name: 'ap-south' }];
const books = [
  { number: 1, name: 'eu-west-1', region: 'eu-west' },
  { number: 4, name: 'eu-west-2', region: 'eu-west' },
  { number: 2, name: 'us-east-1', region: 'us-east' },
  { number: 3, name: 'ap-south-1', region: 'ap-south' },
];

const never = () => Promise.reject(new Error('the pulse only opens and pays'));

test('every book is asked through every router, each time with another key', async () => {
  const asked: { via: string; payer: bigint; key: string }[] = [];
  let opened = 0;
  const caller = (via: RegionName): Caller => ({
    via,
    at: caller,
    open: ({ homeRegion }) => {
      opened += 1;
      // A region with two books spreads its accounts over both, most of them into the second.
      const own = books.filter(({ region }) => region === homeRegion);
      const book = own.at(opened % 3 === 0 ? 0 : -1)?.number ?? 0;
      const position = { book, epoch: 1, seq: opened };
      const reply = { accountId: String(accountId(book, opened)), replayed: false, position };
      return Promise.resolve({ type: 'ok', reply });
    },
    transfer: ({ debitAccountId = 0n, idempotencyKey = '' }) => {
      asked.push({ via, payer: debitAccountId, key: idempotencyKey });
      // It goes on even if no call is served.
      return Promise.resolve({ type: 'fail', fault: { code: 'UNAVAILABLE', message: '' } });
    },
    change: never,
    balances: never,
    statement: never,
    page: never,
    lookUp: never,
  });
  const setting: WorkloadSetting = {
    namespace: 'run-pulse',
    random: new Random(1),
    regions,
    books,
    copies: [],
    caller,
  };
  const pulse = await Pulse.prepare(setting);
  expect(opened).toBeGreaterThanOrEqual(8);
  await pulse.beat(1_500);
  const pairs = asked.map(({ via, payer }) => `${via} ${payer >> 48n}`);
  expect(new Set(pairs).size).toBe(12);
  expect(asked).toHaveLength(24);
  expect(new Set(asked.map(({ payer, key }) => `${payer} ${key}`)).size).toBe(24);
});
