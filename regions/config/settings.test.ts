import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defaultTopology } from '../topology/topology.ts';
import { CALL_ROWS_MAX, MIB } from '../../ledger/core/limits.ts';
import { ledgerTuning } from '../../ledger/ledger-tuning.ts';
import { routerTuning } from '../../router/router-tuning.ts';
import { parseConfig } from './load-config.ts';
import { ConfigError } from './problem.ts';
import { numberOf } from './resolve-settings.ts';
import { derivedTuning, scaleOf } from './scale.ts';
import { objectionTo, variableOf } from './setting.ts';
import { settings } from './settings.ts';
import { variableNames } from './variables.ts';

test('every default is within its bounds, and no two settings share a variable', () => {
  for (const setting of settings) {
    expect({ [setting.key]: objectionTo(setting, setting.byDefault) }).toEqual({
      [setting.key]: undefined,
    });
  }
  expect(new Set(variableNames).size).toBe(variableNames.length);
});

test.each(settings.filter((setting) => setting.kind === 'number').map((one) => [one.key, one]))(
  '%s has bounds that are checked',
  (_, setting) => {
    const { min, max } = setting;
    for (const inside of [min, max]) expect(objectionTo(setting, inside)).toBeUndefined();
    for (const outside of [
      min - 1,
      max + 1,
      min + 0.5,
      NaN,
      Infinity,
      `${min}`,
      null,
      true,
      [min],
    ]) {
      expect(objectionTo(setting, outside)).toMatch(/^must be/u);
    }
  },
);

/** The least value that a setting accepts. */
function least(key: string): number {
  const setting = settings.find((one) => one.key === key);
  return setting?.kind === 'number' ? setting.min : 0;
}

test('the least queue admits the largest call, and the least message the largest batch', () => {
  expect(least('ledger.queueItems')).toBeGreaterThanOrEqual(CALL_ROWS_MAX);
  expect(least('router.pendingRows')).toBeGreaterThanOrEqual(CALL_ROWS_MAX);
  expect(least('ledger.messageMib')).toBe(ledgerTuning.messageMib);
  expect(least('router.messageMib') * MIB).toBeGreaterThanOrEqual(8_000 * 2_048);
});

