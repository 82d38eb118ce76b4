import type { DatabaseNode } from './database/node.ts';
import { type SimulatedInstallation, REGIONS } from './installation/simulated-installation.ts';
import type { SimulatedLedgerServer } from './installation/simulated-ledger-server.ts';
import type { KeyedCalls } from './keyed-calls.ts';
import type { FaultKind, Swarm } from './swarm.ts';
import type { SimProcess } from './world.ts';

/** Longer than a lease lasts and a promotion takes. */
const LOSE_TAIL_MS = 4_000;

/** Injects faults, one after the other and several at once, and heals them. */
export class FaultInjector {
  readonly #installation: SimulatedInstallation;
  readonly #swarm: Swarm;
  readonly #pending: () => KeyedCalls | undefined;
  readonly counts: Partial<Record<FaultKind, number>> = {};
  /** Functions that undo the lasting faults, in the order in which these were made. */
  readonly #undo = new Set<() => void>();
  #active = true;

  /** @param pending an operation that no client has an answer to */
  constructor(
    installation: SimulatedInstallation,
    swarm: Swarm,
    pending: () => KeyedCalls | undefined,
  ) {
    this.#installation = installation;
    this.#swarm = swarm;
    this.#pending = pending;
  }

  start(): void {
    const { world } = this.#installation;
    world.afterFor(undefined, world.random.between(0, this.#swarm.faultEveryMs * 2), () => {
      if (!this.#active) return;
      const kind = world.random.weighted(this.#swarm.faults);
      if (kind !== undefined) this.#make(kind);
      this.start();
    });
  }

  /** Stops making faults, and heals what is broken. */
  heal(): void {
    this.#active = false;
    for (const undo of this.#undo) undo();
    this.#installation.world.log('healed');
  }

  /** Takes a region away. Returns a function that restores it. */
  loseRegion(region: string): () => void {
    return this.#isolate([region], true);
  }

  #lasting(undo: () => void, ms = this.#duration()): void {
    const { world } = this.#installation;
    const once = () => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    world.afterFor(undefined, ms, once);
  }

  #duration(): number {
    return this.#installation.world.random.between(0.2, 1.8) * this.#swarm.faultMs;
  }

  #make(kind: FaultKind): void {
    const { world } = this.#installation;
    const target = this.#hit(kind);
    if (target === undefined) return;
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    world.log(`fault: ${kind} ${target}`);
  }

