import { join } from 'node:path';
import { migrate } from '../../ledger/store/migrate.ts';
import { checkout } from '../../regions/local/layout.ts';
import type { Programs } from '../../regions/local/region-processes.ts';

/** The servers as everybody runs them. */
export const ownPrograms: Programs = {
  ledger: join(checkout, 'regions', 'processes', 'ledger.ts'),
  router: join(checkout, 'regions', 'processes', 'router.ts'),
  migrate,
};

/** The same servers, each writing a processor profile when it ends. */
export const profiledPrograms: Programs = {
  ledger: join(import.meta.dirname, 'ledger.ts'),
  router: join(import.meta.dirname, 'router.ts'),
  migrate,
};
