import type { SimProcess, World } from '../world.ts';
import type { DatabaseNode } from './node.ts';

/** Milliseconds. Short, so that much happens in little time; ordered like the real ones. */
const TTL_MS = 2_000;
const TICK_MS = 250;
/** A primary that could not renew its lease for this long stops, well before others may take it. */
const GIVE_UP_MS = 1_400;
/** How long a candidate without followers keeps the lease, and then leaves it alone. */
const PATIENCE_MS = 1_200;
const BACK_OFF_MS = 1_000;

interface Lease {
  holder: DatabaseNode | undefined;
  until: number;
}

interface Agent {
  readonly node: DatabaseNode;
  /** When it last renewed the lease. */
  renewedAt: number;
  /** Since when it holds the lease without being allowed to lead. */
  candidateSince: number | undefined;
  leaveAloneUntil: number;
  promoting: boolean;
}

/**
 * Elects the primary of a book: agents next to its nodes, like Patroni, and a lease in a store of
 * which they must reach a majority.
 */
export class Election {
  readonly #world: World;
  readonly #regions: readonly string[];
  readonly #agents: Agent[];
  readonly #guarded: boolean;
  readonly #losesLast: boolean;
  readonly #lease: Lease = { holder: undefined, until: 0 };

  /** @param bugs what deliberate bugs leave out or add at a promotion */
  constructor(
    world: World,
    nodes: readonly DatabaseNode[],
    bugs: { readonly noGuard: boolean; readonly losesLast: boolean },
  ) {
    this.#world = world;
    this.#regions = nodes.map(({ process }) => process.region);
    this.#guarded = !bugs.noGuard;
    this.#losesLast = bugs.losesLast;
    this.#agents = nodes.map((node) => ({
      node,
      renewedAt: 0,
      candidateSince: undefined,
      leaveAloneUntil: 0,
      promoting: false,
    }));
    for (const agent of this.#agents) this.#start(agent);
  }

  get nodes(): readonly DatabaseNode[] {
    return this.#agents.map(({ node }) => node);
  }

  /** The node that holds the lease and takes writes. */
  get primary(): DatabaseNode | undefined {
    const { holder } = this.#lease;
    return holder?.primary === true && holder.process.up ? holder : undefined;
  }

  /** Restarts a node after a crash; a node that still holds the lease is the primary at once. */
  restart(node: DatabaseNode): void {
    const agent = this.#agents.find((one) => one.node === node);
    if (agent === undefined || node.process.up) return;
    node.process.up = true;
    agent.candidateSince = undefined;
    agent.promoting = false;
    this.#start(agent);
  }

  #start(agent: Agent): void {
    const { process } = agent.node;
    const tick = () => {
      this.#tick(agent);
      this.#world.afterFor(process, TICK_MS * this.#world.random.between(0.8, 1.2), tick);
    };
    this.#world.afterFor(process, this.#world.random.between(0, TICK_MS), tick);
  }

  #reachesStore({ region }: SimProcess): boolean {
    const reached = this.#regions.filter((other) => this.#world.connected(region, other));
    return reached.length * 2 > this.#regions.length;
  }

  #tick(agent: Agent): void {
    const { node } = agent;
    const { now } = this.#world;
    node.reportProgress();
    if (!this.#reachesStore(node.process)) {
      if (node.primary && now - agent.renewedAt > GIVE_UP_MS) this.#demote(agent, 'no store');
      return;
    }
    const lease = this.#lease;
    // As in regions/supervisor/replicated/patroni_guarded.py: a node that still led while another
    // held the lease, such as a frozen one, competes only after it has stepped down, and then by
    // the guard's rule.
    if (node.primary && lease.holder !== node) this.#demote(agent, 'another one held the lease');
    if (lease.until <= now) this.#takeLease(agent);
    if (lease.holder === node && lease.until > now) {
      this.#renew(agent);
      return;
    }
    agent.candidateSince = undefined;
    if (lease.until <= now) return;
    node.follow(lease.holder);
    node.reportProgress();
  }

  #takeLease(agent: Agent): void {
    if (agent.leaveAloneUntil > this.#world.now) return;
    this.#lease.holder = agent.node;
    this.#lease.until = this.#world.now + TTL_MS;
    this.#world.log(`${agent.node.name} takes the lease`);
  }

  #renew(agent: Agent): void {
    const { node } = agent;
    const { now } = this.#world;
    this.#lease.until = now + TTL_MS;
    agent.renewedAt = now;
    if (node.primary || agent.promoting) return;
    node.follow(undefined);
    agent.candidateSince ??= now;
    if (!this.#guarded || node.safeToPromote) {
      // A moment passes between the guard's decision and the promotion.
      agent.promoting = true;
      this.#world.afterFor(node.process, this.#world.random.between(5, 100), () => {
        this.#promote(agent);
      });
    } else if (now - agent.candidateSince > PATIENCE_MS) {
      this.#lease.until = now;
      agent.candidateSince = undefined;
      agent.leaveAloneUntil = now + BACK_OFF_MS;
      this.#world.log(`${node.name} may not be promoted`);
    }
  }

  #promote(agent: Agent): void {
    const { node } = agent;
    agent.promoting = false;
    agent.candidateSince = undefined;
    if (this.#losesLast && node.length > 1) node.log = node.log.slice(0, -1);
    node.promote();
    this.#world.log(`${node.name} is promoted at ${node.length}`);
  }

  #demote(agent: Agent, why: string): void {
    agent.node.demote();
    this.#world.log(`${agent.node.name} is demoted: ${why}`);
  }
}
