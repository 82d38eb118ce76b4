import { CommandFailure, ExitCode } from './failure.ts';
import { note } from './print.ts';

/** What is over sooner needs no word. */
const QUIET_MS = 2_000;

/**
 * Waits for work of which there is no progress to show: names it on stderr when it takes a
 * while, and ends with Ctrl-C. The work goes on until the process ends, so it must be such that it may
 * end at any point.
 */
export async function whileWaiting<T>(
  what: string,
  signal: AbortSignal,
  work: Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => note(`${what} ...`), QUIET_MS);
  const stopped = new Promise<never>((_, reject) => {
    const stop = () => reject(new CommandFailure(ExitCode.interrupted, 'Stopped.'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    clearTimeout(timer);
  }
}
