import { must } from '../../ledger/core/assert.ts';
import { count, note } from '../../regions/terminal/print.ts';
import { acknowledgedOf } from '../load/acknowledged-tally.ts';
import type { Acknowledged, CallsJob } from '../load/job.ts';
import type { BookCheck } from '../measure/book-check.ts';
import type { CheckedBook } from '../measure/checked-book.ts';
import { measure, type Measurement } from '../measure/measurement.ts';
import { mebibytes, residentMemory } from '../measure/resident-memory.ts';
import { type PartContext, report } from '../parts.ts';
import { load } from '../profile.ts';
import type { GrowthFigure } from '../result/result.ts';
import { measureLargeBook } from './large-book.ts';

/** A step ends by its number of rows. */
const WINDOW = { warmUpMs: 0, measureMs: 3_600_000 };

/**
 * Part i: posts step after step to the book that part f has touched, between accounts that are
 * drawn again for each transfer, and compares the rate of the last step with that of the first.
 * Then what the large book costs a new leader and readers. It kills a ledger server: the last part.
 */
export async function measureGrowth(context: PartContext): Promise<GrowthFigure> {
  const { installation, profile, requireGoing } = context;
  const region = must(installation.regions.at(-1), 'there is a region');
  const book = must(installation.books.at(-1), 'every region has a book');
  const { rows, rowsPerStep } = profile.growth;
  const { name: from, routerAddress: router } = region;
  const job: CallsJob = {
    kind: 'calls',
    requests: 'redrawn',
    routes: [{ router, from, awayShare: 0, away: [], hot: false }],
    itemsPerCall: load.itemsPerCall,
    inFlight: load.callsInFlight,
    requestsMax: rowsPerStep,
    window: WINDOW,
  };
  const findingsOf = await book.begin();
  const acknowledged: Acknowledged[] = [];
  const books = new Map([[from, uncheckedStep(book, acknowledged)]]);
  const steps: Measurement[] = [];
  for (let written = 0; written < rows; written += rowsPerStep) {
    requireGoing();
    const step = await measure(installation, { process: installation.generator, books }, job);
    steps.push(step);
    report(`i, up to ${count(written + rowsPerStep)} rows of ${count(rows)}`, step);
  }
  const memory = residentMemory(installation.ledgerPid(region));
  const databaseBytes = await book.databaseBytes();
  note(`   database ${mebibytes(databaseBytes)}, ledger server ${mebibytes(memory.now)}`);
  note('   checking the book');
  await book.indexesBuilt();
  const findings = [
    ...steps.flatMap((step) => step.findings),
    ...(await findingsOf(acknowledgedOf(from, acknowledged))),
  ];
  const large = await measureLargeBook(context, region, book);
  const first = steps[0]?.perSecond ?? 0;
  const last = steps.at(-1)?.perSecond ?? 0;
  return {
    accounts: profile.memoryAccounts,
    rows: steps.length * rowsPerStep,
    rowsPerStep,
    steps,
    lastByFirst: first > 0 ? last / first : 0,
    databaseBytes,
    residentBytes: memory.now,
    peakBytes: memory.peak,
    large,
    findings,
  };
}

/**
 * The book for the measurement of one step: all steps are compared with the journal at once, as
 * that takes the longer the larger the book is, and what is built during the posting is not waited
 * for, so that it slows the next step down as it would without a measurement.
 */
function uncheckedStep(book: BookCheck, acknowledged: Acknowledged[]): CheckedBook {
  return {
    begin: () =>
      Promise.resolve((answers) => {
        if (answers !== undefined) acknowledged.push(answers);
        return Promise.resolve([]);
      }),
    databaseUse: () => book.databaseUse(),
    indexesBuilt: () => Promise.resolve(),
  };
}
