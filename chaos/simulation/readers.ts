import { accountId } from '../../ledger/core/account-id.ts';
import type { Book } from '../../ledger/core/book.ts';
import type { Event } from '../../proto/gen/meridian/v1/event.ts';
import { type Position, ReadLevel } from '../../proto/gen/meridian/v1/position.ts';
import { REGIONS, type SimulatedInstallation } from './installation/simulated-installation.ts';
import type { SimulatedLedgerServer } from './installation/simulated-ledger-server.ts';
import type { KeyedHistory } from './keyed-calls.ts';
import type { AskedRead, ReadAnswer, RecordedRead } from './recorded-reads.ts';
import type { Swarm } from './swarm.ts';
import { SimProcess, type World } from './world.ts';

/** How often a subscriber looks whether its server is still there, and pauses after an end. */
const WATCH_MS = 250;
const LEVELS = [ReadLevel.UNSPECIFIED, ReadLevel.LINEARIZABLE, ReadLevel.STALE] as const;

/** What a subscriber of a book has received. */
export interface Followed {
  readonly book: Book;
  readonly events: Event[];
}

const regionOf = (index: number) => REGIONS[index % REGIONS.length] ?? '';

/** Callers in all regions that read accounts, entries and transfers, and follow the books. */
export class Readers {
  readonly reads: RecordedRead[] = [];
  readonly followed: readonly Followed[];
  readonly #installation: SimulatedInstallation;
  readonly #swarm: Swarm;
  readonly #history: KeyedHistory;
  readonly #processes: readonly SimProcess[];
  /** The newest position that any reader has received of each book. */
  readonly #newest = new Map<number, Position>();
  #active = true;

  /** @param history what clients have asked for: its transfers are looked up */
  constructor(installation: SimulatedInstallation, swarm: Swarm, history: KeyedHistory) {
    this.#installation = installation;
    this.#swarm = swarm;
    this.#history = history;
    this.#processes = Array.from(
      { length: swarm.readers },
      (_, index) => new SimProcess(`reader-${index}`, regionOf(index)),
    );
    this.followed = installation.books.map((book) => ({ book, events: [] }));
    for (const [index, followed] of this.followed.entries()) {
      const process = new SimProcess(`subscriber-${index}`, regionOf(index + 1));
      installation.world.afterFor(process, 0, () => this.#follow(process, followed));
    }
  }

  start(): void {
    this.#active = true;
    for (const reader of this.#processes) this.#think(reader);
  }

  /** Asks nothing new; subscribers go on. */
  stop(): void {
    this.#active = false;
  }

  /** A subscriber that has not received the newest row; undefined if there is none. */
  behind(): string | undefined {
    const late = this.followed.find(({ book, events }) => {
      const { primary } = this.#installation.elections[book.number - 1] ?? {};
      return primary !== undefined && events.length < primary.memory.head.seq;
    });
    return late && `a subscriber of ${late.book.name} has ${late.events.length} events`;
  }

  #think(reader: SimProcess): void {
    const { world } = this.#installation;
    world.afterFor(reader, world.random.between(0, this.#swarm.thinkMs * 2), () => {
      if (!this.#active) return;
      this.#read(reader);
      this.#think(reader);
    });
  }

  #read(reader: SimProcess): void {
    const { world, books, doors } = this.#installation;
    const { random } = world;
    const { number: book } = random.pick(books);
    const level = random.pick(LEVELS);
    const isBent = doors.anyCopyAnswers && level === ReadLevel.LINEARIZABLE;
    const here = isBent || (level === ReadLevel.STALE && random.chance(0.8));
    const server = here ? this.#serverIn(reader.region, book) : this.#leader(reader.region, book);
    const seen = this.#newest.get(book);
    const minPosition = random.chance(0.3) ? seen : undefined;
    const options = { level, minPosition };
    const asked = this.#asked(book);
    if (server === undefined || asked === undefined) return;
    const read: RecordedRead = { book, asked, options, invokedAt: world.now, answers: [] };
    this.reads.push(read);
    const { incarnation } = reader;
    const receive = (answer: ReadAnswer) => {
      read.answers.push({ at: world.now, answer });
      const { position } = answer;
      if (position !== undefined && position.seq > (this.#newest.get(book)?.seq ?? 0n)) {
        this.#newest.set(book, position);
      }
    };
    world.send(reader, server.process, () => {
      const bent = isBent ? { ...options, level: ReadLevel.STALE } : options;
      server.read(asked, bent).then(
        (answer) => world.send(server.process, reader, () => receive(answer), incarnation),
        // A call that failed, as many must: it says nothing about the book.
        () => undefined,
      );
    });
  }

  #asked(book: number): AskedRead | undefined {
    const { random } = this.#installation.world;
    const account = accountId(book, 1 + random.below(this.#swarm.accounts));
    switch (random.below(4)) {
      case 0:
        return { kind: 'account', id: account };
      case 1:
        return { kind: 'entries', account, newestFirst: random.chance(0.5) };
      case 2: {
        const recent = [...this.#history.values()].filter((one) => one.book === book).slice(-12);
        return recent.length === 0 ? undefined : { kind: 'transfer', id: random.pick(recent).id };
      }
      default:
        return { kind: 'transfers', account };
    }
  }

  #leader(region: string, book: number): SimulatedLedgerServer | undefined {
    const router = this.#installation.routers.find(({ process }) => process.region === region);
    return this.#installation.servers.get(router?.topology.leaderOf(book) ?? '');
  }

  #serverIn(region: string, book: number): SimulatedLedgerServer | undefined {
    return this.#installation.servers.get(`ledger-${book}-${region}`);
  }

  /** Subscribes after the last event, and again when that ends. */
  #follow(process: SimProcess, followed: Followed): void {
    const { world, doors } = this.#installation;
    const again = () => world.afterFor(process, WATCH_MS, () => this.#follow(process, followed));
    const server = this.#leader(process.region, followed.book.number);
    if (server === undefined || !isReachable(world, process, server.process)) {
      again();
      return;
    }
    let over = false;
    const onEnd = () => {
      if (over) return;
      over = true;
      again();
    };
    const onEvents = (events: readonly Event[]) => {
      if (!over) followed.events.push(...events);
    };
    const after = followed.events.at(-1)?.position?.seq ?? 0n;
    const { incarnation } = server.process;
    const request = { book: followed.book.name, after };
    // A connection loses and repeats nothing, until it is lost itself.
    const { delayMs } = world.link(process.region, server.process.region);
    world.afterFor(server.process, delayMs, () => {
      doors.subscribe(server, { process, onEvents, onEnd }, request);
    });
    // Keepalive: a server that is gone, or that the network has cut off, ends the stream.
    const watch = () => {
      if (over) return;
      const same = server.process.incarnation === incarnation;
      if (same && isReachable(world, process, server.process)) {
        world.afterFor(process, WATCH_MS, watch);
      } else onEnd();
    };
    world.afterFor(process, WATCH_MS, watch);
  }
}

const isReachable = (world: World, from: SimProcess, to: SimProcess) =>
  to.up && world.connected(from.region, to.region);
