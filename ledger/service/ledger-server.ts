import {
  BookServiceService,
  type BookServiceServer,
  type SettleRequest,
  type Topology,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import type {
  FindAccountsRequest,
  GetAccountRequest,
  GetTransferRequest,
  ListAccountsRequest,
  ListEntriesRequest,
  OpenAccountsRequest,
  OpenAccountsResponse,
  OpenAccountResponse,
} from '../../proto/gen/meridian/v1/ledger.ts';
import { validateAll, validateOpening } from '../core/validate.ts';
import { BookMember, type MemberConfig } from '../leader/book-member.ts';
import type { LedgerFault } from '../leader/ledger-fault.ts';
import type { Logger } from '../logger.ts';
import { aborted, invalidArgument, overloaded, unavailable } from '../rpc/error.ts';
import { Leaders } from '../rpc/leaders.ts';
import { RpcServer } from '../rpc/server.ts';
import { unary } from '../rpc/unary.ts';
import { servePostStream } from './post-stream.ts';
import { Reads } from './reads.ts';
import { settle } from './settle.ts';

/** A router gathers several calls into one batch, and legs travel 2,000 at a time. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export interface LedgerServerConfig extends MemberConfig {
  /** Addresses of every ledger server, this one included. */
  readonly ledgers: readonly string[];
}

/** A ledger server: its member of one book, and the gRPC service in front of it. */
export class LedgerServer {
  readonly #member: BookMember;
  readonly #leaders: Leaders;
  readonly #rpc: RpcServer;

  constructor(config: LedgerServerConfig, log: Logger) {
    this.#leaders = new Leaders(config.ledgers.filter((address) => address !== config.address));
    this.#member = new BookMember(config, this.#leaders, log);
    this.#rpc = new RpcServer({
      listen: config.address,
      service: BookServiceService,
      messageBytesMax: MESSAGE_BYTES_MAX,
      implementation: implementation(this.#member, log),
      serviceName: 'meridian.internal.v1.BookService',
    });
    this.#member.onStatus(({ leading }) => this.#rpc.setServing(leading));
  }

  /**
   * Serves until `stop`. Health checks say SERVING while this server leads its book.
   * @throws Error if the address cannot be listened on
   * @throws InvariantError if the book contradicts itself: the process must end
   */
  async run(): Promise<void> {
    // Listening first: a second server of the same address fails before it touches the book.
    await this.#rpc.start();
    await this.#member.run();
    this.#leaders.close();
    await this.#rpc.stop();
  }

  stop(): void {
    this.#rpc.setServing(false);
    this.#member.stop();
  }
}

function implementation(member: BookMember, log: Logger): BookServiceServer {
  const reads = new Reads(member);
  const handle = <Request, Response>(method: (request: Request) => Promise<Response>) =>
    unary(log, method, () =>
      unavailable('DATABASE', 'the database of the book cannot be reached', 200),
    );
  return {
    post: (stream) => servePostStream(member, stream),
    openAccounts: handle((request: OpenAccountsRequest) => openAccounts(member, request)),
    getAccount: handle((request: GetAccountRequest) => reads.getAccount(request)),
    findAccounts: handle((request: FindAccountsRequest) => reads.findAccounts(request)),
    listAccounts: handle((request: ListAccountsRequest) => reads.listAccounts(request)),
    getTransfer: handle((request: GetTransferRequest) => reads.getTransfer(request)),
    listEntries: handle((request: ListEntriesRequest) => reads.listEntries(request)),
    settle: handle((request: SettleRequest) => settle(member, request)),
    watchTopology: (stream) => {
      const { number, name, region } = member.config.book;
      const tell = () => {
        const { leading, epoch } = member.status;
        const said: Topology = { book: number, name, region, leading, epoch: BigInt(epoch) };
        stream.write(said);
      };
      const stopTelling = member.onStatus(tell);
      stream.on('cancelled', stopTelling);
      stream.on('error', stopTelling);
      tell();
    },
  };
}

async function openAccounts(
  member: BookMember,
  { accounts }: OpenAccountsRequest,
): Promise<OpenAccountsResponse> {
  const violations = validateAll(accounts, 'accounts', validateOpening);
  if (violations.length > 0) throw invalidArgument(violations);
  const { leader } = member;
  if (leader === undefined) throw unavailable('NOT_LEADER', 'this server does not lead', 100);
  const results = await new Promise<OpenAccountResponse[]>((resolve, reject) => {
    leader.submit({
      kind: 'open',
      requests: accounts,
      onOutcome: resolve,
      // An opening whose outcome is unknown may be repeated just as one that was not applied:
      // its external id makes it so.
      onFault: ({ code, message }: LedgerFault) =>
        reject(code === 'overloaded' ? overloaded(message, 100) : aborted(message, 100)),
    });
  });
  return { accounts: results };
}
