import { join } from 'node:path';
import { migrate } from '../../ledger/store/postgres/migrate.ts';
import type { Programs } from '../../regions/supervisor/embedded/region-processes.ts';

/** The servers as they run in production; they count the time of their garbage collection. */
export const countedPrograms: Programs = {
  ledger: join(import.meta.dirname, 'counted-ledger.ts'),
  router: join(import.meta.dirname, 'counted-router.ts'),
  migrate,
};

/** The same servers, each writing a processor profile when it ends. */
export const profiledPrograms: Programs = {
  ledger: join(import.meta.dirname, 'profiled-ledger.ts'),
  router: join(import.meta.dirname, 'profiled-router.ts'),
  migrate,
};
