/**
 * Calls `send` for each place of a timetable when it is due, until it returns false.
 *
 * @param begun when place 0 is due, by performance.now()
 * @returns how many places were sent
 */
export function followTimetable(
  begun: number,
  ratePerSecond: number,
  total: number,
  send: (number: number, dueAt: number) => boolean,
): Promise<number> {
  const intervalMs = 1_000 / ratePerSecond;
  let next = 0;
  return new Promise((resolve) => {
    const tick = () => {
      const now = performance.now();
      while (next < total && begun + next * intervalMs <= now) {
        if (!send(next, begun + next * intervalMs)) {
          resolve(next);
          return;
        }
        next += 1;
      }
      if (next === total) resolve(next);
      // A timer wakes up to a millisecond late. To spin instead would take from the two cores
      // what the system under test needs; the delay is reported next to the latency.
      else setTimeout(tick, Math.max(0, begun + next * intervalMs - now));
    };
    tick();
  });
}
