import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReplicatedPair } from '../../../regions/testing/replicated-pair.ts';
import { TestMember } from '../../../regions/testing/test-member.ts';
import type { DatabaseUrls } from '../../../regions/supervisor/postgres.ts';
import type { PairBook } from '../../../regions/testing/replicated-pair.ts';
import { transferRequest } from '../../../ledger/testing/books/book-requests.ts';
import type { Copy } from '../installation/installation.ts';
import { AuditorViews } from './auditor-views.ts';

let pair: ReplicatedPair;
let failed = false;
beforeAll(async () => {
  pair = await ReplicatedPair.start();
});
afterAll(() => pair.stop(failed));

function copyIn(region: 'eu-west' | 'us-east', urls: DatabaseUrls): Copy {
  return {
    ...urls,
    book: 1,
    bookName: 'eu-west-1',
    home: 'eu-west',
    region,
    ledgerAddress: '',
    processes: { ledger: '', postgres: '', patroni: undefined },
    postgresFolder: '',
  };
}

function viewsOf({ first, second }: PairBook): AuditorViews {
  return new AuditorViews([copyIn('eu-west', first), copyIn('us-east', second)]);
}

test('an auditor ignores rows that no other copy has', async ({ onTestFailed }) => {
  onTestFailed(() => {
    failed = true;
  });
  const book = await pair.newBook();
  const leader = new TestMember(book.first.ledgerUrl, 'eu-west.meridian.internal:1');
  const views = viewsOf(book);
  try {
    await expect.poll(() => leader.leading).toBe(true);
    await leader.openTwo();
    const [posted] = await leader.transfer(transferRequest({ amount: 9n }));
    const seq = Number(posted?.position?.seq);
    expect((await views.read(1, 'eu-west', 5_000)).position.seq).toBe(seq);
    // The standby replays it a moment later.
    const standby = async () => (await views.read(1, 'us-east', 5_000)).position.seq;
    await expect.poll(standby).toBe(seq);

    pair.signal('second', 'SIGSTOP');
    try {
      const cut = leader.transfer(transferRequest({ idempotencyKey: 'cut', amount: 1n }));
      cut.catch(() => {});
      const pid = await pair.oneWaiting(book);
      await pair.admin`SELECT pg_cancel_backend(${pid})`;
      await expect.poll(() => pair.waiting(book)).not.toContain(pid);
      await expect(views.read(1, 'eu-west', 500)).rejects.toThrow('no answer in 500 ms');
    } finally {
      pair.signal('second', 'SIGCONT');
    }
    const confirmed = await views.read(1, 'eu-west', 15_000);
    expect(confirmed.position.seq).toBeGreaterThan(seq);
  } finally {
    await views.close();
    await leader.stop();
  }
}, 120_000);

test('a standby that was the last primary is not trusted', async ({ onTestFailed }) => {
  onTestFailed(() => {
    failed = true;
  });
  const book = await pair.newBook();
  // By its address, it is next to the standby.
  const leader = new TestMember(book.first.ledgerUrl, 'us-east.meridian.internal:1');
  const views = viewsOf(book);
  try {
    await expect.poll(() => leader.leading).toBe(true);
    const refusal = () => views.read(1, 'us-east', 5_000).then(() => '', String);
    await expect.poll(refusal).toContain('was the last primary');
  } finally {
    await views.close();
    await leader.stop();
  }
}, 60_000);
