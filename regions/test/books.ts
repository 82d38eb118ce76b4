import path from 'node:path';
import { expect } from 'vitest';
import { type AuditReport, runAudit } from '../audit/run.ts';
import { MeridianClient } from '../client.ts';
import { type Cluster, startCluster } from '../local/cluster.ts';
import { findFreeBase } from '../local/ports.ts';
import { testFolder } from '../local/test/folder.ts';
import { runReplay } from '../replay/run.ts';
import type { ReplaySummary } from '../replay/tally.ts';
import type { PaymentFiles } from './payment-files.ts';

/** Asset of the accounts that tests open beside those of the files. */
export const OWN_ASSET = 'CHF';

/** Three regions with their links, real processes all, and what tests ask of their books. */
export class Books {
  readonly cluster: Cluster;
  readonly #clients: Map<string, MeridianClient>;

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
    const options = { timeoutMs: 120_000, attemptTimeoutMs: 10_000 };
    this.#clients = new Map(
      cluster.regions.map(({ name, routerAddress }) => [
        name,
        new MeridianClient([routerAddress], options),
      ]),
    );
  }

  /** Empty books in a folder of their own. */
  static async start(): Promise<Books> {
    const basePort = await findFreeBase();
    const dataDir = path.join(testFolder(), 'data');
    return new Books(await startCluster({ dataDir, basePort, links: true }));
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await this.cluster.stop();
  }

  client(region: string): MeridianClient {
    const client = this.#clients.get(region);
    if (client === undefined) throw new Error(`there is no region ${region}`);
    return client;
  }

  /** Replays the files; `onProgress` is told the share that is done, 0 to 1. */
  replay(files: PaymentFiles, onProgress: (share: number) => void): Promise<ReplaySummary> {
    return runReplay(
      {
        accountsFile: files.accounts,
        paymentsFile: files.payments,
        map: files.map,
        regions: this.cluster.regions.map(({ name }) => name),
        onBadLine: 'refuse',
        inTransitMsMax: 60_000,
      },
      {
        clientFor: (region) => this.client(region),
        onBadLine: ({ line }) => expect.fail(`line ${line} is bad`),
        onProgress: (done, total) => onProgress(done / total),
      },
    );
  }

  audit(): Promise<AuditReport> {
    const urls = this.cluster.regions.map(({ auditorUrl }) => auditorUrl);
    return runAudit({ urls, onProgress: () => undefined });
  }

  /** Debits and credits of every account of callers, by external id. */
  async balances(): Promise<Map<string, { debits: bigint; credits: bigint }>> {
    const found = new Map<string, { debits: bigint; credits: bigint }>();
    for (const { name } of this.cluster.regions) {
      let pageToken = '';
      do {
        const request = { homeRegion: name, pageSize: 1000, pageToken };
        const page = await this.client(name).listAccounts(request);
        for (const { externalId, asset, debits, credits } of page.accounts) {
          // What a test moves for itself is in an asset of its own.
          if (asset === OWN_ASSET) continue;
          found.set(externalId, { debits, credits });
        }
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
    }
    return found;
  }

  /**
   * The books hold exactly these payments: balances to the last unit, every invariant, each key
   * decided once, nothing in transit.
   */
  async expectExactly(files: PaymentFiles): Promise<AuditReport> {
    expect(await this.balances()).toEqual(files.expected);
    const report = await this.audit();
    expect(report.violations).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.inFlight.filter(({ amountMinor }) => amountMinor !== 0n)).toEqual([]);
    return report;
  }
}
