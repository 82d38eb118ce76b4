import type { Logger } from '../ledger/logger.ts';
import { Leaders } from '../ledger/rpc/leaders.ts';
import { bytesOf } from '../ledger/rpc/message-bytes.ts';
import { RpcServer } from '../ledger/rpc/server.ts';
import { unary } from '../ledger/rpc/unary.ts';
import { type LedgerServiceServer, LedgerServiceService } from '../proto/gen/meridian/v1/ledger.ts';
import { Accounts } from './accounts.ts';
import { type Book, Books } from './books.ts';
import { Forward } from './forward.ts';
import { Transfers } from './transfers.ts';

/** 8,000 transfers of up to 2 KiB each. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

export interface RouterConfig {
  /** HOST:PORT to listen on. */
  readonly listen: string;
  readonly books: readonly Book[];
  /** Addresses of every ledger server. */
  readonly ledgers: readonly string[];
}

/** A router: the public API in front of all books. It keeps no state that matters. */
export class RouterServer {
  readonly #leaders: Leaders;
  readonly #transfers: Transfers;
  readonly #rpc: RpcServer;

  constructor(config: RouterConfig, log: Logger) {
    const books = new Books(config.books);
    this.#leaders = new Leaders(config.ledgers);
    this.#transfers = new Transfers(books, this.#leaders, log);
    const accounts = new Accounts(books, new Forward(this.#leaders));
    this.#rpc = new RpcServer({
      listen: config.listen,
      service: LedgerServiceService,
      messageBytesMax: MESSAGE_BYTES_MAX,
      implementation: implementation(this.#transfers, accounts, log),
      serviceName: 'meridian.v1.LedgerService',
    });
  }

  /**
   * Serves until `stop`. A book that cannot be reached does not make a router unhealthy: the
   * other books' accounts are served.
   * @throws Error if the address cannot be listened on
   */
  async start(): Promise<void> {
    await this.#rpc.start();
    this.#rpc.setServing(true);
  }

  /** Finishes the calls in progress, then closes. */
  async stop(): Promise<void> {
    await this.#rpc.stop();
    this.#transfers.close();
    this.#leaders.close();
  }
}

function implementation(
  transfers: Transfers,
  accounts: Accounts,
  log: Logger,
): LedgerServiceServer {
  return {
    openAccount: unary(log, (request, deadline) => accounts.openOne(request, deadline)),
    openAccounts: unary(log, async (request, deadline) => ({
      accounts: await accounts.open(request.accounts, deadline),
    })),
    getAccount: unary(log, (request, deadline) => accounts.get(request, deadline)),
    findAccounts: unary(log, (request, deadline) => accounts.find(request, deadline)),
    listAccounts: unary(log, (request, deadline) => accounts.list(request, deadline)),
    createTransfer: unary(log, (request, deadline) => transfers.createOne(request, deadline)),
    createTransfers: unary(log, async (request, deadline) => ({
      results: await transfers.createWithin(request.transfers, deadline, bytesOf(request)),
    })),
    getTransfer: unary(log, (request, deadline) => accounts.transfer(request, deadline)),
    listEntries: unary(log, (request, deadline) => accounts.entries(request, deadline)),
  };
}
