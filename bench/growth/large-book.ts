import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../../ledger/core/assert.ts';
import type { RegionState } from '../../regions/topology/state.ts';
import { count, milliseconds, note } from '../../regions/terminal/print.ts';
import { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { MeridianClient } from '../../router/client/client.ts';
import { routerChannel } from '../../regions/links/known-links.ts';
import type { BookCheck, SampledTransfer } from '../measure/book-check.ts';
import type { Latency } from '../load/job.ts';
import { newHistogram, record, summary } from '../load/meter.ts';
import { type PartContext } from '../parts.ts';
import type { LargeBookFigure } from '../result/result.ts';

/** Reads of each kind. */
const READS = 1_000;
/**
 * Reads before those: each connection of a new leader reads the catalog's rows of a partition when
 * it first looks into it, which takes 10 to 50 ms, and is over after about 170 reads.
 */
const FIRST_READS = 300;
const AGAIN_MS = 20;
const RECOVERY_MS_MAX = 120_000;

/**
 * What a journal of many partitions costs a new leader and a reader: kills the ledger server,
 * waits until a payment is acknowledged again, and reads what its memory does not have. To be
 * called last: a killed server makes every later figure void.
 */
export async function measureLargeBook(
  { installation, requireGoing }: PartContext,
  region: RegionState,
  book: BookCheck,
): Promise<LargeBookFigure> {
  const { partitions, openRows } = await book.partitions();
  const sample = await book.sampleTransfers(FIRST_READS + READS);
  const client = new MeridianClient([region.routerAddress], { channelTo: routerChannel });
  try {
    const recoveryMs = await recovery(client, installation.ledgerPid(region), sample);
    requireGoing();
    const balances = await latencyOf(sample, async ({ creditAccount: id }) => {
      await client.getAccount({ id, asOf: undefined, options: undefined });
    });
    requireGoing();
    const lookUps = await latencyOf(sample, async ({ id: value, debitAccount }) => {
      await client.getTransfer({
        by: { $case: 'transferId', value },
        namespace: '',
        debitAccountId: debitAccount,
        options: undefined,
      });
    });
    const waits = `a balance p99 ${milliseconds(balances.p99)}, by id ${milliseconds(lookUps.p99)}`;
    const after = `a payment ${milliseconds(recoveryMs)} after the kill`;
    note(`i, ${count(partitions)} partitions: ${after}, ${waits}`);
    return { partitions, openRows, recoveryMs, balances, lookUps };
  } finally {
    client.close();
  }
}

/** Milliseconds from the kill of a ledger server until a new payment is acknowledged. */
async function recovery(
  client: MeridianClient,
  pid: number,
  [sampled]: readonly SampledTransfer[],
): Promise<number> {
  const { debitAccount, creditAccount } = must(sampled, 'the book has transfers');
  const idempotencyKey = randomUUID();
  process.kill(pid, 'SIGKILL');
  const killedAt = performance.now();
  for (;;) {
    try {
      await client.createTransfer(
        CreateTransferRequest.fromPartial({
          idempotencyKey,
          debitAccountId: debitAccount,
          creditAccountId: creditAccount,
          amount: 1n,
        }),
      );
      return performance.now() - killedAt;
    } catch (error) {
      if (performance.now() - killedAt > RECOVERY_MS_MAX) throw error;
      await sleep(AGAIN_MS);
    }
  }
}

/** Latency of one read after the other. */
async function latencyOf(
  sample: readonly SampledTransfer[],
  read: (transfer: SampledTransfer) => Promise<void>,
): Promise<Latency> {
  const histogram = newHistogram();
  for (const [index, transfer] of sample.entries()) {
    const startedAt = performance.now();
    await read(transfer);
    if (index >= FIRST_READS) record(histogram, performance.now() - startedAt);
  }
  return must(summary(histogram), 'something was read');
}
