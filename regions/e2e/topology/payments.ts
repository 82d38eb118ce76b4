import { expect } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { connect } from '../../../ledger/store/postgres/connect.ts';
import { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { CreateTransferRequest, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { MeridianClient } from '../../../router/client/client.ts';
import type { EmbeddedTestBooks } from '../../testing/test-books.ts';

/** The number of the book that an account is in. */
export const bookOf = (accountId: bigint) => Number(accountId >> 48n);

/** Opens an account without a lower limit, or finds it if it is open. */
export async function open(client: MeridianClient, name: string, homeRegion: string) {
  const response = await client.openAccount(
    OpenAccountRequest.fromPartial({
      externalId: name,
      homeRegion,
      asset: 'EUR',
      min: { $case: 'noMinBalance', value: true },
    }),
  );
  return must(response.account, 'the account is open').id;
}

/** Opens accounts of a region until each of its books has one; returns them by the book. */
export async function openInEach(
  client: MeridianClient,
  region: string,
  books: number,
  prefix: string,
): Promise<ReadonlyMap<number, bigint>> {
  const found = new Map<number, bigint>();
  for (let index = 0; found.size < books; index += 1) {
    if (index === 200) throw new Error(`200 names of ${region} are in ${found.size} books`);
    const id = await open(client, `${prefix}-${index}`, region);
    if (!found.has(bookOf(id))) found.set(bookOf(id), id);
  }
  return found;
}

/** Pays 1 from one account to another and returns the id of the transfer. */
export async function pay(client: MeridianClient, key: string, from: bigint, to: bigint) {
  const { transferId, status } = await client.createTransfer(
    CreateTransferRequest.fromPartial({
      idempotencyKey: key,
      debitAccountId: from,
      creditAccountId: to,
      amount: 1n,
      asset: 'EUR',
    }),
  );
  // Between books it is on its way at first.
  expect([TransferStatus.POSTED, TransferStatus.IN_TRANSIT]).toContain(status);
  return transferId;
}

/** The ids of all transfers that payers have posted. */
export async function postedIds({ cluster }: EmbeddedTestBooks): Promise<ReadonlySet<string>> {
  const ids = await Promise.all(
    cluster.books.map(async ({ auditorUrl }) => {
      const sql = connect(auditorUrl, 1);
      try {
        const rows = await sql<{ id: string }[]>`
          SELECT id FROM journal WHERE kind = 1 AND reason = 0`;
        return rows.map(({ id }) => id);
      } finally {
        await sql.end();
      }
    }),
  );
  return new Set(ids.flat());
}
