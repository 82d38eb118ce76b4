import { CommandRefused } from '../../processes/control-socket.ts';
import { requireFreePorts } from '../../processes/ports.ts';
import { describeLayout, type Layout, type RegionLayout } from '../../topology/layout.ts';
import { growthFrom, growthProblems } from '../../topology/topology-growth.ts';
import type { Topology } from '../../topology/topology.ts';
import type { RegionProcesses } from './region-processes.ts';

/**
 * Adds books and regions to a running installation of the embedded profile. Payments go on: their
 * callers try again while a server is restarted.
 *
 * 1. The new databases and ledger servers start. No other server knows of them, so a failure up
 *    to here leaves everything as it was.
 * 2. The topology is recorded: from now on the data cannot be started without the new books.
 * 3. The ledger servers are restarted with the new topology, one at a time, and then the routers:
 *    when the first account can be opened in a new book, all others take transfers with it.
 *
 * Applying the same topology once more finishes a change that was cut off in 3.
 */

/** What a change of the topology does, or would do. */
export interface TopologyChange {
  /** Names of the new ones. */
  readonly regions: readonly string[];
  readonly books: readonly string[];
  /** Names of the processes that are started, such as eu-west/ledger-eu-west-2. */
  readonly started: readonly string[];
  /** Names of the servers that are restarted, in this order. */
  readonly restarted: readonly string[];
}

export type ChangeStep =
  | { readonly kind: 'started' | 'restarted'; readonly process: string }
  | { readonly kind: 'recorded' };

/** What the change needs of the installation. */
export interface ChangingCluster {
  readonly layout: Layout;
  readonly regions: readonly RegionProcesses[];
  /** Throws when the installation is being stopped. */
  requireGoing(): void;
  /** Adds a region that is not started yet. */
  addRegion(layout: RegionLayout): RegionProcesses;
  removeRegion(region: RegionProcesses): void;
  /** Opens the links that the layout has in addition. */
  openLinks(layout: Layout): Promise<void>;
  /** Closes the links that the layout does not have. */
  closeLinks(layout: Layout): Promise<void>;
  /** Records the topology with the data; from then on the layout is the present one. */
  adopt(layout: Layout): void;
}

/**
 * The layout with the new topology, and what changes.
 * @throws CommandRefused if it is not one that may follow the present one while it runs
 */
export function planChange(
  { layout: present, regions }: Pick<ChangingCluster, 'layout' | 'regions'>,
  topology: Topology,
): { readonly layout: Layout; readonly change: TopologyChange } {
  const problems = growthProblems(present.topology, topology);
  if (problems.length > 0) {
    throw new CommandRefused(
      `the topology cannot be applied to the data that is there:\n  ${problems.join('\n  ')}`,
    );
  }
  const links = present.links.length > 0;
  const layout = layoutOf({ topology, basePort: present.basePort, links });
  const added = growthFrom(present.topology, topology);
  if (links && added.regions.length > 0) {
    throw new CommandRefused(
      'regions cannot be added while links between regions can be cut: their ports move; ' +
        'stop the installation and start it with the new topology',
    );
  }
  const next = new Map(layout.regions.map((region) => [region.name, region]));
  const outdated = regions.flatMap((region) => {
    const to = next.get(region.name);
    return to === undefined ? [] : region.outdated(to);
  });
  const books = added.books.map(({ name }) => name);
  const started = [
    ...added.regions.flatMap((name) => [`${name}/postgres`, `${name}/redis`]),
    ...layout.books.filter(({ name }) => books.includes(name)).map(({ process }) => process),
    ...added.regions.map((name) => `${name}/router`),
  ];
  const restarted = [
    ...outdated.filter((name) => !name.endsWith('/router')),
    ...outdated.filter((name) => name.endsWith('/router')),
  ];
  return { layout, change: { regions: added.regions, books, started, restarted } };
}

function layoutOf(options: Parameters<typeof describeLayout>[0]): Layout {
  try {
    return describeLayout(options);
  } catch (error) {
    throw new CommandRefused(error instanceof Error ? error.message : String(error));
  }
}

/** Carries the change out. Throws as described above; what it has reported stays done. */
export async function carryOut(
  cluster: ChangingCluster,
  layout: Layout,
  report: (step: ChangeStep) => void,
): Promise<void> {
  const known = new Set(cluster.layout.ports.map(({ port }) => port));
  await requireFreePorts(layout.ports.filter(({ port }) => !known.has(port)));
  await startBooks(cluster, layout, report);
  report({ kind: 'recorded' });
  for (const role of ['restartLedgers', 'restartRouter'] as const) {
    for (const region of layout.regions) {
      cluster.requireGoing();
      const processes = cluster.regions.find(({ name }) => name === region.name);
      const restarted = (await processes?.[role](region)) ?? [];
      for (const process of restarted) report({ kind: 'restarted', process });
    }
  }
}

/**
 * Steps 1 and 2. When it throws, what ran before is as before; the databases of new books stay, bound
 * to the books of the topology that was refused, and wait for it to be applied again.
 */
async function startBooks(
  cluster: ChangingCluster,
  layout: Layout,
  report: (step: ChangeStep) => void,
): Promise<void> {
  const before = cluster.layout;
  const addedRegions: RegionProcesses[] = [];
  try {
    await cluster.openLinks(layout);
    for (const region of layout.regions) {
      cluster.requireGoing();
      let processes = cluster.regions.find(({ name }) => name === region.name);
      if (processes === undefined) {
        processes = cluster.addRegion(region);
        addedRegions.push(processes);
      }
      const started = await processes.startBooks(region);
      for (const process of started) report({ kind: 'started', process });
    }
    cluster.requireGoing();
    cluster.adopt(layout);
  } catch (error) {
    for (const region of addedRegions) {
      await region.stop();
      cluster.removeRegion(region);
    }
    for (const region of before.regions) {
      const processes = cluster.regions.find(({ name }) => name === region.name);
      await processes?.removeBooks(region);
    }
    await cluster.closeLinks(before);
    throw error;
  }
}
