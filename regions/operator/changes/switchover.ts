import { z } from 'zod';
import type { Sql } from '../../../ledger/store/postgres/connect.ts';
import { answered, type MemberFacts } from '../facts.ts';
import { whileFollowing } from '../follow-ahead.ts';
import type { OperatedBook, OperatedInstallation } from '../operated-installation.ts';
import { LeaderWatch, type WatchedBook } from '../leader-watch.ts';
import type { Member } from '../member.ts';
import { type Objection, objection } from '../objection.ts';
import type { Outline } from '../change-plan.ts';
import { PatroniRefusal } from '../patroni.ts';
import type { Recorder } from '../change-recorder.ts';
import {
  acknowledgingRegions,
  type BookFacts,
  leaderOf,
  memberIn,
  newestPosition,
  primaryOf,
  waitsForSecondRegion,
  whatForbidsLeading,
} from '../safety.ts';
import { until } from '../within.ts';
import { bookChange } from './operator-change.ts';

/** A checkpoint writes max_wal_size at most; the leader serves meanwhile. */
const CHECKPOINT_MS = 60_000;
/** Above Patroni's own limit of 20 s: the new leader needs a second region before it leads. */
const LEADING_MS = 60_000;
const SETTLED_MS = 60_000;

/** A standby that is further behind would delay a planned switchover. */
export const CATCH_UP_BYTES = 16 * 1024 * 1024;

/** Moves a book's leader as planned: nothing is lost, and callers see a short pause. */
export const switchover = bookChange(
  z.object({ kind: z.literal('switchover'), book: z.string(), to: z.string() }),
  {
    kind: 'switchover',
    help: 'move the leader of a book as planned: nothing is lost',
    examples: [
      'eu-west-1 --to us-east --why "kernel update" --dry-run',
      '1 --to eu-west --why OPS-4711 --yes',
    ],
    options: [{ name: 'to', takes: 'region', help: 'region that is to lead it' }],
    outline: outlineSwitchover,
    details: (facts, { to }) => ({ from: leaderOf(facts)?.member.region ?? to, to }),
    async carryOut({ installation, book, facts, recorder }, { to }) {
      const from = leaderOf(facts)?.member.region ?? to;
      const leader = installation.member(book, from);
      const candidate = installation.member(book, to);
      const copy = book.members.find((member) => member !== leader && member !== candidate);
      const moved = await whileFollowing(installation, copy, candidate, recorder, () =>
        move(book, leader, candidate, recorder),
      );
      await untilFollows(installation, book, leader, recorder);
      return { from, to, ...moved };
    },
  },
);

export function outlineSwitchover(
  facts: BookFacts,
  { to }: { readonly to: string },
): Required<Pick<Outline, 'steps' | 'warnings' | 'objections'>> {
  const objections: Objection[] = [];
  const candidate = memberIn(facts, to);
  const leader = leaderOf(facts);
  if (candidate === undefined) {
    objections.push(objection('NO_COPY_IN_REGION', `${facts.name} has no copy in ${to}`));
  } else if (candidate === leader) {
    objections.push(objection('LED_THERE_ALREADY', `${to} leads ${facts.name} already`));
  } else {
    objections.push(...whatForbidsLeading(facts, candidate), ...whatIsBehind(facts, candidate));
  }
  objections.push(...whatIsWrongWithLeader(facts));
  const from = leader?.member.region ?? 'none';
  const steps = [
    `write a checkpoint in ${from}, so that it stops quickly`,
    `have Patroni stop ${facts.name} in ${from} and promote it in ${to}`,
    `wait until the ledger server in ${to} leads in a newer epoch`,
    `wait until ${from} follows it`,
  ];
  const third = acknowledgingRegions(facts).some((region) => region !== to);
  const warnings = third
    ? []
    : [`no third copy streams, so payments wait until the copy in ${from} is back`];
  return { steps, warnings, objections };
}

/** How far a copy is behind the leader, if that would delay a planned change. */
function whatIsBehind(facts: BookFacts, candidate: MemberFacts): Objection[] {
  const { name, region } = candidate.member;
  const seen = primaryOf(facts)?.postgres.standbys.find((standby) => standby.name === name);
  if (seen?.streaming !== true) {
    return [objection('COPY_NOT_STREAMING', `${region} does not stream from the leader`)];
  }
  const behind = newestPosition(facts) - seen.flushed;
  if (behind <= BigInt(CATCH_UP_BYTES)) return [];
  const bytes = behind.toLocaleString('en-US');
  return [objection('COPY_BEHIND', `${region} is ${bytes} bytes behind`)];
}

function whatIsWrongWithLeader(facts: BookFacts): Objection[] {
  const primary = primaryOf(facts);
  if (primary === undefined) {
    const text = 'it has no leader that answers; see "meridian failover" and "meridian status"';
    return [objection('NO_LEADER', text)];
  }
  if (answered(primary.facts.patroni) === undefined) {
    return [objection('LEADER_PATRONI_SILENT', 'the Patroni of the leader does not answer')];
  }
  if (waitsForSecondRegion(primary.postgres)) return [];
  const text = 'its commits do not wait for a second region; restore that first';
  return [objection('COMMITS_DO_NOT_WAIT', text)];
}

/** What a switchover needs of the member that leads. */
interface LeaderToStop {
  readonly state: Member['state'];
  readonly database: {
    ask(question: (sql: Sql) => Promise<number>, limitMs: number): Promise<number>;
  };
  readonly patroni: Pick<Member['patroni'], 'switchover'>;
}

/**
 * Returns the epoch in which the book is led, from its database: a ledger server may report itself
 * late, and the leader that is to be replaced must never pass for the new one.
 */
async function checkpoint(sql: Sql): Promise<number> {
  await sql`CHECKPOINT`;
  const [head] = await sql<{ epoch: bigint }[]>`SELECT epoch FROM head`;
  return Number(head?.epoch ?? 0n);
}

/** Stops the book here and starts it there, and measures how long it had no leader. */
export async function move(
  book: WatchedBook & { readonly name: string },
  leader: LeaderToStop,
  candidate: { readonly state: Member['state'] },
  recorder: Recorder,
): Promise<{ epoch: number; pauseMs: number }> {
  const { region: from } = leader.state;
  const { region: to, ledgerAddress } = candidate.state;
  const watch = new LeaderWatch(book);
  try {
    await watch.current();
    recorder.step(`writing a checkpoint in ${from}`);
    const epochBefore = await leader.database.ask(checkpoint, CHECKPOINT_MS);
    recorder.step(`stopping ${book.name} in ${from}, promoting it in ${to}`);
    const refusal = leader.patroni
      .switchover(leader.state.name, candidate.state.name)
      .catch((error: unknown) => {
        // Any other error concerns only the call: whether the book moves is seen below.
        if (error instanceof PatroniRefusal) throw error;
      });
    const led = watch.newLeader(epochBefore, LEADING_MS);
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
async function untilFollows(
  installation: OperatedInstallation,
  book: OperatedBook,
  old: Member,
  recorder: Recorder,
) {
  const { region } = old.state;
  recorder.step(`waiting until ${region} follows`);
  await until(`that ${region} follows ${book.name}`, SETTLED_MS, async () => {
    const regions = acknowledgingRegions(await installation.facts(book));
    return regions.includes(region) ? true : undefined;
  });
}
