import path from 'node:path';
import { findFreeBase } from '../local/ports.ts';
import { testFolder } from '../local/test/folder.ts';
import { type ReplicatedCluster, startReplicatedCluster } from '../replicated/cluster.ts';
import { missingPackages } from '../replicated/packages.ts';
import { primaryUrls } from '../replicated/primary.ts';
import { TestBooks } from './books.ts';

/** Short ways between the regions: what a test waits for should not be the speed of light. */
export const shortDelays = { 'eu-west~us-east': 3, 'eu-west~ap-south': 5, 'us-east~ap-south': 8 };

/**
 * Why tests of the replicated profile cannot run here; '' if they can. Where everything must be
 * tested, as in CI, a missing package is a failure and not a reason.
 */
export function whyNotReplicated(): string {
  const missing = missingPackages();
  if (missing.length === 0) return '';
  const why = `the replicated profile cannot run here: install ${missing.join(', ')}`;
  if (process.env['CI'] !== undefined) throw new Error(why);
  process.stderr.write(`SKIPPED: ${why}\n`);
  return why;
}

/** Three regions with a copy of every book in each; real processes all. */
export class ReplicatedBooks extends TestBooks {
  readonly cluster: ReplicatedCluster;

  private constructor(cluster: ReplicatedCluster) {
    const { regions } = cluster.state();
    const addresses = regions.map(({ routerAddress }) => routerAddress);
    super({
      // Callers of a region that is lost go to another's router.
      routers: new Map(
        regions.map(({ name }, index) => [
          name,
          [...addresses.slice(index), ...addresses.slice(0, index)],
        ]),
      ),
      auditorUrls: () => primaryUrls(cluster.state()),
    });
    this.cluster = cluster;
  }

  /** Empty books in a folder of their own. */
  static async start(): Promise<ReplicatedBooks> {
    const basePort = await findFreeBase();
    const dataDir = path.join(testFolder(), 'data');
    return new ReplicatedBooks(
      await startReplicatedCluster({ dataDir, basePort, delays: shortDelays }),
    );
  }

  async stop(): Promise<void> {
    this.closeClients();
    await this.cluster.stop();
  }
}
