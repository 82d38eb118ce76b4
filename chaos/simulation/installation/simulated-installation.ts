import { status } from '@grpc/grpc-js';
import type { Book } from '../../../ledger/core/book.ts';
import { Election } from '../database/election.ts';
import { DatabaseNode } from '../database/node.ts';
import type { SimulatedBug } from '../simulated-bug.ts';
import { enterHosts } from '../stand-ins/simulated-hosts.ts';
import { RedisStore } from '../stand-ins/redis-store.ts';
import type { DrawnTuning, Swarm } from '../swarm.ts';
import { SimProcess, type World } from '../world.ts';
import { Doors } from './doors.ts';
import { SimulatedLedgerServer } from './simulated-ledger-server.ts';
import { SimulatedRouter } from './simulated-router.ts';
import type { ServerStatus } from './known-leaders.ts';

export const REGIONS = ['eu', 'us', 'ap'] as const;

const SETTLE_TIMEOUT_MS = 1_500;

/** A process that ended without a fault: an assertion of the ledger failed. */
export interface Death {
  readonly server: string;
  readonly at: number;
  readonly why: string;
}

/** Three regions: in each a router, a Redis, and for every book a database node and a server. */
export class SimulatedInstallation {
  readonly world: World;
  readonly books: readonly Book[];
  readonly elections: readonly Election[];
  readonly servers = new Map<string, SimulatedLedgerServer>();
  readonly routers: readonly SimulatedRouter[];
  readonly redises = new Map<string, RedisStore>();
  readonly deaths: Death[] = [];
  readonly doors: Doors;
  readonly #tuning: DrawnTuning;
  #commits = 0;

  constructor(world: World, swarm: Swarm, bug: SimulatedBug | undefined) {
    this.world = world;
    const { books, tuning } = swarm;
    this.#tuning = tuning;
    this.books = Array.from({ length: books }, (_, index) => ({
      number: index + 1,
      name: `book-${index + 1}`,
      region: REGIONS[index % REGIONS.length] ?? '',
    }));
    for (const region of REGIONS) this.redises.set(`redis-${region}`, new RedisStore());
    this.doors = new Doors(world, bug, this.redises);
    this.elections = this.books.map((book) => {
      const nodes = REGIONS.map((region) => this.#node(book, region, bug));
      const noGuard = bug === 'promote-without-guard';
      return new Election(world, nodes, { noGuard, losesLast: bug === 'lose-last-batch' });
    });
    enterHosts({ world, redises: this.redises });
    this.routers = REGIONS.map((region) => new SimulatedRouter(world, region, this));
    for (const { nodes } of this.elections) for (const node of nodes) this.#addServer(node);
    for (const server of this.servers.values()) server.start();
  }

  #node(book: Book, region: string, bug: SimulatedBug | undefined): DatabaseNode {
    const name = `db-${book.number}-${region}`;
    const instance = `00000000-0000-4000-8000-00000000000${book.number}`;
    return new DatabaseNode(
      name,
      new SimProcess(name, region),
      { ...book, instance, books: this.books.map(({ number }) => number) },
      {
        world: this.world,
        bugs: {
          ackAlone: bug === 'acknowledge-before-commit',
          noCompare: bug === 'skip-head-compare',
        },
        nextCommit: () => (this.#commits += 1),
      },
    );
  }

  #addServer(node: DatabaseNode): void {
    const book = this.books.find(({ number }) => number === node.book);
    if (book === undefined) return;
    const server: SimulatedLedgerServer = new SimulatedLedgerServer({
      world: this.world,
      book,
      books: this.books,
      node,
      tuning: this.#tuning,
      settleAt: (from, peer, request) =>
        this.#callAt(from, peer, {
          ask: (asked) => this.doors.settle(asked, request),
          unanswered: () => this.doors.unanswered(request),
        }),
      compareAt: (from, peer, request) =>
        this.#callAt(from, peer, {
          ask: (asked) => asked.compareChannel(request),
          unanswered: () => undefined,
        }),
      onStatus: (from, own) => this.#spread(from, own),
      onDeath: (from, error) => this.#died(from, error),
    });
    this.servers.set(server.name, server);
  }

  /** The server next to a database node. */
  serverOf(node: DatabaseNode): SimulatedLedgerServer | undefined {
    return this.servers.get(`ledger-${node.book}-${node.process.region}`);
  }

  #spread(from: SimulatedLedgerServer, own: ServerStatus): void {
    const published = this.doors.published(from, own);
    for (const { process, topology } of [...this.servers.values(), ...this.routers]) {
      this.world.send(from.process, process, () => topology.receive(published));
    }
  }

  #callAt<Reply>(from: SimulatedLedgerServer, peer: string, call: Call<Reply>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const server = this.servers.get(peer);
      if (server === undefined) {
        reject(callFault(status.UNAVAILABLE));
        return;
      }
      const { incarnation } = from.process;
      const back = (act: () => void) =>
        this.world.send(server.process, from.process, act, incarnation);
      this.world.send(from.process, server.process, () => {
        call.ask(server).then(
          (reply) => back(() => resolve(reply)),
          (error: unknown) => back(() => reject(error instanceof Error ? error : new Error('?'))),
        );
      });
      this.world.afterFor(from.process, SETTLE_TIMEOUT_MS, () => {
        const instead = call.unanswered();
        if (instead === undefined) reject(callFault(status.DEADLINE_EXCEEDED));
        else resolve(instead);
      });
    });
  }

  /** Restarts a process that an assertion ended, as its supervisor would. */
  #died(server: SimulatedLedgerServer, error: unknown): void {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.world.log(`${server.name} ends: ${why}`);
    this.deaths.push({ server: server.name, at: this.world.now, why });
    this.crashServer(server, 500);
  }

  crashServer(server: SimulatedLedgerServer, downMs: number): void {
    if (!server.process.up) return;
    server.crash();
    this.world.afterFor(undefined, downMs, () => {
      if (!server.process.up) server.start();
    });
  }

  crashDatabase(node: DatabaseNode, downMs: number): void {
    if (!node.process.up) return;
    node.crash();
    this.world.afterFor(undefined, downMs, () => this.#election(node)?.restart(node));
  }

  crashRouter(router: SimulatedRouter, downMs: number): void {
    if (!router.process.up) return;
    router.crash();
    this.world.afterFor(undefined, downMs, () => {
      router.process.up = true;
    });
  }

  #election(node: DatabaseNode): Election | undefined {
    return this.elections[node.book - 1];
  }

  /** Everything that runs in a region. */
  processesIn(region: string): SimProcess[] {
    return [
      ...this.routers.map(({ process }) => process),
      ...[...this.servers.values()].map(({ process }) => process),
      ...this.elections.flatMap(({ nodes }) => nodes.map(({ process }) => process)),
    ].filter((process) => process.region === region);
  }
}

/** A call from one ledger server to another. */
interface Call<Reply> {
  readonly ask: (server: SimulatedLedgerServer) => Promise<Reply>;
  /** The reply to the caller when there is no answer; undefined: a timeout. */
  readonly unanswered: () => Reply | undefined;
}

/** The error of a call, as the gRPC client raises it. */
function callFault(code: status): Error {
  return Object.assign(new Error(status[code]), { code });
}
