import { setImmediate as turn } from 'node:timers/promises';
import { RowKind } from '../../ledger/core/journal-row.ts';
import { OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { checkAnswers } from './check/check-answers.ts';
import { checkBooks } from './check/check-books.ts';
import { checkEvents, checkReads } from './check/check-reads.ts';
import { checkCopies } from './check/check-copies.ts';
import { finalBook } from './check/simulated-journal.ts';
import type { BrokenInvariant } from './check/broken-invariant.ts';
import { Clients } from './clients.ts';
import { Readers } from './readers.ts';
import type { SimulatedBug } from './simulated-bug.ts';
import { FaultInjector } from './fault-injector.ts';
import { isAnswered } from './keyed-calls.ts';
import { SimulatedInstallation, REGIONS } from './installation/simulated-installation.ts';
import { enterHosts } from './stand-ins/simulated-hosts.ts';
import { drawSwarm, type FaultKind, type Swarm } from './swarm.ts';
import { enterVirtualTime } from './virtual-time.ts';
import { World } from './world.ts';

export interface SimulationOptions {
  /** Keep a line for each event. */
  readonly trace?: boolean;
  /** A deliberate bug to inject. */
  readonly bug?: SimulatedBug | undefined;
}

export interface SimulationResult {
  readonly seed: number;
  readonly swarm: Swarm;
  /** The violations; empty if there are none. */
  readonly violations: readonly BrokenInvariant[];
  readonly operations: number;
  /** Rows of the journals that survived, and how many of them the plain lane has posted. */
  readonly rows: number;
  readonly plainRows: number;
  /** Partitions of these journals. */
  readonly partitions: number;
  /** Reads that were answered. */
  readonly reads: number;
  /** Of these, the number that no client had an answer to when the faults ended. */
  readonly unknown: number;
  /** Epochs of all books together. */
  readonly takeOvers: number;
  readonly faults: Partial<Record<FaultKind, number>>;
  readonly virtualMs: number;
  readonly events: number;
  /** Two runs with the same digest were the same, event by event. */
  readonly digest: string;
  readonly trace: readonly string[];
}

/** Everything must work within the first of these times, and be at rest within the second. */
const BEGIN_MS = 10_000;
const DRAIN_MS = 15_000;
const ASK_AGAIN_MS = 5_000;
const STEP_MS = 100;
/** A hold must have expired this long after its time, whatever the leader's clock shows. */
const OVERDUE_MS = 5_000;

/**
 * Runs one history in virtual time: begin, load with faults, heal, drain, ask again about every
 * unknown outcome, check. The same seed and options give the same history.
 */
export async function runSeed(
  seed: number,
  { trace = false, bug }: SimulationOptions = {},
): Promise<SimulationResult> {
  const world = new World(seed, trace);
  const swarm = drawSwarm(world.random);
  const leave = enterVirtualTime(world);
  try {
    const run = new Run(world, swarm, bug);
    const { violations, unknown } = await run.run();
    return {
      seed,
      swarm,
      violations,
      operations: run.clients.history.size,
      ...run.written,
      reads: run.readers.reads.filter(({ answers }) => answers.length > 0).length,
      unknown,
      takeOvers: run.takeOvers,
      faults: run.faults.counts,
      virtualMs: Math.round(world.now),
      events: world.executed,
      digest: world.digest,
      trace: world.trace,
    };
  } finally {
    leave();
    enterHosts(undefined);
    // A seed never yields to the event loop; a caller that runs many of them must not starve it.
    await turn();
  }
}

class Run {
  readonly clients: Clients;
  readonly readers: Readers;
  readonly faults: FaultInjector;
  readonly #world: World;
  readonly #swarm: Swarm;
  readonly #installation: SimulatedInstallation;
  readonly #violations: BrokenInvariant[] = [];

  constructor(world: World, swarm: Swarm, bug: SimulatedBug | undefined) {
    this.#world = world;
    this.#swarm = swarm;
    this.#installation = new SimulatedInstallation(world, swarm, bug);
    this.clients = new Clients(this.#installation, swarm);
    this.readers = new Readers(this.#installation, swarm, this.clients.history);
    this.faults = new FaultInjector(this.#installation, swarm, () => this.clients.pending);
  }

  get takeOvers(): number {
    return this.#installation.elections.reduce(
      (sum, { primary }) => sum + (primary?.memory.head.epoch ?? 0),
      0,
    );
  }

  /** Rows of the journals of all books, and those that came as bytes of the plain lane. */
  get written(): Pick<SimulationResult, 'rows' | 'plainRows' | 'partitions'> {
    const commits = this.#installation.elections.flatMap(
      ({ nodes, primary = nodes[0] }) => primary?.log ?? [],
    );
    const batches = commits.flatMap(({ append }) => append ?? []);
    return {
      partitions: commits.filter(({ partitions }) => partitions?.kind === 'add').length,
      rows: batches.reduce((sum, { head }) => sum + head.seqAfter - head.seqBefore, 0),
      plainRows: batches.reduce((sum, { plain }) => sum + (plain?.count ?? 0), 0),
    };
  }

  async run(): Promise<{ violations: readonly BrokenInvariant[]; unknown: number }> {
    this.#quietLinks();
    await this.#begin();
    this.#roughLinks();
    this.clients.start();
    this.readers.start();
    this.faults.start();
    await this.#world.advance(this.#swarm.faultsMs);
    this.faults.heal();
    this.#quietLinks();
    await this.#world.advance(500);
    this.clients.stop();
    const unknown = this.#swarm.permanentLoss
      ? await this.#loseRegion()
      : await this.#recover(REGIONS);
    this.readers.stop();
    const waits = () => this.#restless(REGIONS) ?? this.#apart() ?? this.readers.behind();
    await this.#until(DRAIN_MS, waits, 'agree');
    this.#check();
    return { violations: this.#violations, unknown };
  }

  /** Returns the number of unknown outcomes. */
  async #recover(regions: readonly string[]): Promise<number> {
    await this.#until(DRAIN_MS, () => this.#restless(regions), 'come to rest');
    return this.#askAgain(regions);
  }

  /**
   * Loses a region under load, and requires the others to recover while it is away. All copies are
   * equal before: a member that has not returned yet would be a second failure.
   */
  async #loseRegion(): Promise<number> {
    await this.#until(DRAIN_MS, () => this.#restless(REGIONS) ?? this.#apart(), 'agree');
    const lost = this.#world.random.pick(REGIONS);
    this.clients.start();
    await this.#world.advance(200);
    this.#world.log(`${lost} is lost`);
    const giveBack = this.faults.loseRegion(lost);
    await this.#world.advance(600);
    this.clients.stop();
    const unknown = await this.#recover(REGIONS.filter((region) => region !== lost));
    giveBack();
    return unknown;
  }

  /** Resets the links to their state without faults. */
  #quietLinks(): void {
    const { delayMs, jitterMs } = this.#swarm;
    for (const from of REGIONS) {
      for (const to of REGIONS) {
        if (from === to) continue;
        Object.assign(this.#world.link(from, to), { loss: 0, repeat: 0, delayMs, jitterMs });
      }
    }
  }

  #roughLinks(): void {
    const { loss, repeat } = this.#swarm;
    for (const from of REGIONS) {
      for (const to of REGIONS) {
        if (from !== to) Object.assign(this.#world.link(from, to), { loss, repeat });
      }
    }
  }

  async #begin(): Promise<void> {
    const { books, servers } = this.#installation;
    const opened = new Set<number>();
    await this.#until(
      BEGIN_MS,
      () => {
        for (const { process, member, book } of servers.values()) {
          const leader = member?.leader;
          if (leader === undefined || opened.has(book.number)) continue;
          const requests = this.clients
            .openings()
            .map((request) => OpenAccountRequest.create(request));
          const onFailure = () => opened.delete(book.number);
          opened.add(book.number);
          this.#world.as(process, () => {
            leader.submit({ kind: 'open', requests, onOutcome: () => undefined, onFailure });
          });
        }
        return opened.size === books.length ? undefined : 'a book has no leader';
      },
      'begin',
    );
    await this.#world.advance(500);
  }

  /** Advances time until everything is at rest; taking too long is a violation of I23. */
  async #until(ms: number, obstacle: () => string | undefined, what: string): Promise<void> {
    const until = this.#world.now + ms;
    for (;;) {
      const why = obstacle();
      if (why === undefined) return;
      if (this.#world.now >= until) {
        this.#violations.push({
          invariant: 'I23',
          what: `does not ${what} within ${ms} ms`,
          evidence: [why],
        });
        return;
      }
      await this.#world.advance(STEP_MS);
    }
  }

  /** The part that is not at rest although these regions work; undefined if there is none. */
  #restless(regions: readonly string[]): string | undefined {
    const { elections, servers, routers } = this.#installation;
    for (const { primary, nodes } of elections) {
      const book = nodes[0]?.book ?? 0;
      if (primary === undefined || !regions.includes(primary.process.region)) {
        return `book ${book} has no primary`;
      }
      const server = this.#installation.serverOf(primary);
      if (server?.member?.leader === undefined) return `${server?.name} does not lead`;
      const { epoch } = primary.memory.head;
      if (server.member.leader.memory.epoch !== epoch) return `${server.name} is behind`;
      for (const { peerBook: peer, sent, settled } of primary.memory.channels.values()) {
        if (sent !== settled) return `book ${book} has legs to book ${peer} that are not settled`;
      }
      for (const { process, topology } of [...routers, ...servers.values()]) {
        if (!regions.includes(process.region)) continue;
        if (topology.leaderOf(book) !== server.name) {
          return `${process.name} does not know who leads book ${book}`;
        }
      }
      for (const { id, details, kind, reason } of primary.memory.expiring) {
        if (kind !== RowKind.hold || reason !== 0) continue;
        if (
          (details?.expiresAtMicros ?? 0) / 1000 + OVERDUE_MS < this.#world.wallMs &&
          !primary.memory.drawing.has(id)
        ) {
          return `hold ${id} is overdue`;
        }
      }
    }
    return undefined;
  }

  /** A difference between copies; undefined if there is none. */
  #apart(): string | undefined {
    return checkCopies(this.#installation)[0]?.what;
  }

  /** Returns the number of unknown outcomes. */
  async #askAgain(regions: readonly string[]): Promise<number> {
    const open = () => [...this.clients.history.values()].filter((one) => !isAnswered(one));
    const unknown = open().length;
    this.clients.askAgain(open(), regions);
    await this.#until(
      ASK_AGAIN_MS,
      () => (open().length === 0 ? undefined : `${open()[0]?.key} has no answer`),
      'answer what is asked again',
    );
    return unknown;
  }

  #check(): void {
    const { elections, books, deaths } = this.#installation;
    const violations = this.#violations;
    for (const { server, why, at } of deaths) {
      const what = `${server} ended at ${at.toFixed(1)} on its own`;
      violations.push({ invariant: 'I25', what, evidence: [why] });
    }
    violations.push(...checkCopies(this.#installation));
    const finals = [];
    for (const { primary, nodes } of elections) {
      const node = primary ?? nodes[0];
      const book = books.find(({ number }) => number === node?.book);
      if (node === undefined || book === undefined) continue;
      finals.push(finalBook(node, book.name));
      const { history } = this.clients;
      const reads = this.readers.reads.filter((read) => read.book === book.number);
      violations.push(...checkReads({ node, reads, history }));
      for (const followed of this.readers.followed) {
        if (followed.book === book) violations.push(...checkEvents(node, followed));
      }
    }
    violations.push(...checkBooks(finals), ...checkAnswers(finals, this.clients.history));
  }
}
