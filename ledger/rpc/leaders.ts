import type { ClientReadableStream } from '@grpc/grpc-js';
import { backoffMs } from '../backoff.ts';
import { WINDOW_BYTES } from './flow-control.ts';
import type { LinkSecurity } from './tls/credentials.ts';
import { BookServiceClient, type Topology } from '../../proto/gen/meridian/internal/v1/book.ts';

const CHANNEL_OPTIONS = {
  // A server that is silent, whether frozen or behind a dead link, is given up after 6 seconds.
  'grpc.keepalive_time_ms': 3_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // Addresses may be names. Only their addresses are looked up, and again after a failure.
  'grpc.service_config_disable_resolution': 1,
  'grpc.dns_min_time_between_resolutions_ms': 1_000,
  'grpc-node.flow_control_window': WINDOW_BYTES,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
};

/**
 * Calls of one connection share its flow control and its end: a stream that is not read holds up
 * the others, and too many calls that are given up make the server close it. So this one has a
 * connection of its own.
 */
function ownClient(address: string, security: LinkSecurity): BookServiceClient {
  const options = { ...CHANNEL_OPTIONS, 'grpc.use_local_subchannel_pool': 1 };
  return new BookServiceClient(address, security.channelTo('ledger'), options);
}

/** Before a lost topology stream is opened again. */
const BACKOFF = { firstMs: 200, longestMs: 10_000 };
/** A server that sends nothing for this long after its stream was opened is not there. */
const FIRST_MESSAGE_MS = 3_000;

/** Clock readings of a server that are older than this are ignored. */
const CLOCK_MS = 15_000;

/** The leader of a book as far as it is known here. */
export interface Leader {
  readonly book: number;
  readonly epoch: number;
  readonly address: string;
  /** Where the server is; the book may be homed elsewhere. */
  readonly region: string;
  /** What is wrong with the clocks of the server or the time of the book; '' if nothing is. */
  readonly clockAlarm: string;
  /**
   * For reads and other calls that may be given up. The clients of a silent server are closed and
   * replaced, so this is read for each call, and not kept.
   */
  readonly client: BookServiceClient;
  /** For what moves money, and must not end with reads that are given up; not kept either. */
  readonly posting: BookServiceClient;
  /** A client with a connection of its own, which the caller must close. */
  readonly connect: () => BookServiceClient;
}

/** A server that can be reached, and has a copy of the book that was asked for. */
export interface ReachableServer {
  readonly address: string;
  /** Read for each call, and not kept: see `Leader`. */
  readonly client: BookServiceClient;
}

/** How a server is reached. */
interface Link {
  readonly client: BookServiceClient;
  /** Also carries the topology stream: while that lasts, postings have a connection. */
  readonly posting: BookServiceClient;
  /** Its topology stream. */
  stream: ClientReadableStream<Topology> | undefined;
}

class Server implements ReachableServer {
  readonly address: string;
  link: Link;
  /** Opened with a newer certificate; replaces `link` once the server has answered on it. */
  next: Link | undefined;
  /** What it reported last; undefined while it cannot be reached. */
  topology: Topology | undefined;
  /** Streams in a row on which it has sent nothing in time. */
  silences = 0;
  /** By performance.now(): when it was reported. */
  topologyAt = 0;

  constructor(address: string, link: Link) {
    this.address = address;
    this.link = link;
  }

  get client(): BookServiceClient {
    return this.link.client;
  }
}

/**
 * Who leads which book, and who has a copy of it, learnt from the topology stream of every ledger
 * server. The leader is the one with the highest epoch; once an epoch is known, no server
 * leads in an older one, even if it is alive. A server that cannot be reached does nothing as far
 * as we know.
 *
 * No server may lower what is known here, or have its own epoch raised to it, because it was
 * restored: a deposed leader with its own database looks the same, and would get the callers back.
 * So a copy that is older by more than one epoch needs a restart of all processes (runbook).
 */
export class Leaders {
  readonly #servers: Server[];
  readonly #security: LinkSecurity;
  readonly #region: string;
  readonly #listeners = new Set<(book: number) => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** The newest epoch in which any server has led a book. */
  readonly #epochs = new Map<number, number>();
  readonly #stopRenewing: () => void;
  #closed = false;

