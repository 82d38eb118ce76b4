/**
 * Runs the pieces of work in the order given, at most `limit` (at least 1) at a time, and ends
 * when all are done. The first error ends the run: pieces under way are waited for, no further
 * one is begun, and the error is thrown.
 */
export async function inParallel(
  work: readonly (() => Promise<void>)[],
  limit: number,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (!failed) {
      const piece = work[next];
      if (!piece) return;
      next += 1;
      try {
        await piece();
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: limit }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
