import { expect, test } from 'vitest';

import {
  Account,
  FindAccountsResponse,
  GetAccountResponse,
} from '../../../proto/gen/meridian/v1/account.ts';
import { CallError } from '../../../router/client/call-error.ts';
import { findAccount } from './account-name.ts';

const account = (id: bigint, externalId: string, homeRegion = 'eu-west') =>
  Account.fromPartial({ id, externalId, homeRegion });

const all = [
  account(5n, 'alice'),
  account(6n, '5'),
  account(7n, '123'),
  account(8n, 'shop'),
  account(9n, 'shop', 'us-east'),
  account(10n, 'eve@example.com'),
  account(11n, 'till@us-east'),
  account(12n, 'till', 'us-east'),
];

const notFound = new CallError('there is no account', {
  code: 'NOT_FOUND',
  outcome: 'not_applied',
  retryable: false,
  violations: [],
  reason: '',
  retryAfterMs: undefined,
});

const client: Parameters<typeof findAccount>[0] = {
  findAccounts: ({ externalId, homeRegion }) => {
    const inRegion = all.filter((each) => homeRegion === '' || each.homeRegion === homeRegion);
    const accounts = inRegion.filter((each) => each.externalId === externalId);
    return Promise.resolve(FindAccountsResponse.create({ accounts }));
  },
  getAccount: ({ id }) => {
    const found = all.find((each) => each.id === id);
    if (found) return Promise.resolve(GetAccountResponse.create({ account: found }));
    return Promise.reject(notFound);
  },
};

test.each([
  ['alice', 5n],
  ['id:5', 5n],
  ['name:5', 6n],
  ['123', 7n],
  ['8', 8n],
  ['shop@us-east', 9n],
  ['shop@eu-west', 8n],
  ['eve@example.com', 10n],
  ['name:till@us-east', 11n],
])('%s is account %s', async (name, id) => {
  expect((await findAccount(client, name)).id).toBe(id);
});

test.each([
  ['5', /may be any of id:6 .*, id:5 .*give one id:NUMBER/u],
  ['shop', /may be any of/u],
  ['till@us-east', /may be any of/u],
  ['id:99', /NOT_FOUND|there is no account/u],
  ['name:8', /there is no account/u],
  ['shop@eu-nowhere', /there is no account/u],
])('%s is refused, never guessed', async (name, message) => {
  await expect(findAccount(client, name)).rejects.toThrow(message);
});
