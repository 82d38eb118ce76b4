import type { Logger } from '../ledger/logger.ts';
import { Leaders } from '../ledger/rpc/leaders.ts';
import { callLimits } from '../ledger/rpc/call-watch.ts';
import { RpcServer } from '../ledger/rpc/server.ts';
import type { Access } from '../ledger/rpc/access/access.ts';
import type { LinkSecurity } from '../ledger/rpc/tls/credentials.ts';
import { unary } from '../ledger/rpc/unary.ts';
import type { ListBooksResponse } from '../proto/gen/meridian/v1/book.ts';
import { Accounts } from './accounts.ts';
import type { Book } from '../ledger/core/book.ts';
import { Books } from './books/books.ts';
import { Changes } from './changes.ts';
import { Forward } from './books/forward.ts';
import { listBooks } from './list-books.ts';
import { LookUps } from './reads/look-ups.ts';
import { Reads } from './reads/reads.ts';
import { RoutedSubscriptions } from './reads/routed-subscriptions.ts';
import {
  sizeOf,
  transferService,
  type TransferServiceServer,
} from './transfers/transfer-service.ts';
import { TransferStreams } from './transfers/transfer-streams.ts';
import { Transfers } from './transfers/transfers.ts';
import { routerTuning, type RouterTuning } from './router-tuning.ts';

export interface RouterOptions {
  /** HOST:PORT to listen on. */
  readonly listen: string;
  readonly security: LinkSecurity;
  /** Who may call what; undefined without TLS. */
  readonly access: Access | undefined;
  /** Where the router is: copies of books in this region are asked first. */
  readonly region: string;
  readonly books: readonly Book[];
  /** Addresses of every ledger server. */
  readonly ledgers: readonly string[];
  /** Default: `routerTuning`. */
  readonly tuning?: RouterTuning | undefined;
}

/** A router: the public API in front of all books. It keeps no state that matters. */
export class RouterServer {
  readonly #leaders: Leaders;
  readonly #transfers: Transfers;
  readonly #streams: TransferStreams;
  readonly #subscriptions: RoutedSubscriptions;
  readonly #rpc: RpcServer;
  #running = false;
  #draining = false;

  constructor(config: RouterOptions, log: Logger) {
    const { tuning = routerTuning } = config;
    const books = new Books(config.books);
    this.#leaders = new Leaders(config.ledgers, config.security, config.region);
    const forward = new Forward(this.#leaders, tuning);
    this.#transfers = new Transfers(books, this.#leaders, forward, log, tuning);
    this.#streams = new TransferStreams((...one) => this.#transfers.createOne(...one), log, tuning);
    this.#subscriptions = new RoutedSubscriptions(books, this.#leaders, tuning);
    this.#rpc = new RpcServer({
      listen: config.listen,
      security: config.security,
      access: config.access,
      service: transferService,
      limits: callLimits(tuning),
      drainMs: tuning.drainMs,
      implementation: implementation(
        {
          transfers: this.#transfers,
          streams: this.#streams,
          subscriptions: this.#subscriptions,
          accounts: new Accounts(books, forward),
          changes: new Changes(books, forward),
          lookUps: new LookUps(books, forward),
          reads: new Reads(books, forward),
          listBooks: () => listBooks(books, this.#leaders),
        },
        log,
      ),
      serviceName: 'meridian.v1.LedgerService',
      endsItself: ['streamTransfers', 'subscribe'],
    });
  }

  /**
   * Serves until `stop`. A book that cannot be reached does not make a router unhealthy: the
   * other books' accounts are served.
   * @throws Error if the address cannot be listened on
   */
  async start(): Promise<void> {
    await this.#rpc.start();
    this.#running = true;
    this.#updateHealth();
  }

  /**
   * While draining, health checks report NOT_SERVING, so that load balancers send callers
   * elsewhere; calls that come all the same are served.
   */
  setDraining(draining: boolean): void {
    this.#draining = draining;
    this.#updateHealth();
  }

  #updateHealth(): void {
    this.#rpc.setServing(this.#running && !this.#draining);
  }

  /** Finishes the calls in progress, then closes. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#streams.stop();
    this.#subscriptions.stop();
    await this.#rpc.stop();
    this.#transfers.close();
    this.#leaders.close();
  }
}

/** The parts that serve the calls. */
interface Parts {
  readonly transfers: Transfers;
  readonly streams: TransferStreams;
  readonly subscriptions: RoutedSubscriptions;
  readonly accounts: Accounts;
  readonly changes: Changes;
  readonly lookUps: LookUps;
  readonly reads: Reads;
  readonly listBooks: () => ListBooksResponse;
}

function implementation(parts: Parts, log: Logger): TransferServiceServer {
  const { transfers, streams, subscriptions, accounts, changes, lookUps, reads } = parts;
  return {
    openAccount: unary(log, (request, deadline) => accounts.openOne(request, deadline)),
    openAccounts: unary(log, async (request, deadline) => ({
      accounts: await accounts.open(request.accounts, deadline),
    })),
    changeAccount: unary(log, (request, deadline) => changes.change(request, deadline)),
    registerAsset: unary(log, (request, deadline) => changes.registerAsset(request, deadline)),
    getAccount: unary(log, (request, deadline) => reads.account(request, deadline)),
    getAccounts: unary(log, (request, deadline) => lookUps.accounts(request, deadline)),
    findAccounts: unary(log, (request, deadline) => reads.find(request, deadline)),
    listAccounts: unary(log, (request, deadline) => reads.accounts(request, deadline)),
    createTransfer: unary(log, (request, deadline) =>
      transfers.createOne(request, deadline, sizeOf(request)),
    ),
    createTransfers: unary(log, (request, deadline) =>
      transfers.create(request, deadline, sizeOf(request)),
    ),
    streamTransfers: (stream) => streams.serve(stream),
    subscribe: (stream) => subscriptions.serve(stream),
    getTransfer: unary(log, (request, deadline) => lookUps.transfer(request, deadline)),
    getTransfers: unary(log, (request, deadline) => lookUps.transfers(request, deadline)),
    listTransfers: unary(log, (request, deadline, signalOf) =>
      reads.transfers(request, deadline, signalOf()),
    ),
    listEntries: unary(log, (request, deadline) => reads.entries(request, deadline)),
    getStatement: unary(log, (request, deadline, signalOf) =>
      reads.statement(request, deadline, signalOf()),
    ),
    listAssets: unary(log, (request, deadline) => reads.assets(request, deadline)),
    listBooks: unary(log, () => Promise.resolve(parts.listBooks())),
  };
}
