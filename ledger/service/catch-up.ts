import { setTimeout as sleep } from 'node:timers/promises';

/** How long a member that is behind may take to come as far as asked, and how often it is asked. */
const CATCH_UP_MS = 250;
const LOOK_MS = 20;

/**
 * What `look` gives as soon as that is `enough`, or after a quarter of a second whatever it gives
 * then.
 *
 * Leaders need the time as well as copies: a row that waits for its second region can be read
 * there, at the level STALE, before its leader hears of it and shows it to anybody.
 */
export async function caughtUp<Seen>(
  look: () => Promise<Seen>,
  enough: (seen: Seen) => boolean,
): Promise<Seen> {
  const until = performance.now() + CATCH_UP_MS;
  for (;;) {
    const seen = await look();
    if (enough(seen) || performance.now() > until) return seen;
    await sleep(LOOK_MS);
  }
}
