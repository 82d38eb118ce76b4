import { expect, test } from 'vitest';
import { ledgerTuning } from '../../ledger/ledger-tuning.ts';
import { routerTuning } from '../../router/router-tuning.ts';
import { ledgerConfig, routerConfig } from './config.ts';

test('a missing setting is named as missing, a malformed one by what it must be', () => {
  expect(() => ledgerConfig({})).toThrow(/MERIDIAN_BOOK: is required and not set/u);
  expect(() => ledgerConfig({ MERIDIAN_BOOK: 'one' })).toThrow(/MERIDIAN_BOOK: must be a whole/u);
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
