import { createServer } from 'node:net';
import type { PortUse } from './layout.ts';
import { probeTcp } from './probes.ts';

/** True when nobody listens on this port of an address of this machine and we could. */
async function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const bound = await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
  // Some systems let us bind 127.0.0.1 beside a server on 0.0.0.0; that one would still answer.
  return bound && !(await probeTcp({ host, port }, 250));
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

/**
 * A port from which `count` ports in a row are free now, for tests. It starts at a random place
 * below the range from which the system takes the ports of outgoing connections.
 */
export async function findFreeBase(count = 40): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = 10_000 + Math.floor(Math.random() * 400) * 50;
    const ports = Array.from({ length: count }, (_, index) => base + index);
    const free = await Promise.all(ports.map((port) => isFree(port)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no ${count} free ports in a row were found between 10000 and 30000`);
}
