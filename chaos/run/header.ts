import { askCopy } from '../../regions/drills/evidence/read-back.ts';
import { commitOf, ownVersion } from '../../regions/processes/release.ts';
import type { BookOfRun, HistoryHeader, Judging } from '../judge/history/record.ts';
import { booksOf, copiesOf, type Installation } from '../drive/installation/installation.ts';
import type { EpochWatch } from './epoch-watch.ts';
import { planOptions, type RunPlan } from './plan.ts';

/** A client without an answer may learn of its timeout a little after its deadline. */
const LATE_MS = 2_000;

export const LIVENESS_MS = { embedded: 20_000, replicated: 45_000 } as const;
const RECOVERS_MS = { embedded: 15_000, replicated: 30_000 } as const;

function judgingOf({ profile }: Installation, plan: RunPlan, clockSkewMs: number): Judging {
  return {
    clockSkewMs,
    answersWithinMs: plan.deadlineMs + LATE_MS,
    recoversWithinMs: RECOVERS_MS[profile],
    livenessMs: LIVENESS_MS[profile],
  };
}

/** Throws Error when a book has no leader whose database can be read. */
export async function headerOf(
  installation: Installation,
  leaders: EpochWatch,
  run: {
    readonly plan: RunPlan;
    readonly asked: Readonly<Record<string, unknown>>;
    readonly namespaces: readonly string[];
    readonly clockSkewMs: number;
  },
): Promise<HistoryHeader> {
  const { plan } = run;
  const books: BookOfRun[] = [];
  let postgres = '';
  for (const { number, name, region } of booksOf(installation)) {
    const leader = leaders.leader(number);
    if (leader === undefined) throw new Error(`no server leads ${name}`);
    const [row] = await askCopy(
      leader.auditorUrl,
      (sql) => sql<{ seq: bigint; version: string }[]>`
        SELECT seq, current_setting('server_version') AS version FROM head`,
    );
    const copies = copiesOf(installation, number).map((copy) => copy.region);
    const startSeq = Number(row?.seq ?? 0n);
    books.push({ number, name, region, copies, startSeq });
    postgres = row?.version ?? '';
  }
  return {
    kind: 'header',
    seed: plan.seed,
    commit: await commitOf(),
    versions: { meridian: await ownVersion(), node: process.versions.node, postgres },
    options: { profile: installation.profile, ...run.asked, ...planOptions(plan) },
    startedAt: new Date().toISOString(),
    books,
    namespaces: run.namespaces,
    exclusive: installation.own !== undefined,
    judging: judgingOf(installation, plan, run.clockSkewMs),
  };
}
