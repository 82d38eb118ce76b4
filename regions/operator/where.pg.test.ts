import { expect, test } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import { testDatabases } from '../../ledger/testing/database/database.ts';
import { Leading } from '../../ledger/testing/database/leading.ts';
import { openRequest } from '../../ledger/testing/books/book-requests.ts';
import { accountsNamed } from './where.ts';

const database = testDatabases();

test('an account is found by every meaning of its name, or only by the one that is given', async () => {
  const opened = await database();
  const leading = await Leading.over(opened);
  const digits = String(accountId(1, 1));
  const names = ['shop', digits, 'till@eu-west', 'till'];
  await leading.open(names.map((externalId) => openRequest({ externalId })));
  const found = async (name: string) => {
    const accounts = await accountsNamed(opened.ledger, name, 'eu-west');
    return accounts.map(({ external_id: externalId }) => externalId);
  };
  expect(await found('shop')).toEqual(['shop']);
  expect(await found('shop@eu-west')).toEqual(['shop']);
  expect(await found('shop@us-east')).toEqual([]);
  expect(await found('till@eu-west')).toEqual(['till@eu-west', 'till']);
  expect(await found('name:till@eu-west')).toEqual(['till@eu-west']);
  // The first account has the id that is the second one's name.
  expect(await found(digits)).toEqual(['shop', digits]);
  expect(await found(`id:${digits}`)).toEqual(['shop']);
  expect(await found(`name:${digits}`)).toEqual([digits]);
  expect(await found('id:shop')).toEqual([]);
  await leading.stop();
});
