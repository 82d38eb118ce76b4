import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { childEnvironment } from '../../regions/processes/environment.ts';
import { readFigures, type RunFigures } from './run-figures.ts';

/** Exit code of a benchmark whose figures are void; it still prints its result. */
const EXIT_VOID = 1;

/**
 * Runs the benchmark of a checkout, with that checkout's own code, in a process of its own.
 *
 * @throws Error if it cannot be measured, or if the signal stopped it
 */
export async function runChild(
  checkout: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<RunFigures> {
  signal.throwIfAborted();
  const flags = ['--disable-warning=ExperimentalWarning', 'bench/main.ts', '--json'];
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd: checkout,
    env: childEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
    // Ctrl-C reaches a whole terminal. We signal this process instead, and only once: a
    // second signal means not to wait for the databases.
    detached: true,
  });
  const stop = () => child.kill('SIGINT');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [printed, code] = await Promise.all([text(child.stdout), exitCode(child)]);
    signal.throwIfAborted();
    if (code !== 0 && code !== EXIT_VOID) {
      throw new Error(`the benchmark in ${checkout} ended with exit code ${code}`);
    }
    return readFigures(printed);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  await once(child, 'close');
  return child.exitCode;
}
