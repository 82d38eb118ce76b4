import { expect, test } from 'vitest';
import { costOf, meanCost, regionsOf, type Used } from './cost.ts';

const used: Used = {
  processorSeconds: new Map([
    ['eu-west/ledger', 2],
    ['eu-west/ledger-4', 1],
    ['eu-west/postgres', 4],
    ['us-east/ledger', 8],
    ['raw/loop', 16],
    ['generator', 0.5],
    ['benchmark', 32],
  ]),
  gcSeconds: new Map([
    ['eu-west/ledger', 0.75],
    ['us-east/ledger', 4],
  ]),
  databases: [
    { walBytes: 300, fsyncs: 2 },
    { walBytes: 100, fsyncs: 2 },
  ],
};

test('the cost of a request has the processes of the regions that work on it, and no others', () => {
  expect(costOf(used, new Set(['eu-west']), 1_000_000)).toEqual({
    cpuMicros: { ledger: 3, postgres: 4, generator: 0.5 },
    walBytes: 0.0004,
    fsyncs: 0.000004,
    gcShare: { ledger: 0.25 },
  });
  expect(costOf(used, new Set(['eu-west', 'us-east']), 1_000_000)?.cpuMicros).toMatchObject({
    ledger: 11,
  });
  expect(costOf(used, new Set(['raw']), 1_000_000)?.cpuMicros).toEqual({ loop: 16 });
});

const cost = (ledger: number, walBytes: number) => ({
  cpuMicros: { ledger },
  walBytes,
  fsyncs: 0,
  gcShare: {},
});

test('without a request there is no cost of one', () => {
  expect(costOf(used, new Set(['eu-west']), 0)).toBeUndefined();
  expect(meanCost([])).toBeUndefined();
  expect(meanCost([{ acknowledged: 5 }])).toBeUndefined();
});

test('each of several measurements counts by its requests', () => {
  const mean = meanCost([
    { cost: cost(4, 400), acknowledged: 3 },
    { cost: cost(8, 800), acknowledged: 1 },
    { acknowledged: 100 },
  ]);
  expect(mean).toMatchObject({ cpuMicros: { ledger: 5 }, walBytes: 500 });
});

test('a job is worked on in the regions of its payers and payees', () => {
  const window = { warmUpMs: 1, measureMs: 1 };
  const route = { router: '', from: 'eu-west', awayShare: 0.1, away: ['us-east'], hot: false };
  const calls = { requests: 'plain', routes: [route], itemsPerCall: 1, inFlight: 1 } as const;
  expect(regionsOf({ kind: 'calls', ...calls, window })).toEqual(new Set(['eu-west', 'us-east']));
  expect(regionsOf({ kind: 'raw', window })).toEqual(new Set(['raw']));
});
