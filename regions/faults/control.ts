import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { Faults } from './faults.ts';
import { cutModes } from './link.ts';

/**
 * Faults by another process: one JSON command a request, over HTTP on a Unix socket, which only the user of the supervisor can open.
 */

const region = z.string();
const signals = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGSTOP', 'SIGCONT'] as const;

const command = z.discriminatedUnion('do', [
  z.object({ do: z.literal('signal'), process: z.string(), signal: z.enum(signals) }),
  z.object({ do: z.literal('stop'), process: z.string() }),
  z.object({ do: z.literal('start'), process: z.string() }),
  z.object({ do: z.literal('loseRegion'), region }),
  z.object({ do: z.literal('restoreRegion'), region }),
  z.object({
    do: z.literal('cut'),
    from: region,
    to: region,
    mode: z.enum(cutModes),
  }),
  z.object({ do: z.literal('heal'), from: region, to: region }),
  z.object({
    do: z.literal('delay'),
    from: region,
    to: region,
    delayMs: z.number().nonnegative().optional(),
  }),
]);
type Command = z.infer<typeof command>;

function execute(faults: Faults, asked: Command): Promise<void> {
  switch (asked.do) {
    case 'signal':
      return faults.signal(asked.process, asked.signal);
    case 'stop':
      return faults.stop(asked.process);
    case 'start':
      return faults.start(asked.process);
    case 'loseRegion':
      return faults.loseRegion(asked.region);
    case 'restoreRegion':
      return faults.restoreRegion(asked.region);
    case 'cut':
      return faults.cut(asked.from, asked.to, asked.mode);
    case 'heal':
      return faults.heal(asked.from, asked.to);
    case 'delay':
      return faults.delay(asked.from, asked.to, asked.delayMs);
  }
}

async function answer(faults: Faults, call: IncomingMessage): Promise<string> {
  try {
    await execute(faults, command.parse(JSON.parse(await text(call))));
    return '{}';
  } catch (error) {
    return JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
  }
}

/** Maximum length of the name of a Unix socket, with room for its end. */
const NAME_BYTES = 100;

/** The path of the control socket of an installation: in its `run` folder, if that is not too deep. */
export function controlSocket(runFolder: string): string {
  const path = join(runFolder, 'control.sock');
  if (Buffer.byteLength(path) <= NAME_BYTES) return path;
  const name = createHash('sha256').update(runFolder).digest('hex').slice(0, 16);
  return join(tmpdir(), `meridian-${name}.sock`);
}

/** Listens on the socket until it is closed. A socket that a killed predecessor left is replaced. */
export async function serveFaults(path: string, faults: Faults): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((call, reply) => {
    void answer(faults, call).then((body) => reply.end(body));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return server;
}

function post(path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: path, method: 'POST', path: '/' }, (reply) => {
      text(reply).then(resolve, reject);
    });
    call.once('error', reject);
    call.end(body);
  });
}

async function send(path: string, asked: Command): Promise<void> {
  const body = await post(path, JSON.stringify(asked));
  const { error } = z.object({ error: z.string().optional() }).parse(JSON.parse(body));
  if (error !== undefined) throw new Error(error);
}

/** The faults of the installation whose supervisor listens on this socket. */
export function connectFaults(path: string): Faults {
  return {
    signal: (process, signal) => send(path, { do: 'signal', process, signal }),
    stop: (process) => send(path, { do: 'stop', process }),
    start: (process) => send(path, { do: 'start', process }),
    loseRegion: (name) => send(path, { do: 'loseRegion', region: name }),
    restoreRegion: (name) => send(path, { do: 'restoreRegion', region: name }),
    cut: (from, to, mode) => send(path, { do: 'cut', from, to, mode }),
    heal: (from, to) => send(path, { do: 'heal', from, to }),
    delay: (from, to, delayMs) => send(path, { do: 'delay', from, to, delayMs }),
  };
}
