import { setTimeout as sleep } from 'node:timers/promises';
import { type DatabaseCheck, Lack, type Passed, quantile } from '../finding.ts';
import { BookSite, headAfter, transfersAfter } from './book-site.ts';

const COMMITS = 300;
const BATCH_ROWS = 1_000;

/** Appends batches until a time has passed. Returns the rows, and how long each batch took. */
async function appendFor({ store }: BookSite, rows: number, until: (batches: number) => boolean) {
  let head = await store.readHead();
  const took: number[] = [];
  while (!until(took.length)) {
    const batch = transfersAfter(head, rows);
    const startedAt = performance.now();
    if (!(await store.append(batch))) throw new Lack('the head was moved by another writer');
    took.push(performance.now() - startedAt);
    head = headAfter(head, batch);
  }
  return took;
}

const tenths = (value: number) => Math.round(value * 10) / 10;

async function commitLatency(site: BookSite): Promise<Passed> {
  const took = await appendFor(site, 1, (batches) => batches === COMMITS);
  const sorted = took.toSorted((a, b) => a - b);
  const figures = { p50Ms: tenths(quantile(sorted, 0.5)), p99Ms: tenths(quantile(sorted, 0.99)) };
  const text = `a durable transfer takes ${figures.p50Ms} ms, p99 ${figures.p99Ms} ms`;
  return { text, figures };
}

/** Large batches are copied in binary form, so that this also shows that they can be. */
async function appendRate(site: BookSite): Promise<Passed> {
  await site.store.partitions.add(1_000_000, true);
  const startedAt = performance.now();
  const until = startedAt + site.loadMs;
  const took = await appendFor(site, BATCH_ROWS, () => performance.now() > until);
  const seconds = (performance.now() - startedAt) / 1_000;
  const rowsPerSecond = Math.round((took.length * BATCH_ROWS) / seconds);
  const text = `${rowsPerSecond} rows/s by COPY in binary form, in batches of ${BATCH_ROWS}`;
  return { text, figures: { rowsPerSecond } };
}

/** Partitions are added while batches are appended and a reader holds the journal open. */
async function addUnderLoad(site: BookSite): Promise<Passed> {
  const { owner, store } = site;
  let added = false;
  const appending = appendFor(site, 10, () => added);
  // A failure is reported by the `await` at the end.
  appending.catch(() => undefined);
  try {
    await owner.begin(async (reader) => {
      await reader`SELECT count(*) FROM journal`;
      const other = new BookSite(site.database);
      try {
        for (let round = 0; round < 5; round += 1) {
          await other.store.partitions.add(10_000, true);
          await sleep(100);
        }
      } finally {
        await other.close();
      }
    });
  } finally {
    added = true;
  }
  const longestMs = tenths(Math.max(...(await appending)));
  const partitions = (await store.partitions.read()).length;
  if (longestMs > site.pauseMs) throw new Lack(`posting paused for ${longestMs} ms`);
  const text = `${partitions} partitions; the longest batch while one was added took ${longestMs} ms`;
  return { text, figures: { longestMs } };
}

/** Asked of a book whose schema is right. */
export const LOAD_CHECKS: readonly DatabaseCheck<BookSite>[] = [
  { name: 'partitions under load', run: addUnderLoad },
  { name: 'commit', run: commitLatency },
  { name: 'rows', run: appendRate },
];
