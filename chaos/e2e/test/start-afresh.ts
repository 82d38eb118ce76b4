import { join } from 'node:path';
import { migrate } from '../../../ledger/store/postgres/migrate.ts';
import type { OwnInstallation } from '../../drive/installation/own.ts';
import { once } from '../../drive/nemeses/session.ts';
import { writePrograms } from '../../drive/programs/write-programs.ts';

/**
 * Starts all ledger servers and routers again, with a bug.
 *
 * @param folder that the installation was started in
 * @param bug undefined: none
 * @param meanwhile done while none of them runs
 */
export async function restartWith(
  installation: OwnInstallation,
  folder: string,
  bug: string | undefined,
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const { faults, copies } = installation;
  const servers = [
    ...copies.map(({ processes }) => processes.ledger),
    ...installation.state().regions.map(({ name }) => `${name}/router`),
  ];
  await Promise.all(servers.map((name) => faults.stop(name)));
  await meanwhile();
  writePrograms(join(folder, 'programs'), { clocks: join(folder, 'clocks'), bug });
  await Promise.all(servers.map((name) => faults.start(name)));
}

/**
 * Restarts an installation of the embedded profile with empty books, and servers that have the
 * bug. Its databases, which take longest to start, keep running.
 */
export function startAfresh(
  installation: OwnInstallation,
  folder: string,
  bug: string | undefined,
): Promise<void> {
  const { copies } = installation;
  return restartWith(installation, folder, bug, () =>
    Promise.all(copies.map(({ adminUrl }) => empty(adminUrl))),
  );
}

async function empty(adminUrl: string): Promise<void> {
  const url = new URL(adminUrl);
  const database = url.pathname.slice(1);
  url.pathname = '/postgres';
  await once(url.href, async (sql) => {
    await sql`DROP DATABASE ${sql(database)} WITH (FORCE)`;
    await sql`CREATE DATABASE ${sql(database)} TEMPLATE template0`;
  });
  await migrate(adminUrl);
}
