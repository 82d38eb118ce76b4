import { join } from 'node:path';
import type { ClusterState } from '../../../regions/topology/state.ts';
import type { Copy } from './installation.ts';

/** Every copy of every book: one each in the embedded profile, one in every region otherwise. */
export function describeCopies({ dataDir, regions, replicated }: ClusterState): Copy[] {
  if (replicated === undefined) {
    return regions.map(({ name, book, bookName, ...addresses }) => ({
      ...addressesOf(addresses),
      book,
      bookName,
      home: name,
      region: name,
      processes: { ledger: `${name}/ledger`, postgres: `${name}/postgres`, patroni: undefined },
      postgresFolder: join(dataDir, name, 'postgres'),
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
