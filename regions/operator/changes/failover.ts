import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import pTimeout from 'p-timeout';
import { answered } from '../facts.ts';
import type { OperatedBook, OperatedInstallation } from '../operated-installation.ts';
import { LeaderWatch } from '../leader-watch.ts';
import type { Member } from '../member.ts';
import { type Objection, objection, textOf } from '../objection.ts';
import type { ChangeResult, Outline } from '../change-plan.ts';
import { PatroniRefusal } from '../patroni.ts';
import type { Recorder } from '../change-recorder.ts';
import {
  type BookFacts,
  headOf,
  leaderOf,
  memberIn,
  primaryOf,
  whatForbidsLeading,
  whatMayBeLost,
} from '../safety.ts';
import { until } from '../within.ts';
import { bookChange } from './operator-change.ts';

const PROMOTED_MS = 60_000;
const LEADING_MS = 60_000;
/** A copy that is alone leads only when another one follows, whenever that may be. */
const LEADING_ALONE_MS = 10_000;

/** What an operator does once a copy has been promoted with an accepted loss. */
const NEXT_AFTER_LOSS =
  'see "meridian channel list": if other books have legs that this copy lacks, it posts nothing ' +
  'until "meridian channel repair" has booked them';

/** Makes a region lead a book without a leader: it has all rows, or the loss is accepted. */
export const failover = bookChange(
  z.object({
    kind: z.literal('failover'),
    book: z.string(),
    to: z.string(),
    acceptLoss: z.boolean().default(false),
  }),
  {
    kind: 'failover',
    help: 'give a book whose leader is gone to another region',
    examples: ['eu-west-1 --to us-east --why "eu-west is on fire" --dry-run'],
    options: [
      { name: 'to', takes: 'region', help: 'region that is to lead it' },
      {
        name: 'acceptLoss',
        takes: 'switch',
        help: 'also to a copy that may lack acknowledged transfers; it is recorded',
      },
    ],
    outline: outlineFailover,
    details: (facts, { to, acceptLoss }, { accepted }) => {
      const from = leaderOf(facts)?.member.region ?? 'none';
      return { from, to, acceptLoss, mayBeLost: textOf(accepted) };
    },
    async carryOut({ installation, book, facts, plan, acting, recorder }, { to }) {
      const candidate = installation.member(book, to);
      for (const warning of plan.warnings) recorder.step(warning);
      const isLossAccepted = plan.accepted.length > 0;
      const consent = isLossAccepted ? consentFile(installation, candidate) : undefined;
      if (consent !== undefined) writeFileSync(consent, `${acting.by}: ${acting.why}\n`);
      try {
        const epoch = headOf(facts)?.epoch ?? 0;
        const waitMs = consent === undefined ? LEADING_MS : LEADING_ALONE_MS;
        const led = await promote(installation, book, candidate, epoch, waitMs, recorder);
        if (consent !== undefined) recorder.step(NEXT_AFTER_LOSS);
        return { from: leaderOf(facts)?.member.region ?? 'none', to, ...led };
      } finally {
        // An unused consent must not allow a later promotion that no operator has asked for.
        if (consent !== undefined) rmSync(consent, { force: true });
      }
    },
  },
);

export function outlineFailover(
  facts: BookFacts,
  { to, acceptLoss }: { readonly to: string; readonly acceptLoss: boolean },
): Required<Outline> {
  const objections: Objection[] = [];
  const accepted: Objection[] = [];
  const impossible: Objection[] = [];
  const candidate = memberIn(facts, to);
  const primary = primaryOf(facts);
  const leading = primary !== undefined && answered(primary.facts.ledger)?.leading === true;
  if (leading && primary.facts.member.region !== to) {
    const place = primary.facts.member.region;
    const instead = `"meridian switchover ${facts.name} --to ${to}" loses nothing`;
    objections.push(objection('LEADER_ANSWERS', `its leader in ${place} answers: ${instead}`));
  }
  if (candidate === undefined) {
    objections.push(objection('NO_COPY_IN_REGION', `${facts.name} has no copy in ${to}`));
  } else if (candidate.member.name === facts.coordination?.leader) {
    const text = `${to} is the leader already, as etcd has it`;
    objections.push(objection('LED_THERE_ALREADY', text));
  } else {
    impossible.push(...whatForbidsLeading(facts, candidate));
    (acceptLoss ? accepted : objections).push(...whatMayBeLost(facts, candidate));
  }
  const steps = [
    `have Patroni promote ${facts.name} in ${to}`,
    `wait until the ledger server in ${to} leads in a newer epoch, which needs a second region`,
    ...(accepted.length > 0 ? [NEXT_AFTER_LOSS] : []),
  ];
  const warnings = accepted.map(({ text }) => `${text}: you accept that`);
  return { steps, warnings, objections, accepted, impossible };
}

/** The file that makes the promotion guard of a member pass once, see replicated/. */
function consentFile({ dataDir }: OperatedInstallation, { state }: Member): string {
  return join(dataDir, state.region, state.bookName, 'accept-loss');
}

async function promote(
  installation: OperatedInstallation,
  book: OperatedBook,
  candidate: Member,
  epoch: number,
  waitMs: number,
  recorder: Recorder,
): Promise<ChangeResult> {
  const { name, region: to, ledgerAddress } = candidate.state;
  const watch = new LeaderWatch(book);
  try {
    recorder.step(`promoting ${book.name} in ${to}`);
    const led = watch.newLeader(epoch, PROMOTED_MS + waitMs);
    led.catch(() => undefined);
    const refusal = candidate.patroni.failover(name).catch((error: unknown) => {
      // Any other error concerns only the call: whether the book moves is seen below.
      if (error instanceof PatroniRefusal) throw error;
    });
    const promoted = until(`that ${to} is promoted`, PROMOTED_MS, async () => {
      const primary = primaryOf(await installation.facts(book));
      return primary?.facts.member.name === name ? true : undefined;
    });
    await Promise.race([promoted, refusal.then(() => promoted)]);
    recorder.step(`${to} is promoted; its ledger server leads once another copy follows`);
    const leader = await pTimeout(led, { milliseconds: waitMs, message: false });
    if (leader === undefined) {
      recorder.step(`${book.name} takes no payments until another copy follows ${to}`);
      return { promoted: true, leading: false };
    }
    if (leader.address !== ledgerAddress) throw new Error(`it is led at ${leader.address} instead`);
    recorder.step(`${to} leads ${book.name} in epoch ${leader.epoch}`);
    return { promoted: true, leading: true, epoch: leader.epoch };
  } finally {
    watch.close();
  }
}
