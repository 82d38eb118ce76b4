import { expect, test } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import type { RegionName } from '../../regions/topology/layout.ts';
import type { Caller } from '../drive/client/caller.ts';
import { SeededRandom } from '../seeded-random.ts';
import type { Setting } from '../drive/workloads/workload.ts';
import { Pulse } from './pulse.ts';

const regions = [
  { name: 'eu-west', book: 1 },
  { name: 'us-east', book: 2 },
  { name: 'ap-south', book: 3 },
] as const;

const never = () => Promise.reject(new Error('the pulse only opens and pays'));

test('every book is asked through every router, each time with another key', async () => {
  const asked: { via: string; payer: bigint; key: string }[] = [];
  let opened = 0;
  const caller = (via: RegionName): Caller => ({
    via,
    at: caller,
    open: ({ homeRegion }) => {
      const book = regions.find(({ name }) => name === homeRegion)?.book ?? 0;
      opened += 1;
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
  const setting: Setting = {
    namespace: 'run-pulse',
    random: new SeededRandom(1),
    regions,
    copies: [],
    caller,
  };
  const pulse = await Pulse.prepare(setting);
  expect(opened).toBe(6);
  await pulse.beat(1_500);
  const pairs = asked.map(({ via, payer }) => `${via} ${payer >> 48n}`);
  expect(new Set(pairs).size).toBe(9);
  expect(asked).toHaveLength(18);
  expect(new Set(asked.map(({ payer, key }) => `${payer} ${key}`)).size).toBe(18);
});
