import { expect, test } from 'vitest';
import { ledgerTuning } from '../../ledger/ledger-tuning.ts';
import { routerTuning } from '../../router/router-tuning.ts';
import { insecurity, ledgerConfig, routerConfig } from './config.ts';

test('a missing setting is named as missing, a malformed one by what it must be', () => {
  expect(() => ledgerConfig({})).toThrow(/MERIDIAN_BOOK: is required and not set/u);
  expect(() => ledgerConfig({ MERIDIAN_BOOK: 'one' })).toThrow(/MERIDIAN_BOOK: must be a whole/u);
});

test('a server listens where other hosts reach it only if that is accepted', () => {
  const env = {
    MERIDIAN_REGION: 'eu-west',
    MERIDIAN_LEDGERS: '127.0.0.1:1',
    MERIDIAN_BOOKS: '1:eu-west-1:eu-west',
  };
  const at = (MERIDIAN_LISTEN: string, more = {}) =>
    routerConfig({ ...env, MERIDIAN_LISTEN, ...more });
  for (const listen of ['127.0.0.1:7', '127.77.1.1:7', 'localhost:7']) {
    expect(insecurity(at(listen))).toBeUndefined();
  }
  for (const listen of [
    '0.0.0.0:7',
    '10.0.0.1:7',
    'eu-west.example.com:7',
    '127.0.0.1.example:7',
  ]) {
    expect(() => at(listen)).toThrow(/MERIDIAN_INSECURE=true/u);
    expect(insecurity(at(listen, { MERIDIAN_INSECURE: 'true' }))).toMatch(/neither encrypted/u);
  }
});

const place = {
  MERIDIAN_REGION: 'eu-west',
  MERIDIAN_LISTEN: '127.0.0.1:7',
  MERIDIAN_LEDGERS: '127.0.0.1:7',
  MERIDIAN_BOOKS: '1:eu-west-1:eu-west',
  MERIDIAN_BOOK: '1',
  MERIDIAN_DATABASE_URL: 'postgres://meridian_ledger@127.0.0.1/eu_west_1',
};

test('a server has the settings of its environment, and the defaults of the code', () => {
  const changed = { MERIDIAN_LEDGER_BATCH_ITEMS: '2000', MERIDIAN_LOG_LEVEL: 'warn' };
  const { tuning, logLevel } = ledgerConfig({ ...place, ...changed });
  expect(logLevel).toBe('warn');
  expect(tuning).toEqual({ ...ledgerTuning, batchItems: 2_000 });
  expect(routerConfig({ ...place, ...changed }).tuning).toEqual(routerTuning);
});

test('every setting that is wrong is named, with what is missing', () => {
  const { MERIDIAN_BOOK: _, ...other } = place;
  const wrong = {
    MERIDIAN_LEDGER_BATCH_ITEMS: '5',
    MERIDIAN_LEDGER_QUEUE_MIB: '1e9',
    MERIDIAN_LOG_LEVEL: 'loud',
    MERIDIAN_LEDGER_LONG_READS: '4',
  };
  expect(() => ledgerConfig({ ...other, ...wrong })).toThrow(
    new RegExp(
      [
        'MERIDIAN_BOOK: is required and not set',
        'MERIDIAN_LOG_LEVEL: must be one of debug, info, warn, error',
        'MERIDIAN_LEDGER_BATCH_ITEMS: must be 100 to 16000 items',
        'MERIDIAN_LEDGER_QUEUE_MIB: must be a whole number, 16 to 1024 MiB',
        'ledger.longReads \\(4\\) must be less than ledger.readConnections \\(4\\)',
      ].join('\\n  '),
      'u',
    ),
  );
});
