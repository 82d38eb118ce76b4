import { join } from 'node:path';
import { migrate } from '../../ledger/store/migrate.ts';
import { checkout } from '../../regions/topology/layout.ts';
import type { Programs } from '../../regions/supervisor/embedded/region-processes.ts';

/** The servers as they run in production. */
export const ownPrograms: Programs = {
  ledger: join(checkout, 'regions', 'server', 'ledger.ts'),
  router: join(checkout, 'regions', 'server', 'router.ts'),
  migrate,
};

/** The same servers, each writing a processor profile when it ends. */
export const profiledPrograms: Programs = {
  ledger: join(import.meta.dirname, 'profiled-ledger.ts'),
  router: join(import.meta.dirname, 'profiled-router.ts'),
  migrate,
};
