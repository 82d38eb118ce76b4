import { expect, test } from 'vitest';
import { testDatabases } from '../../ledger/testing/database/database.ts';
import { nothingAcknowledged } from '../load/acknowledged-tally.ts';
import type { Acknowledged } from '../load/job.ts';
import { BaselineCheck } from './baseline-check.ts';
import { Baseline } from '../load/baseline/baseline-load.ts';

const database = testDatabases();
const window = { warmUpMs: 0, measureMs: 200 };
const ACCOUNTS = 20;

test('the conventional ledger has exactly what was acknowledged, however it is loaded', async () => {
  const { adminUrl, admin } = await database(false);
  const baseline = await Baseline.open(adminUrl, ACCOUNTS);
  const check = new BaselineCheck(adminUrl);
  for (const [clients, itemsPerCall] of [
    [8, 1],
    [1, 50],
    [3, 50],
  ] as const) {
    const findings = await check.begin();
    const result = await baseline.run({ kind: 'baseline', clients, itemsPerCall, window });
    const [acknowledged] = result.acknowledged;
    expect(acknowledged?.posted).toBeGreaterThan(0);
    expect(await findings(acknowledged)).toEqual([]);
    expect(await findings(undefined)).not.toEqual([]);
  }
  // A balance that does not follow from the entries is found.
  const findings = await check.begin();
  await admin`UPDATE account SET debits = debits + 1 WHERE id = 1`;
  expect(await findings(undefined)).toHaveLength(1);
  await Promise.all([baseline.close(), check.close()]);
});

test('a transfer is posted once, whatever the number of calls with its key', async () => {
  const { adminUrl, admin } = await database(false);
  const baseline = await Baseline.open(adminUrl, ACCOUNTS);
  const check = new BaselineCheck(adminUrl);
  const findings = await check.begin();
  const id = '01234567-89ab-7def-8123-456789abcdef';
  const post = () => admin`SELECT create_transfer(${id}, 1, 2, 5) AS posted`;
  expect(await post()).toEqual([{ posted: true }]);
  expect(await post()).toEqual([{ posted: false }]);
  const effects = { ...nothingAcknowledged('').effects, transfer: { count: 1, amount: 5n } };
  const acknowledged: Acknowledged = {
    ...nothingAcknowledged(''),
    requests: 1,
    posted: 1,
    effects,
  };
  expect(await findings(acknowledged)).toEqual([]);
  await expect(admin`SELECT create_transfer(gen_random_uuid(), 1, 99, 5)`).rejects.toThrow(
    'query returned no rows',
  );
  expect(await findings(acknowledged)).toEqual([]);
  await Promise.all([baseline.close(), check.close()]);
});
