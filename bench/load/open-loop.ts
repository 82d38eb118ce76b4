import { must } from '../../ledger/core/assert.ts';
import { Random } from '../../ledger/core/random.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import type { AccountPools } from './account-pools.ts';
import { AcknowledgedTally } from './acknowledged-tally.ts';
import { countOf, countStatus, type StatusCounts } from './answer-scan.ts';
import { drawTransfer, EncodedTransfer } from './encoded-requests.ts';
import { type Effects, transfersOf } from './effects.ts';
import type { LoadResult, SinglesJob } from './job.ts';
import { newHistogram, processorWatch, RateMeter, record, summary } from './meter.ts';
import type { RouterClient } from './router-client.ts';
import type { TimeOrderedKeys } from './time-ordered-keys.ts';
import { followTimetable } from './timetable.ts';

const DIFFERENT_TRANSFERS = 4_096;
const SEED = 20_261_122;

interface Parts {
  readonly pools: AccountPools;
  readonly keys: TimeOrderedKeys;
  readonly client: (router: string) => RouterClient;
}

/** One of the transfers that are drawn in advance. */
interface Single {
  readonly effects: Effects;
  /** Sends it with a fresh key. */
  readonly send: (answer: (counts: StatusCounts | undefined, error: string) => void) => void;
}

/**
 * Sends one transfer per call at a fixed rate. Each call has its moment in a timetable that is
 * fixed in advance, and its latency counts from that moment: a stall of the system, or of this
 * generator, is charged to every call that was due meanwhile (no coordinated omission).
 */
export async function runSingles(parts: Parts, job: SinglesJob): Promise<LoadResult> {
  const { ratePerSecond, unansweredMax, window } = job;
  const singles = drawSingles(parts, job);
  const tally = new AcknowledgedTally(job.from);
  const latency = newHistogram();
  const sendDelay = newHistogram();
  const errors: string[] = [];
  let failedCalls = 0;
  let unanswered = 0;
  let onLastAnswer: (() => void) | undefined;
  const processorSeconds = processorWatch();
  const begun = performance.now();
  const meter = new RateMeter(window, begun);
  const send = (number: number, dueAt: number) => {
    const single = must(singles[number % singles.length], 'there are transfers');
    const counted = dueAt >= meter.startsAt;
    if (counted) record(sendDelay, performance.now() - dueAt);
    unanswered += 1;
    single.send((counts, error) => {
      const now = performance.now();
      unanswered -= 1;
      if (unanswered === 0) onLastAnswer?.();
      if (counts === undefined) {
        failedCalls += 1;
        if (errors.length < 3) errors.push(error);
        return;
      }
      tally.add(1, counts, single.effects);
      meter.completed(1, now);
      if (counted) record(latency, now - dueAt);
    });
  };
  const total = Math.floor(((window.warmUpMs + window.measureMs) / 1_000) * ratePerSecond);
  const sent = await followTimetable(begun, ratePerSecond, total, (number, dueAt) => {
    if (unanswered < unansweredMax) send(number, dueAt);
    return unanswered < unansweredMax;
  });
  if (unanswered > 0) await new Promise<void>((resolve) => (onLastAnswer = resolve));
  return {
    acknowledged: [tally.acknowledged],
    failedCalls,
    unsentCalls: total - sent,
    errors,
    perSecond: meter.perSecond,
    latency: summary(latency),
    sendDelay: summary(sendDelay),
    processorSeconds: processorSeconds(),
  };
}

function drawSingles({ pools, keys, client }: Parts, job: SinglesJob): Single[] {
  const { router, from } = job;
  const random = new Random(SEED);
  const parties = pools.parties({ router, from, awayShare: 0, away: [], hot: false });
  const single = job.client === 'frames' ? encodedSingle : librarySingle;
  return Array.from({ length: DIFFERENT_TRANSFERS }, () =>
    single(client(router), keys, drawTransfer(parties, random)),
  );
}

function encodedSingle(
  client: RouterClient,
  keys: TimeOrderedKeys,
  transfer: CreateTransferRequest,
): Single {
  const encoded = new EncodedTransfer(transfer);
  return {
    effects: encoded.effects,
    send: (answer) =>
      client.createTransfer(encoded.withFreshKey(keys), (error, response) =>
        answer(response === undefined ? undefined : countStatus(response), error ?? ''),
      ),
  };
}

function librarySingle(
  client: RouterClient,
  keys: TimeOrderedKeys,
  transfer: CreateTransferRequest,
): Single {
  return {
    effects: transfersOf(1, transfer.amount),
    send: (answer) => {
      client.library.createTransfer({ ...transfer, idempotencyKey: keys.next() }).then(
        ({ status }) => answer(countOf(status), ''),
        (error: unknown) => answer(undefined, error instanceof Error ? error.message : 'unknown'),
      );
    },
  };
}
