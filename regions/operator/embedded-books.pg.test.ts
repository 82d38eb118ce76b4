import { expect, onTestFinished, test } from 'vitest';
import { accountId } from '../../ledger/core/account-id.ts';
import { testDatabases } from '../../ledger/testing/database/database.ts';
import { Leading } from '../../ledger/testing/database/leading.ts';
import { openRequest, transferRequest } from '../../ledger/testing/books/book-requests.ts';
import { EmbeddedBooks } from './embedded-books.ts';
import { readHistory } from './history.ts';
import { inTransit } from './in-transit.ts';
import { whereIs } from './where.ts';

const database = testDatabases();

/** No server listens there. */
const NOWHERE = '127.0.0.1:1';

/** Two books: one with a database and no ledger server, one with neither. */
async function books() {
  const opened = await database();
  const state = (number: number, region: 'eu-west' | 'us-east', adminUrl: string) => ({
    number,
    name: `${region}-1`,
    region,
    process: `${region}/ledger`,
    ledgerAddress: NOWHERE,
    adminUrl,
    ledgerUrl: adminUrl,
    auditorUrl: adminUrl,
  });
  const copies = new EmbeddedBooks({
    books: [
      state(1, 'eu-west', opened.adminUrl),
      state(2, 'us-east', `postgres://postgres@${NOWHERE}/us_east_1`),
    ],
  });
  onTestFinished(() => copies.close());
  return { opened, copies };
}

test('books without copies are read, and those that do not answer are named', async () => {
  const { opened, copies } = await books();
  const leading = await Leading.over(opened, { address: 'ledger-1' });
  await leading.open([openRequest({ externalId: 'alice' })]);
  const creditAccountId = accountId(2, 7);
  await leading.transfer([transferRequest({ creditAccountId, amount: 5n })]);
  await leading.stop();

  const silent = ['us-east-1'];
  // Each answers within a time limit, which a busy machine may exceed at first.
  await expect
    .poll(() => inTransit(copies, 0))
    .toMatchObject({
      transfers: [
        { fromBook: 'eu-west-1', toBook: 'us-east-1', creditAccountId, amount: 5n, scale: 2 },
      ],
      complete: true,
      silent,
    });
  await expect
    .poll(() => inTransit(copies, 60_000))
    .toEqual({ transfers: [], complete: true, silent });
  await expect
    .poll(() => readHistory(copies, 10))
    .toMatchObject({
      entries: [{ kind: 'take-over', books: ['eu-west-1'], who: 'ledger-1' }],
      silent,
    });
  await expect
    .poll(() => whereIs(copies, 'alice'))
    .toMatchObject({
      accounts: [
        {
          externalId: 'alice',
          book: {
            name: 'eu-west-1',
            leader: undefined,
            members: [{ region: 'eu-west', state: 'running', ledger: 'no answer' }],
            exposure: { safe: false },
            outgoing: [{ toBook: 2, amount: 5n, scale: 2, transfers: 1 }],
          },
        },
      ],
    });
  await expect(whereIs(copies, 'nowhere')).rejects.toThrow('us-east-1 answers');
});
