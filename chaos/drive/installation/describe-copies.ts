import { join } from 'node:path';
import type { ClusterState } from '../../../regions/topology/state.ts';
import type { Copy } from './installation.ts';

/** Every copy of every book: one each in the embedded profile, several otherwise. */
export function describeCopies({ dataDir, books, replicated }: ClusterState): Copy[] {
  if (replicated === undefined) {
    return books.map(({ number: book, name: bookName, region, process: ledger, ...addresses }) => ({
      ...addressesOf(addresses),
      book,
      bookName,
      home: region,
      region,
      processes: { ledger, postgres: `${region}/postgres`, patroni: undefined },
      postgresFolder: join(dataDir, region, 'postgres'),
    }));
  }
  return replicated.members.map(({ book, bookName, home, region, ...addresses }) => ({
    ...addressesOf(addresses),
    book,
    bookName,
    home,
    region,
    processes: {
      ledger: `${region}/ledger-${bookName}`,
      postgres: `${region}/postgres-${bookName}`,
      patroni: `${region}/patroni-${bookName}`,
    },
    postgresFolder: join(dataDir, region, bookName, 'postgres'),
  }));
}

type Addresses = Pick<Copy, 'ledgerAddress' | 'adminUrl' | 'ledgerUrl' | 'auditorUrl'>;

const addressesOf = ({ ledgerAddress, adminUrl, ledgerUrl, auditorUrl }: Addresses): Addresses => ({
  ledgerAddress,
  adminUrl,
  ledgerUrl,
  auditorUrl,
});
