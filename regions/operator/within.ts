import pWaitFor from 'p-wait-for';

/** How long to wait for any one part: status answers in two seconds with a region gone. */
export const QUESTION_MS = 1_500;

/** Far below what an operator notices. */
const TICK_MS = 50;

/**
 * Ends with `work`, or with an error once it has taken longer than `ms`. Time in which this
 * process itself was not running does not count: a slow caller does not make others silent.
 * The work itself continues; the caller must see to its end. (p-timeout counts all time.)
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    let left = Math.ceil(ms / TICK_MS);
    timer = setInterval(() => {
      left -= 1;
      if (left <= 0) reject(new Error(`no answer within ${ms / 1_000} s`));
    }, TICK_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearInterval(timer);
  }
}

/** The reason of an error in one line, also if the driver puts several causes into one error. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  // fetch reports only that it failed; the reason is in the cause.
  if (error.message === 'fetch failed' && error.cause !== undefined) return reasonOf(error.cause);
  return error.message || error.name;
}

/** Calls `test` repeatedly until it returns something. Throws once `ms` have passed. */
export function until<T>(
  what: string,
  ms: number,
  test: () => Promise<T | undefined>,
  pauseMs = 200,
): Promise<T> {
  const condition = async () => {
    const found = await test();
    return found === undefined ? false : pWaitFor.resolveWith(found);
  };
  const message = `${what} did not happen within ${ms / 1_000} s`;
  return pWaitFor(condition, { interval: pauseMs, timeout: { milliseconds: ms, message } });
}
