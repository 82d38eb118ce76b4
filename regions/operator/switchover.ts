import type { RegionName } from '../topology/layout.ts';
import { whileFollowing } from './follow-ahead.ts';
import type { Book, Installation } from './installation.ts';
import { LeaderWatch } from './leader-watch.ts';
import type { Member } from './member.ts';
import { type Acting, type Operation, requireDoable } from './operation.ts';
import { PatroniRefusal } from './patroni.ts';
import { ledFrom, planSwitchover } from './plan.ts';
import { Recorder } from './recorder.ts';
import { acknowledgingRegions } from './safety.ts';
import { until } from './within.ts';

/** A planned change of a book's leader: nothing is lost, and no client sees an error. */

const CHECKPOINT_MS = 60_000;
/** Above Patroni's own limit of 20 s: the new leader needs a second region before it leads. */
const LEADING_MS = 60_000;
const SETTLED_MS = 60_000;

export async function switchover(
  installation: Installation,
  book: Book,
  to: RegionName,
  acting: Acting,
): Promise<Operation> {
  const facts = await installation.patientFacts(book);
  requireDoable(planSwitchover(facts, to));
  const from = ledFrom(facts)?.member.region ?? to;
  const recorder = new Recorder('switchover', book.name, acting, { from, to });
  const leader = installation.member(book, from);
  const candidate = installation.member(book, to);
  return recorder.during([book], async () => {
    const copy = book.members.find((member) => member !== leader && member !== candidate);
    const moved = await whileFollowing(installation, copy, candidate, recorder, () =>
      move(book, leader, candidate, recorder),
    );
    await settle(installation, book, leader, recorder);
    return { from, to, ...moved };
  });
}

/** Stops the book here and starts it there, and measures how long it had no leader. */
async function move(book: Book, leader: Member, candidate: Member, recorder: Recorder) {
  const { region: from } = leader.state;
  const { region: to, ledgerAddress } = candidate.state;
  const watch = new LeaderWatch(book);
  try {
    const before = await watch.current();
    recorder.step(`writing a checkpoint in ${from}`);
    await leader.database.ask((sql) => sql`CHECKPOINT`.execute(), CHECKPOINT_MS);
    recorder.step(`stopping ${book.name} in ${from}, promoting it in ${to}`);
    const refusal = leader.patroni
      .switchover(leader.state.name, candidate.state.name)
      .catch((error: unknown) => {
        // Any other error concerns only the call: whether the book moves is seen below.
        if (error instanceof PatroniRefusal) throw error;
      });
    const led = watch.newLeader(before?.epoch ?? 0, LEADING_MS);
    await Promise.race([led, refusal.then(() => led)]);
    const { address, epoch, pauseMs } = await led;
    if (address !== ledgerAddress) {
      throw new Error(`${book.name} is led at ${address} in epoch ${epoch} instead of in ${to}`);
    }
    recorder.step(`${to} leads ${book.name} in epoch ${epoch}; writes paused for ${pauseMs} ms`);
    return { epoch, pauseMs };
  } finally {
    watch.close();
  }
}

/** Waits until the old leader's copy follows, so that the next change would be safe as well. */
async function settle(installation: Installation, book: Book, old: Member, recorder: Recorder) {
  const { region } = old.state;
  recorder.step(`waiting until ${region} follows`);
  await until(`that ${region} follows ${book.name}`, SETTLED_MS, async () => {
    const regions = acknowledgingRegions(await installation.facts(book));
    return regions.includes(region) ? true : undefined;
  });
}
