import { must } from '../../ledger/core/assert.ts';
import { Random } from '../../ledger/core/random.ts';
import type { AccountPools } from './account-pools.ts';
import { countStatus } from './answer-scan.ts';
import { drawTransfer, EncodedTransfer } from './encoded-requests.ts';
import type { LoadResult, SinglesJob } from './job.ts';
import { newHistogram, RateMeter, record, summary } from './meter.ts';
import type { RouterClient } from './router-client.ts';
import { AcknowledgedTally } from './acknowledged-tally.ts';
import type { TimeOrderedKeys } from './time-ordered-keys.ts';

const DIFFERENT_TRANSFERS = 4_096;
/** With this number of calls unanswered the rate clearly exceeds what the system can do. */
const UNANSWERED_MAX = 20_000;
const SEED = 20_261_122;

interface Parts {
  readonly pools: AccountPools;
  readonly keys: TimeOrderedKeys;
  readonly client: (router: string) => RouterClient;
}

/**
 * Sends one transfer per call at a fixed rate. Each call has its moment in a timetable that is
 * fixed in advance, and its latency counts from that moment: a stall of the system, or of this
 * generator, is charged to every call that was due meanwhile (no coordinated omission).
 */
export async function runSingles(parts: Parts, job: SinglesJob): Promise<LoadResult> {
  const { ratePerSecond, window } = job;
  const client = parts.client(job.router);
  const random = new Random(SEED);
  const route = { router: job.router, from: job.from, awayShare: 0, away: [], hot: false };
  const parties = parts.pools.parties(route);
  const transfers = Array.from(
    { length: DIFFERENT_TRANSFERS },
    () => new EncodedTransfer(drawTransfer(parties, random)),
  );
  const tally = new AcknowledgedTally(job.from);
  const latency = newHistogram();
  const sendDelay = newHistogram();
  const errors: string[] = [];
  let failedCalls = 0;
  let unanswered = 0;
  let onLastAnswer: (() => void) | undefined;
  const begun = performance.now();
  const meter = new RateMeter(window, begun);
  const send = (number: number, dueAt: number) => {
    const transfer = must(transfers[number % transfers.length], 'there are transfers');
    const counted = dueAt >= meter.startsAt;
    if (counted) record(sendDelay, performance.now() - dueAt);
    unanswered += 1;
    client.createTransfer(transfer.withFreshKey(parts.keys), (error, answer) => {
      const now = performance.now();
      unanswered -= 1;
      if (unanswered === 0) onLastAnswer?.();
      if (error !== null || answer === undefined) {
        failedCalls += 1;
        errors.push(error?.message ?? 'no answer');
        return;
      }
      tally.add(1, countStatus(answer), transfer.effects);
      meter.completed(1, now);
      if (counted) record(latency, now - dueAt);
    });
  };
  const total = Math.floor(((window.warmUpMs + window.measureMs) / 1_000) * ratePerSecond);
  const sent = await followTimetable(begun, ratePerSecond, total, (number, dueAt) => {
    if (unanswered < UNANSWERED_MAX) send(number, dueAt);
    return unanswered < UNANSWERED_MAX;
  });
  if (sent < total) {
    failedCalls += total - sent;
    errors.push(`${unanswered} calls were unanswered: ${ratePerSecond}/s is too much`);
  }
  if (unanswered > 0) await new Promise<void>((resolve) => (onLastAnswer = resolve));
  return {
    acknowledged: [tally.acknowledged],
    failedCalls,
    errors: errors.slice(0, 3),
    perSecond: meter.perSecond,
    latency: summary(latency),
    sendDelay: summary(sendDelay),
  };
}

/**
 * Calls `send` for each place of the timetable when it is due, until it returns false.
 * @returns how many places were sent
 */
function followTimetable(
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
