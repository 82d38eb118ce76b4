import { expect, test } from 'vitest';

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
