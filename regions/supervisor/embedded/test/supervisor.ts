import { join } from 'node:path';
import { startCluster } from '../embedded-cluster.ts';

/** A supervisor in a process of its own, for the tests that kill it: DATA-DIR BASE-PORT */

const [dataDir = '', basePort = ''] = process.argv.slice(2);
const standIn = join(import.meta.dirname, '..', '..', '..', 'processes', 'test', 'stand-in.ts');
await startCluster({
  dataDir,
  basePort: Number(basePort),
  programs: { ledger: standIn, router: standIn, migrate: () => Promise.resolve() },
});
process.stdout.write('ready\n');
