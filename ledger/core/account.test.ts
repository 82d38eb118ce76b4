import { expect, test } from 'vitest';
import { accountId } from './account-id.ts';
import { AccountFlag, newAccount, TRANSIT_PREFIX, transitExternalId } from './account.ts';

const ID = accountId(1, 7);

test('a new account is empty, open and free, and no transit account unless it is to be one', () => {
  const account = newAccount(ID, 'EUR', { minBalance: -5n, maxBalance: null });
  expect(account).toEqual({
    id: ID,
    asset: 'EUR',
    transit: false,
    minBalance: -5n,
    maxBalance: null,
    debits: 0n,
    credits: 0n,
    heldDebits: 0n,
    heldCredits: 0n,
    version: 0,
    flags: 0,
  });
  const { minBalance, maxBalance } = account;
  expect(newAccount(ID, 'EUR', { minBalance, maxBalance }, true).transit).toBe(true);
});

test('what is forbidden to an account can be stored as a sum', () => {
  expect(AccountFlag).toEqual({ frozenIn: 1, frozenOut: 2, closed: 4 });
});

test('the names of transit accounts never change between releases', () => {
  expect(transitExternalId('north', 'south', 'EUR')).toBe('transit:north>south:EUR');
  expect(TRANSIT_PREFIX).toBe('transit:');
});
