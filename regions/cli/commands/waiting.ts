import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { note } from '../../terminal/print.ts';

/** Shorter work needs no message. */
const QUIET_MS = 2_000;

/**
 * Waits for work without visible progress: names it on stderr when it takes a while, and ends with
 * Ctrl-C. The work continues until the process ends, so it must be safe to end at any point.
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
