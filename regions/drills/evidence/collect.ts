import { setTimeout as sleep } from 'node:timers/promises';
import { INVARIANTS } from '../../../ledger/audit/findings.ts';
import { type AuditReport, runAudit } from '../../../ledger/audit/run-audit.ts';
import type { MeridianClient } from '../../../router/client/client.ts';
import type { RegionName } from '../../topology/layout.ts';
import type { MemberState } from '../../topology/state.ts';
import type { RecordedCall } from '../load/call-log.ts';
import type { LoadAccount } from '../load/payment-plan.ts';
import type { CallSet, DrillEvidence } from '../report.ts';
import { compareCopies } from './compare-copies.ts';
import { type EpochStart, judge, type Judgement } from './judge-transfers.ts';
import { reAsk, unknownOf } from './re-ask.ts';
import { evidencePool, type ReadBack, readBack } from './read-back.ts';

export interface EvidenceInput {
  readonly calls: readonly RecordedCall[];
  readonly namespace: string;
  readonly accounts: readonly LoadAccount[];
  /** All copies of all books. */
  readonly members: readonly MemberState[];
  /** Waits for the copy of a book that accepts writes; undefined if none does. */
  readonly primaryOf: (book: number) => Promise<MemberState | undefined>;
  readonly clientOf: (region: RegionName) => MeridianClient;
  readonly epochs: readonly EpochStart[];
  readonly healedAfterMs: number | null;
  readonly signal: AbortSignal;
  readonly onStep: (text: string) => void;
}

const DRAIN_MS = 60_000;
const KEYS_MOST = 20;

/**
 * Asks every unknown outcome again, then reads everything back and compares it with the
 * answers that callers received. What cannot be read is named; nothing that depends on it
 * counts as proven.
 */
export async function collectEvidence(input: EvidenceInput): Promise<DrillEvidence> {
  const { calls, namespace, members, onStep, signal } = input;
  const unread: string[] = [];
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      unread.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };

  const unknown = unknownOf(calls);
  onStep(`asking again for ${unknown.length} unknown outcomes`);
  const { answers, unanswered } = await reAsk(calls, namespace, input.clientOf);
  for (const [key, why] of unanswered) unread.push(`outcome of ${key}: ${why}`);

  const books = [...Map.groupBy(members, ({ book }) => book)];
  const primaries: MemberState[] = [];
  for (const [book, copies] of books) {
    const primary = await input.primaryOf(book);
    if (primary === undefined) unread.push(`${copies[0]?.bookName ?? book}: it has no primary`);
    else primaries.push(primary);
  }
  onStep('waiting until nothing is in transit');
  await attempt('what is in transit', () => untilDrained(primaries, signal));

  onStep('reading every book back');
  const read: ReadBack[] = [];
  for (const primary of primaries) {
    const accounts = input.accounts.filter(({ book }) => book === primary.book);
    const ids = accounts.map(({ id }) => id);
    const back = await attempt(primary.bookName, () =>
      readBack(primary.auditorUrl, namespace, ids),
    );
    if (back) read.push(back);
  }
  onStep('running the whole audit');
  const urls = primaries.map(({ auditorUrl }) => auditorUrl);
  const audit =
    primaries.length === books.length
      ? await attempt('the audit', () => runAudit({ urls, onProgress: () => {}, signal }))
      : undefined;
  onStep('comparing the copies of every book');
  const copies = await Promise.all(books.map(([, those]) => compareCopies(those)));

  const judged = judge(calls, answers, read, input.epochs);
  return {
    complete: unread.length === 0,
    unread: unread.slice(0, KEYS_MOST),
    calls: calls.length,
    acknowledged: calls.filter(({ acknowledged }) => acknowledged !== undefined).length,
    ...callSets(judged),
    unknownBefore: unknown.length,
    unknownAfter: unanswered.size,
    unknownWereApplied: [...answers.values()].filter(({ replayed }) => replayed).length,
    unknownWereNot: [...answers.values()].filter(({ replayed }) => !replayed).length,
    epochs: epochsOf(calls, read, members),
    audit: audit ? auditFacts(audit) : null,
    invariants: { ...INVARIANTS },
    inTransit: (audit?.inFlight ?? [])
      .filter(({ transfers, amountMinor }) => transfers > 0 || amountMinor !== 0n)
      .map((flight) => ({ ...flight, amountMinor: String(flight.amountMinor) })),
    copies: copies.flat(),
    healedAfterMs: input.healedAfterMs,
  };
}

function auditFacts({ ok, books, violationsTotal, violations }: AuditReport) {
  const rows = books.reduce((sum, { seq }) => sum + seq, 0);
  return { ok, rows, violationsTotal, violations: [...violations] };
}

const callSets = (judged: Judgement) => ({
  missing: callSet(judged.missing),
  duplicates: callSet(judged.duplicates),
  contradicted: callSet(judged.contradicted),
  falselyRefused: callSet(judged.falselyRefused),
  phantoms: callSet(judged.phantoms),
  deposed: callSet(judged.deposed),
});

function callSet(
  found: readonly { readonly key: string; readonly amountMinor: string }[],
): CallSet {
  const amount = found.reduce((sum, { amountMinor }) => sum + BigInt(amountMinor || '0'), 0n);
  const keys = found.slice(0, KEYS_MOST).map(({ key }) => key);
  return { count: found.length, amountMinor: String(amount), keys };
}

/** Acknowledgements by the epoch that gave them; a replay does not contain its epoch. */
function epochsOf(
  calls: readonly RecordedCall[],
  read: readonly ReadBack[],
  members: readonly MemberState[],
): DrillEvidence['epochs'] {
  const fresh = calls.filter(({ acknowledged }) => acknowledged?.replayed === false);
  const groups = Map.groupBy(fresh, ({ acknowledged: answer }) => {
    return `${answer?.book ?? 0} ${answer?.epoch ?? 0}`;
  });
  return [...groups]
    .map(([name, those]) => {
      const [book = 0, epoch = 0] = name.split(' ').map(Number);
      const times = those.map(({ endedAtMs }) => endedAtMs);
      const takeOvers = read.find((one) => one.book === book)?.takeOvers ?? [];
      return {
        book: members.find((member) => member.book === book)?.bookName ?? String(book),
        epoch,
        leader: takeOvers.find((one) => one.epoch === epoch)?.leader ?? '',
        acknowledged: those.length,
        firstAtMs: Math.min(...times),
        lastAtMs: Math.max(...times),
      };
    })
    .toSorted((a, b) => a.book.localeCompare(b.book) || a.epoch - b.epoch);
}

/** Waits until nothing is in transit between books. Throws when it takes too long. */
async function untilDrained(primaries: readonly MemberState[], signal: AbortSignal): Promise<void> {
  const pools = primaries.map(({ auditorUrl }) => evidencePool(auditorUrl));
  try {
    const giveUpAt = performance.now() + DRAIN_MS;
    for (;;) {
      const counts = await Promise.all(
        pools.map(async (pool) => {
          const [row] = await pool<{ transfers: bigint | null }[]>`
            SELECT sum(transfers)::int8 AS transfers FROM in_transit`;
          return Number(row?.transfers ?? 0n);
        }),
      );
      const left = counts.reduce((sum, count) => sum + count, 0);
      if (left === 0) return;
      if (performance.now() > giveUpAt) {
        throw new Error(`${left} transfers are in transit after ${DRAIN_MS / 1_000} s`);
      }
      await sleep(250, undefined, { signal });
    }
  } finally {
    await Promise.all(pools.map((pool) => pool.end({ timeout: 1 })));
  }
}
