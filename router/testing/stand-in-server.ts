import {
  type sendUnaryData,
  Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import type { RpcError } from '../../ledger/rpc/error.ts';
import {
  BookServiceService,
  FaultCode,
  LocateAccountReply,
  PlaceAccountsReply,
  type PlaceAccountsRequest,
  type PostReply,
  type PostRequest,
  Topology,
  type WatchTopologyRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import {
  type ChangeAccountRequest,
  ChangeAccountResponse,
  FindAccountsResponse,
  GetAccountResponse,
  type OpenAccountsRequest,
  OpenAccountsResponse,
} from '../../proto/gen/meridian/v1/account.ts';
import {
  type RegisterAssetRequest,
  RegisterAssetResponse,
} from '../../proto/gen/meridian/v1/asset.ts';
import {
  CreateTransferResponse,
  type GetTransferResponse,
  type GetTransfersResponse,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

type Watcher = ServerWritableStream<WatchTopologyRequest, Topology>;
type PlaceCall = ServerUnaryCall<PlaceAccountsRequest, PlaceAccountsReply>;
type PostStream = ServerDuplexStream<PostRequest, PostReply>;

/**
 * A server of one book on a real socket that answers and acts as a test wants: how routers
 * handle what ledger servers rarely do cannot be tried with those.
 */
export class StandInServer {
  readonly region: string;
  /** The answer to a read; undefined: none. The position's seq distinguishes copies. */
  onRead: (() => bigint | RpcError | undefined) | undefined;
  /** False: a topology stream that is opened gets nothing. */
  reports = true;
  /** True: batches are posted; false: they are taken, and never answered. */
  posts = true;
  /** True: it knows every key already. */
  replays = false;
  /** Its answer to every transfer. */
  outcome: TransferStatus = TransferStatus.POSTED;
  /** True: its queue is full, and it refuses what comes. */
  isFull = false;
  /**
   * True: openings, changes and registrations are answered, as known already if `replays`; false:
   * they are taken, and never answered.
   */
  changes = true;
  /** Its answer to an account's change; undefined: it is made. */
  changeFails: RpcError | undefined;
  /** True: a server of a release that does not know the rule by which accounts are placed. */
  isEarlier = false;
  /** Which names it owns, by the list that a router sends. */
  owns: (externalId: string, regionBooks: readonly number[]) => boolean = () => true;
  readonly placed: PlaceAccountsRequest[] = [];
  /** Its answer to a look-up by external id. */
  located: { accounts: { externalId: string; homeRegion: string }[]; ownedElsewhere?: boolean } = {
    accounts: [],
  };
  /** Openings, changes and registrations that came. */
  changed = 0;
  /** The answers to look-ups of transfers, in the order asked; undefined: none. */
  lookedUp: readonly GetTransferResponse[] | undefined;
  reads = 0;
  /** Transfers that came, by key, each as often as it came. */
  readonly posted: string[] = [];
  readonly #server = new Server();
  readonly #watchers = new Set<Watcher>();
  #topology: Topology;
  #port = 0;

  /** @param book number of the only book it serves */
  constructor(region: string, book = 1) {
    this.region = region;
    this.#topology = Topology.fromPartial({ book, name: `${region}-1`, region });
    this.#topology.serverRegion = region;
    this.#server.addService(BookServiceService, {
      watchTopology: (stream: Watcher) => {
        this.#watchers.add(stream);
        stream.on('cancelled', () => this.#watchers.delete(stream));
        if (this.reports) stream.write(this.#topology);
      },
      getAccount: (_call: unknown, callback: sendUnaryData<GetAccountResponse>) =>
        this.#read(callback),
      getTransfer: (_call: unknown, callback: sendUnaryData<GetTransferResponse>) => {
        const [answer] = this.lookedUp ?? [];
        if (answer !== undefined) callback(null, answer);
      },
      getTransfers: (_call: unknown, callback: sendUnaryData<GetTransfersResponse>) => {
        if (this.lookedUp === undefined) return;
        callback(null, { transfers: [...this.lookedUp], positions: [] });
      },
      placeAccounts: (call: PlaceCall, callback: sendUnaryData<PlaceAccountsReply>) =>
        this.#place(call.request, callback),
      locateAccount: (_call: unknown, callback: sendUnaryData<LocateAccountReply>) => {
        this.reads += 1;
        if (this.isEarlier) callback({ code: status.UNIMPLEMENTED });
        else callback(null, LocateAccountReply.fromPartial(this.located));
      },
      findAccounts: (_call: unknown, callback: sendUnaryData<FindAccountsResponse>) => {
        callback(null, FindAccountsResponse.fromPartial({ accounts: this.located.accounts }));
      },
      openAccounts: (
        { request }: ServerUnaryCall<OpenAccountsRequest, OpenAccountsResponse>,
        callback: sendUnaryData<OpenAccountsResponse>,
      ) => {
        const accounts = request.accounts.map(({ dryRun }) => ({ dryRun, replayed: this.replays }));
        this.#change(() => callback(null, OpenAccountsResponse.fromPartial({ accounts })));
      },
      changeAccount: (
        { request: { dryRun } }: ServerUnaryCall<ChangeAccountRequest, ChangeAccountResponse>,
        callback: sendUnaryData<ChangeAccountResponse>,
      ) => {
        const answer = { dryRun, replayed: this.replays };
        this.#change(() => {
          if (this.changeFails === undefined)
            callback(null, ChangeAccountResponse.fromPartial(answer));
          else callback(this.changeFails);
        });
      },
      registerAsset: (
        { request: { dryRun } }: ServerUnaryCall<RegisterAssetRequest, RegisterAssetResponse>,
        callback: sendUnaryData<RegisterAssetResponse>,
      ) => {
        const answer = { asset: {}, dryRun, replayed: this.replays };
        this.#change(() => callback(null, RegisterAssetResponse.fromPartial(answer)));
      },
      // A dry run of transfers is never answered.
      dryRun: () => undefined,
      post: (stream: PostStream) => {
        stream.on('data', (request: PostRequest) => this.#post(stream, request));
        stream.on('end', () => stream.end());
      },
    });
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** @param port 0: any free one */
  async start(port = 0): Promise<this> {
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, insecureLinks.server(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return this;
  }

  /** From now on it reports that it leads in this epoch; 0: that it does not lead. */
  lead(epoch: number): void {
    this.#topology = { ...this.#topology, epoch: BigInt(epoch), leading: epoch > 0 };
    for (const stream of this.#watchers) stream.write(this.#topology);
  }

  /** Ends all topology streams; they may be opened again. */
  hangUp(): void {
    for (const stream of this.#watchers) stream.end();
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #change(answer: () => void): void {
    this.changed += 1;
    if (this.changes) answer();
  }

  #place(request: PlaceAccountsRequest, callback: sendUnaryData<PlaceAccountsReply>): void {
    if (this.isEarlier) {
      callback({ code: status.UNIMPLEMENTED });
      return;
    }
    this.placed.push(request);
    const accounts = request.accounts.map(({ dryRun }) => ({ dryRun, replayed: this.replays }));
    const notOwned = request.accounts.flatMap(({ externalId }, index) =>
      this.owns(externalId, request.regionBooks) ? [] : [index],
    );
    this.#change(() => callback(null, PlaceAccountsReply.fromPartial({ accounts, notOwned })));
  }

  #read(callback: sendUnaryData<GetAccountResponse>): void {
    this.reads += 1;
    const answer = this.onRead?.();
    if (answer === undefined) return;
    if (typeof answer !== 'bigint') callback(answer);
    else {
      const position = { book: 1, epoch: 1n, seq: answer };
      callback(null, GetAccountResponse.fromPartial({ position }));
    }
  }

  #post(stream: PostStream, { batch, transfers }: PostRequest): void {
    this.posted.push(...transfers.map(({ idempotencyKey }) => idempotencyKey));
    if (!this.posts) return;
    if (this.isFull) {
      const value = { batch, code: FaultCode.OVERLOADED, message: 'too many wait', channel: '' };
      stream.write({ reply: { $case: 'fault', value } });
      return;
    }
    const results = transfers.map(({ idempotencyKey: transferId }) =>
      CreateTransferResponse.fromPartial({
        transferId,
        status: this.outcome,
        replayed: this.replays,
      }),
    );
    stream.write({ reply: { $case: 'outcome', value: { batch, results, halted: [] } } });
  }
}
