import { RowKind } from '../../../ledger/core/journal-row.ts';
import { derivedId, transferIdOf } from '../../../ledger/core/transfer-id.ts';
import { timestampFrom } from '../../../ledger/core/timestamp.ts';
import {
  PostReply,
  PostRequest,
  type SettleReply,
  type SettleRequest,
} from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import type { SimulatedBug } from '../simulated-bug.ts';
import type { RedisStore } from '../stand-ins/redis-store.ts';
import type { Event } from '../../../proto/gen/meridian/v1/event.ts';
import type { World } from '../world.ts';
import { eventFeed, type Subscriber } from './event-feed.ts';
import type { PostSource, SimulatedLedgerServer } from './simulated-ledger-server.ts';
import type { ServerStatus } from './known-leaders.ts';

/** The entry of requests to a ledger server: direct, unless a deliberate bug intercepts them. */
export class Doors {
  readonly #bug: SimulatedBug | undefined;
  readonly #world: World;
  readonly #redises: ReadonlyMap<string, RedisStore>;

  constructor(
    world: World,
    bug: SimulatedBug | undefined,
    redises: ReadonlyMap<string, RedisStore>,
  ) {
    this.#world = world;
    this.#bug = bug;
    this.#redises = redises;
  }

  post(server: SimulatedLedgerServer, source: PostSource, bytes: Buffer): void {
    const request = this.#bug === undefined ? undefined : PostRequest.decode(bytes);
    const known = request && this.#knownTooEarly(server, request);
    if (request === undefined || known === undefined) {
      server.post(source, bytes);
      return;
    }
    const value = { batch: request.batch, results: [known], halted: [] };
    const reply = PostReply.encode({ reply: { $case: 'outcome', value } });
    source.write(Buffer.from(reply.finish()));
  }

  #knownTooEarly(
    server: SimulatedLedgerServer,
    { transfers }: PostRequest,
  ): CreateTransferResponse | undefined {
    const [first] = transfers;
    if (first === undefined) return undefined;
    const id = transferIdOf(first.namespace, first.idempotencyKey);
    if (this.#bug === 'trust-redis-alone') {
      const redis = this.#redises.get(`redis-${server.process.region}`);
      if (redis?.has(id) !== true) return undefined;
      return replayed(id, { book: server.book.number, epoch: 1, seq: 1 });
    }
    const { node } = server;
    if (this.#bug !== 'exists-before-barrier' || !node.primary || server.member?.leader) {
      return undefined;
    }
    const row = node.memory.byId.get(id);
    if (row === undefined || row.amount !== first.amount) return undefined;
    if ((row.peer?.number ?? null) !== null || row.kind !== RowKind.transfer) return undefined;
    const { reason, epoch, seq, atMicros: at } = row;
    const numbers = { reason, epoch, seq, at };
    return replayed(id, { book: server.book.number, ...numbers });
  }

  /** The status of a server as other processes receive it. */
  published({ node }: SimulatedLedgerServer, status: ServerStatus): ServerStatus {
    if (this.#bug !== 'exists-before-barrier' || status.leading || !node.primary) return status;
    // From its take-over on a server reports the epoch of that.
    const epoch = status.epoch > 0 ? status.epoch : node.memory.head.epoch + 1;
    return { ...status, leading: true, epoch };
  }

  /** True: with a bug, any copy answers also where only the leader may. */
  get anyCopyAnswers(): boolean {
    return this.#bug === 'read-from-a-copy';
  }

  /** Serves a subscriber; with a bug, a page of events is lost in front of it now and then. */
  subscribe(
    server: SimulatedLedgerServer,
    subscriber: Subscriber,
    request: { readonly book: string; readonly after: bigint },
  ): void {
    let pages = 0;
    const lossy = (events: readonly Event[]) => {
      pages += 1;
      if (pages % 5 !== 0) subscriber.onEvents(events);
    };
    const onEvents = this.#bug === 'drop-events' ? lossy : subscriber.onEvents;
    server.subscribe(eventFeed(this.#world, server.process, { ...subscriber, onEvents }, request));
  }

  async settle(server: SimulatedLedgerServer, request: SettleRequest): Promise<SettleReply> {
    const reply = await server.settle(request);
    const leader = server.member?.leader;
    if (this.#bug !== 'apply-channel-twice' || leader === undefined) return reply;
    const { applied } = leader.memory.channel(request.originBook);
    return server.settle({
      ...request,
      firstNumber: BigInt(applied + 1),
      hashBefore: Buffer.alloc(0),
      legs: request.legs.map((leg) => ({
        ...leg,
        transferId: derivedId('again', leg.transferId, String(applied)),
      })),
    });
  }

  /** The reply to the sender when its call has no answer; undefined: a timeout. */
  unanswered({ firstNumber, legs }: SettleRequest): SettleReply | undefined {
    if (this.#bug !== 'refund-on-timeout') return undefined;
    return {
      appliedThrough: firstNumber + BigInt(legs.length - 1),
      refusals: legs.map((_, index) => ({
        number: firstNumber + BigInt(index),
        reason: Reason.CREDIT_ACCOUNT_CLOSED,
      })),
      appliedHash: Buffer.alloc(0),
    };
  }
}

function replayed(
  transferId: string,
  {
    book,
    reason = 0,
    epoch = 0,
    seq,
    at = 0,
  }: Record<'book' | 'seq', number> &
    Partial<Record<'reason' | 'epoch' | 'at', number | undefined>>,
): CreateTransferResponse {
  return {
    transferId,
    status: reason === 0 ? TransferStatus.POSTED : TransferStatus.REJECTED,
    reason: Object.values(Reason).find((known) => known === reason) ?? Reason.UNSPECIFIED,
    differingField: '',
    replayed: true,
    position: { book, epoch: BigInt(epoch), seq: BigInt(seq) },
    decidedAt: timestampFrom(at),
    actualAmount: 0n,
    expiresAt: undefined,
    group: undefined,
    dryRun: false,
  };
}
