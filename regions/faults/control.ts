import { z } from 'zod';
import type { Faults } from './faults.ts';
import { cutModes } from './link.ts';
import { type ControlHandler, sendControl } from '../processes/control-socket.ts';

/** Faults by another process, through the control socket of the supervisor. */

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

/** The path of the commands on the control socket. */
const PATH = '/faults';

/** What a supervisor serves on its control socket. */
export function faultHandlers(faults: Faults): Readonly<Record<string, ControlHandler>> {
  return { [PATH]: (asked) => execute(faults, command.parse(asked)) };
}

async function send(path: string, asked: Command): Promise<void> {
  await sendControl(path, PATH, asked);
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
