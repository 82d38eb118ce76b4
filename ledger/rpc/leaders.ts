import { credentials } from '@grpc/grpc-js';
import { BookServiceClient, type Topology } from '../../proto/gen/meridian/internal/v1/book.ts';

const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
};

/**
 * Streams of one connection share its flow control: one that is not read would hold up all
 * calls beside it.
 */
function ownClient(address: string): BookServiceClient {
  const options = { ...CHANNEL_OPTIONS, 'grpc.use_local_subchannel_pool': 1 };
  return new BookServiceClient(address, credentials.createInsecure(), options);
}

/** A lost topology stream is opened again after this pause. */
const RETRY_MS = 200;

/** The leader of a book as far as it is known here. */
export interface Leader {
  readonly book: number;
  readonly epoch: number;
  readonly address: string;
  readonly client: BookServiceClient;
  /** A client with a connection of its own, which the caller must close. */
  readonly connect: () => BookServiceClient;
}

interface Server {
  readonly address: string;
  readonly client: BookServiceClient;
  /** What it said last; undefined while it cannot be reached. */
  said: Topology | undefined;
}

/**
 * Who leads which book, learnt from the topology stream of every ledger server: the leader with
 * the highest epoch. A server that cannot be reached leads nothing as far as we know.
 */
export class Leaders {
  readonly #servers: Server[];
  readonly #listeners = new Set<(book: number) => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  /** @param addresses HOST:PORT of every ledger server */
  constructor(addresses: readonly string[]) {
    this.#servers = addresses.map((address) => ({
      address,
      client: new BookServiceClient(address, credentials.createInsecure(), CHANNEL_OPTIONS),
      said: undefined,
    }));
    for (const server of this.#servers) this.#watch(server);
  }

  /** The leader of a book; undefined while none is known. */
  leaderOf(book: number): Leader | undefined {
    let found: Leader | undefined;
    for (const { address, client, said } of this.#servers) {
      if (said === undefined || !said.leading || said.book !== book) continue;
      const epoch = Number(said.epoch);
      if (found === undefined || epoch > found.epoch)
        found = { book, epoch, address, client, connect: () => ownClient(address) };
    }
    return found;
  }

  /** Calls back whenever something about a book may have changed. Returns how to stop it. */
  onChange(listener: (book: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { client } of this.#servers) client.close();
  }

  #watch(server: Server): void {
    const stream = server.client.watchTopology({});
    let lost = false;
    // A lost stream is told of by an error, by its end, or by both.
    const lose = () => {
      if (lost) return;
      lost = true;
      stream.cancel();
      const { said } = server;
      server.said = undefined;
      if (this.#closed) return;
      if (said !== undefined) this.#changed(said.book);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (!this.#closed) this.#watch(server);
      }, RETRY_MS);
      this.#timers.add(timer);
    };
    stream.on('data', (said: Topology) => {
      if (!lost) this.#hear(server, said);
    });
    stream.on('error', lose);
    stream.on('end', lose);
  }

  #hear(server: Server, said: Topology): void {
    server.said = said;
    this.#changed(said.book);
  }

  #changed(book: number): void {
    for (const listener of this.#listeners) listener(book);
  }
}

/**
 * Asks one ledger server whether it leads a book in an epoch. False if it says no or does not
 * answer within the time.
 */
export function answersAsLeader(
  address: string,
  book: number,
  epoch: number,
  timeoutMs: number,
): Promise<boolean> {
  const client = new BookServiceClient(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  return new Promise<boolean>((resolve) => {
    const stream = client.watchTopology({}, { deadline: Date.now() + timeoutMs });
    const answer = (leads: boolean) => {
      resolve(leads);
      stream.cancel();
      client.close();
    };
    stream.once('data', (said: Topology) => {
      answer(said.leading && said.book === book && Number(said.epoch) === epoch);
    });
    stream.on('error', () => answer(false));
  });
}
