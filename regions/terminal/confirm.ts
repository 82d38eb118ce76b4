import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { CommandFailure, ExitCode } from './failure.ts';

interface Terminal {
  readonly input?: Readable;
  readonly output?: Writable;
}

/** True if the command runs at a terminal, so that its user can be asked. */
export const isTerminal = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/**
 * Asks for a name to be typed; returns true if exactly that was typed. Throws CommandFailure
 * (interrupted) on Ctrl-C, at the end of the input and when the signal is aborted.
 *
 * Node's own prompt, because it works on a terminal of any width. Of the libraries, @clack/prompts
 * 1.9 leaves its promise open at Ctrl-D, and @inquirer/input 5 needs Node 22.22.
 */
export async function confirmByTyping(
  name: string,
  signal: AbortSignal,
  { input = process.stdin, output = process.stderr }: Terminal = {},
): Promise<boolean> {
  const terminal = createInterface({ input, output });
  const closed = once(terminal, 'close').then(() => undefined);
  // Node reports Ctrl-C, Ctrl-D and the signal as an error.
  const answer = terminal.question(`Type ${name} to go on: `, { signal }).catch(() => undefined);
  const typed = await Promise.race([answer, closed]);
  terminal.close();
  if (typed === undefined) throw new CommandFailure(ExitCode.interrupted, 'Stopped.');
  return typed.trim() === name;
}
