import { expect, onTestFinished, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { EmbeddedTestBooks } from '../../testing/test-books.ts';
import { testFolder } from '../../testing/folder.ts';
import { topologyOf } from '../../testing/topologies.ts';
import { open, pay, postedIds } from './payments.ts';

const REGIONS = ['eu-west', 'us-east', 'ap-south', 'us-west', 'sa-east'];

test('five regions pay one another through every router, and their books balance', async () => {
  const topology = topologyOf(Object.fromEntries(REGIONS.map((name) => [name, 1])));
  const books = await EmbeddedTestBooks.start(testFolder(), { topology, links: false });
  onTestFinished(() => books.stop());
  const accounts = await Promise.all(
    REGIONS.map((region) => open(books.client(region), `account-${region}`, region)),
  );
  const paid = await Promise.all(
    REGIONS.flatMap((via) =>
      accounts.flatMap((from, payer) =>
        accounts
          .filter((to) => to !== from)
          .map((to, payee) => pay(books.client(via), `${via}-${payer}-${payee}`, from, to)),
      ),
    ),
  );
  expect(new Set(paid).size).toBe(100);
  const posted = await postedIds(books);
  expect(paid.filter((id) => !posted.has(id))).toEqual([]);
  await expect
    .poll(async () => [...(await books.balances('account-')).values()], { timeout: 30_000 })
    .toEqual(REGIONS.map(() => ({ debits: 20n, credits: 20n })));
  const report = await books.audit();
  expect(report.violations).toEqual([]);
  expect(report.books).toHaveLength(REGIONS.length);

  // A region that is lost takes its own book along and no other one.
  const [first, , , , last] = accounts;
  await books.cluster.faults.loseRegion('us-east');
  const [from, to] = [must(first, 'it is open'), must(last, 'it is open')];
  await pay(books.client('ap-south'), 'while one is gone', from, to);
  await books.cluster.faults.restoreRegion('us-east');
});