  /**
   * @param addresses HOST:PORT of every ledger server
   * @param region where the caller is: `copiesOf` puts servers near it first
   */
  constructor(addresses: readonly string[], security: LinkSecurity, region = '') {
    this.#security = security;
    this.#region = region;
    this.#servers = addresses.map((address) => new Server(address, this.#linkTo(address)));
    for (const server of this.#servers) this.#watch(server, server.link);
    this.#stopRenewing = security.onRenewed(() => {
      for (const server of this.#servers) this.#renew(server);
    });
  }

  /** The leader of a book; undefined while none is known. */
  leaderOf(book: number): Leader | undefined {
    let found: Leader | undefined;
    let newest = this.#epochs.get(book) ?? 0;
    for (const server of this.#servers) {
      const { address, topology } = server;
      if (topology === undefined || !topology.leading || topology.book !== book) continue;
      const epoch = Number(topology.epoch);
      if (epoch < newest) continue;
      newest = epoch;
      const { serverRegion: region, clockAlarm } = topology;
      found = {
        book,
        epoch,
        address,
        region,
        clockAlarm,
        get client() {
          return server.client;
        },
        get posting() {
          return server.link.posting;
        },
        connect: () => this.#clientOf(address),
      };
    }
    return found;
  }

  /**
   * The servers of a book that can be reached: those of the caller's region first, then the
   * others, the leader last, because it is the busiest.
   */
  copiesOf(book: number): readonly ReachableServer[] {
    const distance = ({ serverRegion, leading }: Topology) => {
      if (serverRegion === this.#region) return 0;
      return leading ? 2 : 1;
    };
    return this.#servers
      .flatMap((server) =>
        server.topology?.book === book ? [{ server, distance: distance(server.topology) }] : [],
      )
      .toSorted((a, b) => a.distance - b.distance)
      .map(({ server }) => server);
  }

  /** How many servers there are. */
  get peerCount(): number {
    return this.#servers.length;
  }

  /** The clocks of the servers that reported lately as they are now, less the network delay. */
  peerClocks(): Clocks[] {
    const now = performance.now();
    return this.#servers.flatMap(({ topology, topologyAt }) =>
      now - topologyAt > CLOCK_MS ? [] : clocksAt(now, topology, topologyAt),
    );
  }