/** What is wrong with these settings on a machine of 24 GiB. */
function problemsOf(section: object, more: object = {}): string[] {
  try {
    const text = JSON.stringify({ settings: section, ...more });
    parseConfig(text, 'meridian.yaml', {}, { memoryMib: 24_576 });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

const manyBooks = {
  regions: ['a'],
  books: [1, 2, 3, 4, 5, 6].map((number) => ({ number, name: `a-${number}`, region: 'a' })),
};

describe('settings that contradict each other are refused', () => {
  test.each<[string, object, string]>([
    ['messages', { ledger: { messageMib: 200 } }, 'must be at most ledger.connectionMib (128)'],
    ['connections', { router: { connectionMib: 200 } }, 'must be at most router.totalMib (128)'],
    ['large batches', { router: { largeBatchRows: 5_000 } }, 'no batch would be a large one'],
    ['batches in flight', { router: { inFlightRows: 2_000 } }, 'a batch is on its way as a whole'],
    ['batch and message', { router: { batchRows: 5_000 } }, 'such a batch could never be sent'],
    ['deadlines', { router: { defaultDeadlineMs: 20_000, longestDeadlineMs: 10_000 } }, 'never be'],
    ['queue and heap', { ledger: { queueMib: 100 } }, 'must be at most a quarter of'],
    ['calls and heap', { supervisor: { routerHeapMib: 192 }, router: { callsMib: 49 } }, 'quarter'],
    ['stop', { ledger: { drainMs: 5_001 } }, 'would be killed while it stops'],
    ['stop of a router', { router: { drainMs: 8_001 } }, 'would be killed while it stops'],
    ['reads', { ledger: { longReads: 4 } }, 'would keep look-ups and settlements waiting'],
    ['keys', { ledger: { batchItems: 16_000 } }, 'must be at least four times'],
    [
      'connections',
      { ledger: { readConnections: 32 }, supervisor: { postgresConnections: 40 } },
      '40 conn',
    ],
    [
      'keys',
      { ledger: { recentKeys: 1_000_000 } },
      'more than a third of supervisor.ledgerHeapMib',
    ],
    ['events', { ledger: { subscriptions: 5_000 } }, 'more than half of supervisor.ledgerHeapMib'],
    ['buffers', { supervisor: { postgresBuffersMib: 8_000 } }, 'half of the memory here'],
  ])('%s', (_, section, expected) => {
    const problems = problemsOf(section);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^settings\./u);
    expect(problems[0]).toContain(expected);
  });

  test('those that fit together are not', () => {
    const ledger = { batchItems: 16_000, recentKeys: 64_000, messageMib: 256, connectionMib: 256 };
    expect(problemsOf({ ledger, router: { batchRows: 16_000 } })).toEqual([]);
    expect(problemsOf({ ledger: { readConnections: 30 } })).toEqual([]);
  });

  test('connections follow from the number of books of a region', () => {
    expect(problemsOf({}, manyBooks)).toEqual([]);
    const [problem] = problemsOf({ supervisor: { postgresConnections: 60 } }, manyBooks);
    expect(problem).toContain('a Postgres has 60 connections and needs 97');
  });
});

/** The values of a supervisor on a machine of this memory. */
function of(memoryMib: number, profile: 'embedded' | 'replicated' = 'embedded') {
  const { settings: resolved } = parseConfig('', undefined, {}, { memoryMib, profile });
  return (name: string) => numberOf(resolved, `supervisor.${name}`);
}

describe('memory follows from the machine', () => {
  test.each([512, 2_048, 4_096, 24_576, 1_048_576])(
    'of %i MiB, and no default contradicts',
    (mib) => {
      for (const profile of ['embedded', 'replicated'] as const) {
        const value = of(mib, profile);
        const { databases } = scaleOf(defaultTopology, profile, mib);
        const buffers = value('postgresBuffersMib');
        expect(buffers === 32 || buffers * databases <= mib / 8).toBe(true);
        expect(buffers).toBeLessThanOrEqual(1_024);
      }
    },
  );

  test('a small machine, a large one, and one with nine databases', () => {
    expect([of(2_048)('postgresBuffersMib'), of(2_048)('ledgerHeapMib')]).toEqual([85, 192]);
    expect([of(24_576)('postgresBuffersMib'), of(24_576)('ledgerHeapMib')]).toEqual([1_024, 320]);
    expect(of(24_576, 'replicated')('postgresBuffersMib')).toBe(341);
    expect(of(2_048)('routerHeapMib')).toBe(192);
    expect(of(24_576)('routerHeapMib')).toBe(768);
  });

  test('the journal of a replicated book is smaller, for there are three', () => {
    expect(derivedTuning(scaleOf(defaultTopology, 'replicated', 8_192)).postgresWalMib).toBe(512);
    expect(of(8_192)('postgresWalMib')).toBe(4_096);
  });
});

test.each([
  ['ledger', ledgerTuning],
  ['router', routerTuning],
])('every setting of the %s is used by its code', (folder, tuning) => {
  const root = join(import.meta.dirname, '..', '..', folder);
  const code = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => /(?<!\.test)\.ts$/u.test(file) && !file.endsWith('-tuning.ts'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const unused = Object.keys(tuning).filter((name) => {
    // Those of messages are read where servers are made, for both.
    if (/^(?:message|connection|total)Mib$/u.test(name)) return !/callLimits\(tuning\)/u.test(code);
    return !new RegExp(`uning\\??\\.${name}\\b|[{,]\\s*${name}\\b[^=;]*=[^;]*uning`, 'u').test(
      code,
    );
  });
  expect(unused).toEqual([]);
});

test('a variable is the key in capitals', () => {
  expect(variableOf('ledger.batchItems')).toBe('MERIDIAN_LEDGER_BATCH_ITEMS');
  expect(variableOf('logLevel')).toBe('MERIDIAN_LOG_LEVEL');
});

test('the page on configuration names every setting', () => {
  const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'configuration.md'), 'utf8');
  for (const { key } of settings) expect(page).toContain(`\`${key}\``);
});
