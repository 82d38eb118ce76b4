import { status } from '@grpc/grpc-js';
import {
  type BookServiceServer,
  type CompareChannelRequest,
  type DryRunLegsRequest,
  type ListLegsRequest,
  type PlaceAccountsRequest,
  type RepairChannelRequest,
  type SettleRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import type {
  ChangeAccountRequest,
  OpenAccountsRequest,
} from '../../proto/gen/meridian/v1/account.ts';
import type { ListAssetsRequest, RegisterAssetRequest } from '../../proto/gen/meridian/v1/asset.ts';
import type { CreateTransfersRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { BookMember, type MemberConfig } from '../member/book-member.ts';
import type { Logger } from '../logger.ts';
import { PostgresDatabase } from '../store/postgres/postgres-store.ts';
import { outcomeUnknown, unavailable } from '../rpc/error.ts';
import { Leaders } from '../rpc/leaders.ts';
import { callLimits } from '../rpc/call-watch.ts';
import { RpcServer } from '../rpc/server.ts';
import { ledgerAccess } from '../rpc/access/access.ts';
import type { LinkSecurity } from '../rpc/tls/credentials.ts';
import { type SignalOf, unary } from '../rpc/unary.ts';
import { AccountReads } from './account-reads.ts';
import { compareChannel } from './compare-channel.ts';
import { changeAccount, openAccounts, placeAccounts, registerAsset } from './account-calls.ts';
import { dryRun, dryRunLegs } from './dry-run.ts';
import { EntryReads } from './entry-reads.ts';
import { listLegs } from './list-legs.ts';
import { listAssets } from './list-assets.ts';
import { LongReads } from './long-reads.ts';
import { ReadTurns } from './read-turns.ts';
import { bookService } from './post-method.ts';
import { servePostStream } from './post-stream.ts';
import { repairChannel } from './repair-channel.ts';
import { settle } from './settle.ts';
import { Subscriptions } from './subscriptions.ts';
import { serveTopology } from './serve-topology.ts';
import { TransferReads } from './transfer-reads.ts';
import { whileLeading } from './while-leading.ts';

export interface LedgerServerConfig extends Omit<MemberConfig, 'database'> {
  /** `postgres://user:password@host:port/database` of the Postgres with this server's copy. */
  readonly databaseUrl: string;
  /** HOST:PORT to listen on. */
  readonly listen: string;
  readonly security: LinkSecurity;
  /** Addresses of every ledger server, this one included. */
  readonly ledgers: readonly string[];
}

/** A ledger server: its member of one book, and the gRPC service in front of it. */
export class LedgerServer {
  readonly #member: BookMember;
  readonly #leaders: Leaders;
  readonly #subscriptions: Subscriptions;
  readonly #rpc: RpcServer;
  #stopping = false;

  constructor(config: LedgerServerConfig, log: Logger) {
    const others = config.ledgers.filter((address) => address !== config.address);
    this.#leaders = new Leaders(others, config.security);
    const database = new PostgresDatabase(config.databaseUrl, config.book);
    this.#member = new BookMember({ ...config, database }, this.#leaders, log);
    const { tuning } = this.#member;
    this.#subscriptions = new Subscriptions(this.#member, log, tuning);
    const longReads = new LongReads(this.#member.store, tuning);
    const reads = { subscriptions: this.#subscriptions, longReads };
    this.#rpc = new RpcServer({
      listen: config.listen,
      security: config.security,
      access: config.security.trustDomain === undefined ? undefined : ledgerAccess,
      service: bookService(this.#member.config.book.number),
      limits: callLimits(tuning),
      drainMs: tuning.drainMs,
      implementation: implementation(this.#member, this.#leaders, reads, log),
      serviceName: 'meridian.internal.v1.BookService',
      endsItself: ['subscribe'],
    });
    this.#member.onStatus(({ leading, heldUp }) => {
      this.#rpc.setServing(leading && !heldUp && !this.#stopping);
    });
  }

  /**
   * Serves until `stop`. Health checks report SERVING while this server leads its book and
   * commits get through.
   * @throws Error if the address cannot be listened on
   * @throws InvariantError if the book contradicts itself: the process must end
   */
  async run(): Promise<void> {
    // Listening first: a second server of the same address fails before it touches the book.
    await this.#rpc.start();
    await this.#member.run();
    this.#leaders.close();
    await this.#rpc.stop();
    await this.#subscriptions.close();
  }

  stop(): void {
    this.#stopping = true;
    this.#rpc.setServing(false);
    this.#member.stop();
  }
}

function implementation(
  member: BookMember,
  leaders: Leaders,
  {
    subscriptions,
    longReads,
  }: { readonly subscriptions: Subscriptions; readonly longReads: LongReads },
  log: Logger,
): BookServiceServer {
  const turns = new ReadTurns(member.tuning.readConnections);
  const accountReads = new AccountReads(member, turns);
  const transferReads = new TransferReads(member, longReads, turns);
  const entryReads = new EntryReads(member, longReads, turns);
  const failures = {
    otherwise: () => unavailable('DATABASE', 'the database of the book cannot be reached', 200),
    timeUp: () => outcomeUnknown(status.DEADLINE_EXCEEDED),
  };
  const handle = <Request, Response>(
    method: (request: Request, signalOf: SignalOf) => Promise<Response>,
  ) => unary(log, (request: Request, _, signalOf) => method(request, signalOf), failures);
  const read = <Request, Response>(
    method: (request: Request, signal: AbortSignal) => Promise<Response>,
  ) =>
    handle((request: Request, signalOf) => whileLeading(member, () => method(request, signalOf())));
  return {
    post: (stream) => servePostStream(member, stream),
    openAccounts: handle((request: OpenAccountsRequest) => openAccounts(member, request)),
    placeAccounts: handle((request: PlaceAccountsRequest) => placeAccounts(member, request)),
    changeAccount: handle((request: ChangeAccountRequest) => changeAccount(member, request)),
    registerAsset: handle((request: RegisterAssetRequest) => registerAsset(member, request)),
    dryRun: handle((request: CreateTransfersRequest) => dryRun(member, leaders, request)),
    dryRunLegs: handle((request: DryRunLegsRequest) => dryRunLegs(member, request)),
    getAccount: read(accountReads.get.bind(accountReads)),
    getAccounts: read(accountReads.getMany.bind(accountReads)),
    findAccounts: read(accountReads.find.bind(accountReads)),
    locateAccount: read(accountReads.locate.bind(accountReads)),
    listAccounts: read(accountReads.list.bind(accountReads)),
    getTransfer: read(transferReads.get.bind(transferReads)),
    getTransfers: read(transferReads.getMany.bind(transferReads)),
    listTransfers: read(transferReads.list.bind(transferReads)),
    listEntries: read(entryReads.list.bind(entryReads)),
    getStatement: read(entryReads.statement.bind(entryReads)),
    listAssets: read((_: ListAssetsRequest, signal) => listAssets(member, turns, signal)),
    // An error it throws is a broken invariant and ends the process.
    subscribe: (stream) => void subscriptions.serve(stream),
    settle: handle((request: SettleRequest) => settle(member, log, request)),
    compareChannel: handle((request: CompareChannelRequest) =>
      compareChannel(member, log, request),
    ),
    listLegs: handle((request: ListLegsRequest) => listLegs(member, request)),
    repairChannel: handle((request: RepairChannelRequest) =>
      repairChannel(member, leaders, log, request),
    ),
    watchTopology: (stream) => serveTopology(member, stream),
  };
}
