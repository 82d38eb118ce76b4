// A load process: takes jobs from the benchmark over IPC, one at a time, and answers each. Its
// argument is the data folder of the installation that is measured, which says how to reach it.
import { must } from '../../ledger/core/assert.ts';
import { readState } from '../../regions/topology/state.ts';
import { Baseline } from './baseline/baseline-load.ts';
import { AccountPools } from './account-pools.ts';
import { runCalls, runTouch } from './call-loop.ts';
import {
  isJobMessage,
  type Job,
  type JobMessage,
  type LoadResult,
  type ReplyMessage,
} from './job.ts';
import { runSingles } from './open-loop.ts';
import { RawBook } from './raw-book.ts';
import { RouterClient } from './router-client.ts';
import { TimeOrderedKeys } from './time-ordered-keys.ts';

const NOTHING: LoadResult = {
  acknowledged: [],
  failedCalls: 0,
  unsentCalls: 0,
  errors: [],
  perSecond: 0,
  latency: undefined,
  sendDelay: undefined,
  processorSeconds: undefined,
};

const [dataDir] = process.argv.slice(2);
readState(must(dataDir, 'it is given the data folder'));

const pools = new AccountPools();
const keys = new TimeOrderedKeys();
const clients = new Map<string, RouterClient>();
let rawBook: RawBook | undefined;
let baseline: Baseline | undefined;

function client(router: string): RouterClient {
  const known = clients.get(router);
  if (known !== undefined) return known;
  const made = new RouterClient(router);
  clients.set(router, made);
  return made;
}

async function run(job: Job): Promise<LoadResult> {
  const parts = { pools, keys, client };
  switch (job.kind) {
    case 'open':
      await pools.open(client(job.router), job);
      return NOTHING;
    case 'calls':
      return runCalls(parts, job);
    case 'singles':
      return runSingles(parts, job);
    case 'touch':
      return runTouch(parts, job);
    case 'raw-open':
      rawBook = await RawBook.open(job.databaseUrl, job.accounts, job.itemsPerBatch);
      return NOTHING;
    case 'raw':
      return must(rawBook, 'the raw book is open').run(job);
    case 'baseline-open':
      baseline = await Baseline.open(job.databaseUrl, job.accounts);
      return NOTHING;
    case 'baseline':
      return must(baseline, 'the baseline is open').run(job);
  }
}

async function answer({ number, job }: JobMessage): Promise<void> {
  let reply: ReplyMessage;
  try {
    reply = { number, result: await run(job) };
  } catch (error) {
    reply = { number, error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(reply);
}

process.on('message', (message) => {
  if (isJobMessage(message)) void answer(message);
});
// Ctrl-C reaches the whole terminal; the benchmark decides what ends when.
process.on('SIGINT', () => undefined);
// Without the benchmark the load has no purpose.
process.on('disconnect', () => process.exit(0));
