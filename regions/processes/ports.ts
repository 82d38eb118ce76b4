import { createServer, type Server } from 'node:net';
import { probeTcp } from './probes.ts';

/** A port that something will listen on. */
export interface PortUse {
  /** The address it is used on; 127.0.0.1 when left out. */
  readonly host?: string;
  readonly port: number;
  /** For example "the router of eu-west". */
  readonly use: string;
}

/** True when no process listens on this port of an address of this machine, and ours can. */
async function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = await listen(port, host);
  if (server === undefined) return false;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  // Some systems allow binding 127.0.0.1 next to a server on 0.0.0.0, which would still answer.
  return !(await probeTcp({ host, port }, 250));
}

/** Throws an Error that names every taken port, what it was for, and how to choose others. */
export async function requireFreePorts(ports: readonly PortUse[]): Promise<void> {
  const free = await Promise.all(ports.map(({ port, host }) => isFree(port, host)));
  const taken = ports
    .filter((_, index) => free[index] === false)
    .toSorted((a, b) => a.port - b.port);
  if (taken.length === 0) return;
  const lines = taken.map(({ host, port, use }) => {
    const where = host === undefined ? `port ${port}` : `port ${port} of ${host}`;
    return `${where} (${use}) is taken by another program`;
  });
  throw new Error(`${lines.join('\n')}\nchoose other ports with --port, for example --port 8400`);
}

/** Ports of a block; the last one stays with the process that has chosen it. */
const BLOCK_PORTS = 50;

/**
 * A port from which `count` ports in a row are free, for tests. It starts at a random place
 * below the range from which the system takes the ports of outgoing connections.
 *
 * No other process gets the same ports while this process lives: what is to listen on them may
 * take seconds to start. (get-port finds single ports, and reserves them within one process.)
 */
export async function findFreeBase(count = 40): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = 10_000 + Math.floor(Math.random() * 400) * BLOCK_PORTS;
    const claim = await listen(base + BLOCK_PORTS - 1);
    if (claim === undefined) continue;
    const ports = Array.from({ length: count }, (_, index) => base + index);
    const free = await Promise.all(ports.map((port) => isFree(port)));
    if (free.every(Boolean)) {
      claim.unref();
      return base;
    }
    claim.close();
  }
  throw new Error(`no ${count} free ports in a row were found between 10000 and 30000`);
}

/** Undefined: the port is not available. */
function listen(port: number, host = '127.0.0.1'): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
