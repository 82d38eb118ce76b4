import { routerChannel } from '../links/known-links.ts';
import path from 'node:path';
import { expect } from 'vitest';
import { type AuditReport, runAudit } from '../../ledger/audit/run-audit.ts';
import { MeridianClient } from '../../router/client/client.ts';
import {
  type Cluster,
  type ClusterOptions,
  startCluster,
} from '../supervisor/embedded/embedded-cluster.ts';
import { findFreeBase } from '../processes/ports.ts';
import { testFolder } from './folder.ts';
import { runReplay } from '../cli/replay/replay-payments.ts';
import type { ReplaySummary } from '../cli/replay/replay-tally.ts';
import type { PaymentFiles } from './payment-files.ts';

/** Asset of the accounts that tests open in addition to those of the files. */
export const OWN_ASSET = 'CHF';

/** Where the books are. */
export interface BookPlaces {
  /** Addresses of routers by region, in the order in which its callers try them. */
  readonly routers: ReadonlyMap<string, readonly string[]>;
  /** Database of each book, as the auditor. */
  readonly auditorUrls: () => Promise<readonly string[]>;
}

/** What tests ask of books in any profile. */
export class TestBooks {
  readonly #place: BookPlaces;
  readonly #clients: ReadonlyMap<string, MeridianClient>;

  constructor(place: BookPlaces) {
    this.#place = place;
    const options = { timeoutMs: 120_000, attemptTimeoutMs: 10_000, channelTo: routerChannel };
    this.#clients = new Map(
      [...place.routers].map(([name, addresses]) => [name, new MeridianClient(addresses, options)]),
    );
  }

  closeClients(): void {
    for (const client of this.#clients.values()) client.close();
  }

  client(region: string): MeridianClient {
    const client = this.#clients.get(region);
    if (client === undefined) throw new Error(`there is no region ${region}`);
    return client;
  }

  /** Replays the files; `onProgress` receives the share that is done, 0 to 1. */
  replay(files: PaymentFiles, onProgress: (share: number) => void): Promise<ReplaySummary> {
    return runReplay(
      {
        accountsFile: files.accounts,
        paymentsFile: files.payments,
        map: files.map,
        regions: [...this.#place.routers.keys()],
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

  async audit(): Promise<AuditReport> {
    return runAudit({ urls: await this.#place.auditorUrls(), onProgress: () => undefined });
  }

  /** Debits and credits of every account with this prefix of the external id, by external id. */
  async balances(prefix: string): Promise<Map<string, { debits: bigint; credits: bigint }>> {
    const found = new Map<string, { debits: bigint; credits: bigint }>();
    for (const name of this.#place.routers.keys()) {
      let pageToken = '';
      do {
        const request = { homeRegion: name, pageSize: 1000, pageToken };
        const page = await this.client(name).listAccounts(request);
        for (const { externalId, debits, credits } of page.accounts) {
          if (externalId.startsWith(prefix)) found.set(externalId, { debits, credits });
        }
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
    }
    return found;
  }

  /** Expects the accounts of these files, and no others, with their exact balances. */
  async expectBalances(files: PaymentFiles): Promise<void> {
    expect(await this.balances(files.prefix)).toEqual(files.expected);
  }

  /**
   * The books hold exactly the payments of these files: balances to the last unit, every
   * invariant, each key decided once, nothing in transit.
   */
  async expectExactly(files: PaymentFiles): Promise<AuditReport> {
    await this.expectBalances(files);
    const report = await this.audit();
    expect(report.violations).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.inFlight.filter(({ amountMinor }) => amountMinor !== 0n)).toEqual([]);
    return report;
  }
}

/** Regions without replicas, three unless a test asks for others; all are real processes. */
export class EmbeddedTestBooks extends TestBooks {
  readonly cluster: Cluster;

  private constructor(cluster: Cluster) {
    super({
      routers: new Map(cluster.regions.map(({ name, routerAddress }) => [name, [routerAddress]])),
      // Those that were added meanwhile as well.
      auditorUrls: () => Promise.resolve(cluster.books.map(({ auditorUrl }) => auditorUrl)),
    });
    this.cluster = cluster;
  }

  /**
   * Empty books, by default in a folder of one test.
   * @param over another topology; without links it may have up to five regions
   */
  static async start(
    folder = testFolder(),
    over: Pick<ClusterOptions, 'topology' | 'links' | 'settings'> = {},
  ): Promise<EmbeddedTestBooks> {
    const basePort = await findFreeBase(48);
    const dataDir = path.join(folder, 'data');
    return new EmbeddedTestBooks(await startCluster({ dataDir, basePort, links: true, ...over }));
  }

  async stop(): Promise<void> {
    this.closeClients();
    await this.cluster.stop();
  }
}
