import { z } from 'zod';
import { type ControlHandler, sendControl } from '../../processes/control-socket.ts';
import { topologySchema } from '../../topology/topology-record.ts';
import type { Topology } from '../../topology/topology.ts';
import type { ChangeStep, TopologyChange } from './topology-change.ts';

/** A change of the topology by another process, through the control socket of the supervisor. */

const PATH = '/topology';

const command = z.object({ topology: topologySchema, dryRun: z.boolean() });

const change = z.object({
  regions: z.array(z.string()),
  books: z.array(z.string()),
  started: z.array(z.string()),
  restarted: z.array(z.string()),
});

const step = z.union([
  z.object({ kind: z.enum(['started', 'restarted']), process: z.string() }),
  z.object({ kind: z.literal('recorded') }),
]);

interface ApplyHow {
  readonly dryRun?: boolean | undefined;
  readonly report?: ((step: ChangeStep) => void) | undefined;
}

/** What a supervisor serves on its control socket. */
export function topologyHandlers(cluster: {
  applyTopology(topology: Topology, how: ApplyHow): Promise<TopologyChange>;
}): Readonly<Record<string, ControlHandler>> {
  return {
    [PATH]: (asked, report) => {
      const { topology, dryRun } = command.parse(asked);
      return cluster.applyTopology(topology, { dryRun, report });
    },
  };
}

/**
 * Applies a topology to the installation whose supervisor listens on the socket.
 * @throws CommandRefused if the topology cannot follow the present one
 */
export async function applyTopology(
  socket: string,
  topology: Topology,
  { dryRun = false, report }: ApplyHow,
): Promise<TopologyChange> {
  const onProgress = (progress: unknown) => report?.(step.parse(progress));
  return change.parse(await sendControl(socket, PATH, { topology, dryRun }, onProgress));
}