  /**
   * The clocks of the servers that answer within a time, as they are now. A clock was read
   * between the question and the answer, so it is right to half of that time.
   */
  async askClocks(withinMs: number): Promise<Clocks[]> {
    const askedAt = performance.now();
    const answers = await Promise.all(
      this.#servers.map(async ({ address }) => {
        const topology = await askTopology(address, this.#security, withinMs);
        const answeredAt = performance.now();
        return { topology, answeredAt, inTime: answeredAt - askedAt <= withinMs };
      }),
    );
    const now = performance.now();
    return answers.flatMap(({ topology, answeredAt, inTime }) =>
      inTime ? clocksAt(now, topology, (askedAt + answeredAt) / 2) : [],
    );
  }

  /**
   * Asks one ledger server whether it leads a book in an epoch. False if it does not
   * lead or does not answer within the time.
   */
  async answersAsLeader(
    address: string,
    book: number,
    epoch: number,
    timeoutMs: number,
  ): Promise<boolean> {
    const topology = await askTopology(address, this.#security, timeoutMs);
    if (topology === undefined) return false;
    // It need not lead yet: after a take-over it first builds the indexes that are missing.
    return topology.book === book && Number(topology.epoch) === epoch;
  }

  /** Calls back whenever something about a book may have changed. Returns how to stop it. */
  onChange(listener: (book: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** From now on no server is known, and the clients take no calls: they would throw. */
  close(): void {
    this.#closed = true;
    this.#stopRenewing();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const server of this.#servers) {
      closeLink(server.link);
      if (server.next !== undefined) closeLink(server.next);
      server.topology = undefined;
    }
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  #clientOf(address: string): BookServiceClient {
    return ownClient(address, this.#security);
  }

  #linkTo(address: string): Link {
    const client = this.#clientOf(address);
    return { client, posting: this.#clientOf(address), stream: undefined };
  }

  /** Connects with the certificate as it is now; what is connected remains in use until then. */
  #renew(server: Server): void {
    if (server.next !== undefined) closeLink(server.next);
    server.next = this.#linkTo(server.address);
    this.#watch(server, server.next);
  }

  #watch(server: Server, link: Link): void {
    const stream = link.posting.watchTopology({});
    link.stream = stream;
    let lost = false;
    // A lost stream emits an error, its end, or both.
    const lose = (isSilent: boolean) => {
      if (lost) return;
      lost = true;
      this.#clear(silence);
      stream.cancel();
      if (this.#closed) return;
      if (server.next === link) this.#renewLater(server, link);
      else if (server.link === link) this.#reconnect(server, isSilent);
    };
    const silence = this.#after(FIRST_MESSAGE_MS, () => lose(true));
    stream.on('data', (topology: Topology) => {
      if (lost || this.#closed) return;
      this.#clear(silence);
      if (server.next === link) this.#replace(server, link);
      this.#receive(server, topology);
    });
    stream.on('error', () => lose(false));
    stream.on('end', () => lose(false));
  }

  #reconnect(server: Server, isSilent: boolean): void {
    if (isSilent) {
      // Nothing else ends a connection that is opened towards a dead link.
      closeLink(server.link);
      server.link = this.#linkTo(server.address);
      server.silences += 1;
    }
    const { link, topology } = server;
    server.topology = undefined;
    if (topology !== undefined) this.#changed(topology.book);
    this.#after(backoffMs(server.silences + 1, BACKOFF), () => {
      if (server.link === link) this.#watch(server, link);
    });
  }

  #renewLater(server: Server, failed: Link): void {
    closeLink(failed);
    server.next = undefined;
    this.#after(BACKOFF.longestMs, () => {
      if (server.next === undefined) this.#renew(server);
    });
  }

  /** Calls in progress are completed on the connections that are replaced. */
  #replace(server: Server, link: Link): void {
    const { link: before, topology } = server;
    server.link = link;
    server.next = undefined;
    closeLink(before);
    if (topology !== undefined) this.#changed(topology.book);
  }

  #after(ms: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #clear(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.#timers.delete(timer);
  }

  #receive(server: Server, topology: Topology): void {
    const before = server.topology;
    server.topology = topology;
    server.silences = 0;
    server.topologyAt = performance.now();
    if (topology.leading) {
      const known = this.#epochs.get(topology.book) ?? 0;
      this.#epochs.set(topology.book, Math.max(known, Number(topology.epoch)));
    }
    // Most of the time a server only repeats itself, with newer times of its clocks.
    if (before?.leading === topology.leading && before.epoch === topology.epoch) return;
    this.#changed(topology.book);
  }

  #changed(book: number): void {
    for (const listener of this.#listeners) listener(book);
  }
}

function closeLink({ client, posting, stream }: Link): void {
  // A client that is closed leaves its streams open.
  stream?.cancel();
  client.close();
  posting.close();
}

interface Clocks {
  readonly wallMicros: number;
  readonly steadyMicros: number;
}

/** The clocks of a server at `now`, if they were read at `readAt`; none if it reported none. */
function clocksAt(now: number, topology: Topology | undefined, readAt: number): Clocks[] {
  if (topology === undefined || topology.steadyMicros === 0n) return [];
  const passed = (now - readAt) * 1_000;
  const { wallMicros, steadyMicros } = topology;
  return [{ wallMicros: Number(wallMicros) + passed, steadyMicros: Number(steadyMicros) + passed }];
}

/** The first message of a ledger server; undefined if none arrives within the time. */
function askTopology(
  address: string,
  security: LinkSecurity,
  timeoutMs: number,
): Promise<Topology | undefined> {
  const client = new BookServiceClient(address, security.channelTo('ledger'), CHANNEL_OPTIONS);
  return new Promise<Topology | undefined>((resolve) => {
    const stream = client.watchTopology({}, { deadline: Date.now() + timeoutMs });
    const answer = (topology?: Topology) => {
      resolve(topology);
      stream.cancel();
      client.close();
    };
    stream.once('data', (topology: Topology) => answer(topology));
    stream.on('error', () => answer());
    stream.on('end', () => answer());
  });
}