  /** Returns what was hit; undefined: there was nothing to hit. */
  #hit(kind: FaultKind): string | undefined {
    const installation = this.#installation;
    const { world } = installation;
    const { random } = world;
    const region = random.pick(REGIONS);
    switch (kind) {
      case 'crashDatabase':
      case 'crashLedger':
      case 'crashRouter':
      case 'crashRegion':
        return this.#crash(kind, region);
      case 'freezeDatabase': {
        const node = this.#anyNode();
        this.#freeze([node.process]);
        return node.name;
      }
      case 'freezeLedger': {
        const server = this.#anyServer();
        this.#freeze([server.process]);
        return server.name;
      }
      case 'freezeRegion':
        this.#freeze(installation.processesIn(region));
        return region;
      case 'isolateRegion':
        this.#lasting(this.#isolate([region], random.chance(0.7)));
        return region;
      case 'cutLink':
      case 'cutOneWay': {
        const to = random.pick(REGIONS.filter((other) => other !== region));
        this.#lasting(
          this.#cut([[region, to], ...(kind === 'cutLink' ? [[to, region] as const] : [])]),
        );
        return `${region} ${to}`;
      }
      case 'cancelWait':
      case 'terminateWait':
        return this.#endWait(kind, () => true);
      case 'crashInWait':
        return this.#crashInWait();
      case 'loseTail':
        return this.#loseTail();
      case 'redisDown':
      case 'redisFlush':
      case 'redisPast':
        this.#hitRedis(kind, region);
        return region;
      case 'redisJunk':
        return this.#plantJunk();
      case 'clockJump': {
        const server = this.#anyServer();
        server.process.skewMs = random.between(-2000, 2000);
        return server.name;
      }
      case 'slowLink': {
        const to = random.pick(REGIONS);
        const link = world.link(region, to);
        const moreMs = random.between(50, 800);
        link.delayMs += moreMs;
        // Only its own part is undone, for another fault may have begun on the same link.
        this.#lasting(() => {
          link.delayMs -= moreMs;
        });
        return `${region} ${to}`;
      }
    }
  }

  #crash(
    kind: 'crashDatabase' | 'crashLedger' | 'crashRouter' | 'crashRegion',
    region: string,
  ): string {
    const installation = this.#installation;
    switch (kind) {
      case 'crashDatabase': {
        const node = this.#anyNode();
        installation.crashDatabase(node, this.#duration());
        return node.name;
      }
      case 'crashLedger': {
        const server = this.#anyServer();
        installation.crashServer(server, this.#duration());
        return server.name;
      }
      case 'crashRouter': {
        const router = installation.world.random.pick(installation.routers);
        installation.crashRouter(router, this.#duration());
        return router.process.name;
      }
      case 'crashRegion':
        this.#crashRegion(region);
        return region;
    }
  }

  #hitRedis(kind: 'redisDown' | 'redisFlush' | 'redisPast', region: string): void {
    const redis = this.#installation.redises.get(`redis-${region}`);
    switch (kind) {
      case 'redisDown':
        redis?.setUp(false);
        this.#lasting(() => redis?.setUp(true));
        return;
      case 'redisFlush':
        redis?.flush();
        return;
      case 'redisPast':
        redis?.save();
        this.#lasting(() => redis?.restore());
        return;
    }
  }

  /** Picks the primary more often than others, for it has more to break. */
  #anyNode(): DatabaseNode {
    const { world, elections } = this.#installation;
    const { primary, nodes } = world.random.pick(elections);
    return primary !== undefined && world.random.chance(0.6) ? primary : world.random.pick(nodes);
  }

  #anyServer(): SimulatedLedgerServer {
    const { world, servers } = this.#installation;
    const server = this.#installation.serverOf(this.#anyNode());
    return server ?? world.random.pick([...servers.values()]);
  }

  #crashRegion(region: string): void {
    const installation = this.#installation;
    const ms = this.#duration();
    for (const { nodes } of installation.elections) {
      for (const node of nodes) {
        if (node.process.region === region) installation.crashDatabase(node, ms);
      }
    }
    for (const server of installation.servers.values()) {
      if (server.process.region === region) installation.crashServer(server, ms);
    }
    for (const router of installation.routers) {
      if (router.process.region === region) installation.crashRouter(router, ms);
    }
  }

  #freeze(processes: readonly SimProcess[]): void {
    for (const process of processes) process.frozen = process.up;
    this.#lasting(() => {
      for (const process of processes) this.#installation.world.thaw(process);
    });
  }

  #isolate(regions: readonly string[], bothWays: boolean): () => void {
    const others = REGIONS.filter((region) => !regions.includes(region));
    const outwards = this.#installation.world.random.chance(0.5);
    return this.#cut(
      regions.flatMap((region) =>
        others.flatMap((other) => {
          if (bothWays) return [[region, other] as const, [other, region] as const];
          return [outwards ? ([region, other] as const) : ([other, region] as const)];
        }),
      ),
    );
  }

  /** Cuts the links that are not cut yet. Returns a function that heals them. */
  #cut(pairs: readonly (readonly [string, string])[]): () => void {
    const links = pairs
      .map(([from, to]) => this.#installation.world.link(from, to))
      .filter((link) => !link.cut);
    for (const link of links) link.cut = true;
    return () => {
      for (const link of links) link.cut = false;
    };
  }

  /**
   * Makes a commit that no other node has visible at a primary, and cuts that primary off until
   * another one is promoted without the commit.
   */
  #loseTail(): string | undefined {
    const { world, elections } = this.#installation;
    const { primary, nodes } = world.random.pick(elections);
    if (primary === undefined) return undefined;
    const alone = (node: DatabaseNode) =>
      node === primary && nodes.every((other) => other === node || other.length < node.length);
    const { region } = primary.process;
    this.#lasting(this.#isolate([region], true), LOSE_TAIL_MS);
    const kind = world.random.pick(['cancelWait', 'terminateWait'] as const);
    // Messages from before the cut may still arrive: only afterwards is it known which nodes have a
    // commit.
    world.afterFor(undefined, world.random.between(80, 300), () => this.#endWait(kind, alone));
    return primary.name;
  }

  /** Ends the next wait for a second node at a matching node, if one begins soon. */
  #endWait(kind: 'cancelWait' | 'terminateWait', isMeant: (node: DatabaseNode) => boolean): string {
    this.#whenWaiting(isMeant, (node) => {
      this.#installation.world.log(`${kind} at ${node.name}`);
      if (kind === 'cancelWait') node.cancelWait();
      else node.terminateWaiting();
    });
    return '';
  }

  /** Kills a server whose commit waits for a second node, and starts it again at once. */
  #crashInWait(): string {
    const { world } = this.#installation;
    this.#whenWaiting(
      () => true,
      (node) => {
        const server = this.#installation.serverOf(node);
        if (server === undefined) return;
        world.log(`${server.name} is killed while its commit waits`);
        this.#installation.crashServer(server, world.random.between(1, 40));
      },
    );
    return '';
  }

  /** Acts on the first matching node where a commit waits, if one does soon. */
  #whenWaiting(
    isMeant: (node: DatabaseNode) => boolean,
    act: (node: DatabaseNode) => void,
    tries = 300,
  ): void {
    const { world, elections } = this.#installation;
    const waiting = elections
      .flatMap((election) => election.nodes)
      .find((node) => isMeant(node) && node.waits && node.process.up && !node.process.frozen);
    if (waiting !== undefined) act(waiting);
    else if (tries > 0 && this.#active) {
      world.afterFor(undefined, 3, () => this.#whenWaiting(isMeant, act, tries - 1));
    }
  }

  /** Redis claims that a key without an answer is known. */
  #plantJunk(): string | undefined {
    const operation = this.#pending();
    if (operation === undefined) return undefined;
    for (const redis of this.#installation.redises.values()) redis.plant(operation.id);
    return operation.id;
  }
}
