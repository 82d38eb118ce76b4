import { type handleUnaryCall, type ServerUnaryCall, status } from '@grpc/grpc-js';
import type { Logger } from '../ledger/logger.ts';
import { RpcError } from '../ledger/rpc/error.ts';
import { Leaders } from '../ledger/rpc/leaders.ts';
import { RpcServer } from '../ledger/rpc/server.ts';
import {
  type CreateTransferResponse,
  type LedgerServiceServer,
  LedgerServiceService,
  type OpenAccountResponse,
} from '../proto/gen/meridian/v1/ledger.ts';
import { Accounts } from './accounts.ts';
import { type Book, Books } from './books.ts';
import { Forward } from './forward.ts';
import { Transfers } from './transfers.ts';

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
      implementation: implementation(this.#transfers, accounts, log),
      serviceName: 'meridian.v1.LedgerService',
      protoFiles: ['meridian/v1/ledger.proto'],
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
  const unary = unaryWith(log);
  return {
    openAccount: unary(async ({ request }, deadline) => {
      const [response] = await accounts.open([request], deadline);
      return response as OpenAccountResponse;
    }),
    openAccounts: unary(async ({ request }, deadline) => ({
      accounts: await accounts.open(request.accounts, deadline),
    })),
    getAccount: unary(({ request }, deadline) => accounts.get(request, deadline)),
    findAccounts: unary(({ request }, deadline) => accounts.find(request, deadline)),
    listAccounts: unary(({ request }, deadline) => accounts.list(request, deadline)),
    createTransfer: unary(async ({ request }, deadline) => {
      const [result] = await transfers.create([request], deadline, '');
      return result as CreateTransferResponse;
    }),
    createTransfers: unary(async ({ request }, deadline) => ({
      results: await transfers.create(request.transfers, deadline),
    })),
    getTransfer: unary(({ request }, deadline) => accounts.transfer(request, deadline)),
    listEntries: unary(({ request }, deadline) => accounts.entries(request, deadline)),
  };
}

/** Makes a gRPC handler of an async function. What is not an RpcError becomes INTERNAL. */
function unaryWith(log: Logger) {
  return <Request, Response>(
    handle: (
      call: ServerUnaryCall<Request, Response>,
      deadline: number | Date,
    ) => Promise<Response>,
  ): handleUnaryCall<Request, Response> =>
    (call, callback) => {
      const answer = async () => {
        try {
          callback(null, await handle(call, call.getDeadline()));
        } catch (error) {
          if (error instanceof RpcError) {
            callback(error);
            return;
          }
          log.error('a call failed', { method: call.getPath(), error: String(error) });
          callback(new RpcError(status.INTERNAL, 'the router failed; see its log'));
        }
      };
      void answer();
    };
}
