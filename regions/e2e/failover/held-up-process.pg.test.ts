import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { connect } from '../../../ledger/store/postgres/connect.ts';
import { openRequest, transferRequest } from '../../../ledger/testing/books/book-requests.ts';
import {
  BookServiceClient,
  FaultCode,
  type PostReply,
  type Topology,
} from '../../../proto/gen/meridian/internal/v1/book.ts';
import { childEnvironment } from '../../processes/environment.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { probeAnswers, probeHealth } from '../../processes/probes.ts';
import { ReplicatedPair } from '../../testing/replicated-pair.ts';
import { insecureLinks } from '../../../ledger/rpc/tls/credentials.ts';

/** A ledger server process while no second region answers. */

let pair: ReplicatedPair;
let child: ChildProcess | undefined;
let failed = false;
beforeAll(async () => {
  pair = await ReplicatedPair.start();
});
afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail';
  child?.kill('SIGKILL');
});
afterAll(() => pair.stop(failed));

const within = { timeout: 30_000, interval: 50 };

test(
  'a server whose commits hang answers, reports that it does not serve, and stops in time',
  { timeout: 120_000 },
  async () => {
    const book = await pair.newBook();
    const listen = `127.0.0.1:${await findFreeBase(1)}`;
    child = spawn(
      process.execPath,
      [path.join(import.meta.dirname, '..', '..', 'server', 'ledger.ts')],
      {
        stdio: 'ignore',
        env: childEnvironment({
          MERIDIAN_REGION: 'us-east',
          MERIDIAN_INSECURE: 'true',
          MERIDIAN_LISTEN: listen,
          MERIDIAN_ADVERTISE: 'us-east.example:1',
          MERIDIAN_REPLICATED: 'true',
          MERIDIAN_LEDGERS: 'us-east.example:1',
          MERIDIAN_BOOKS: '1:eu-west-1:eu-west',
          MERIDIAN_BOOK: '1',
          MERIDIAN_DATABASE_URL: book.first.ledgerUrl,
        }),
      },
    );
    await expect.poll(() => probeHealth(listen), within).toBe(true);
    const client = new BookServiceClient(listen, insecureLinks.channelTo('ledger'));
    const reported: Topology[] = [];
    const topology = client.watchTopology({});
    topology.on('data', (status: Topology) => reported.push(status));
    topology.on('error', () => undefined);
    const accounts = [openRequest(), openRequest({ externalId: 'bob' })];
    await new Promise((resolve, reject) => {
      client.openAccounts({ accounts }, (error, reply) => (error ? reject(error) : resolve(reply)));
    });

    await pair.waitForAbsentStandby();
    const replies: PostReply[] = [];
    const posting = client.post();
    posting.on('data', (reply: PostReply) => replies.push(reply));
    posting.on('error', () => undefined);
    posting.write({ batch: 1n, transfers: [transferRequest()], timeoutMs: [60_000] });
    await pair.oneWaiting(book);
    await expect.poll(() => probeHealth(listen), within).toBe(false);
    await expect.poll(() => probeAnswers(listen), within).toBe(true);
    expect(reported.at(-1)).toMatchObject({
      book: 1,
      name: 'eu-west-1',
      region: 'eu-west',
      epoch: 1n,
      leading: true,
      serverRegion: 'us-east',
    });
    // The book remembers the address that others reach it by.
    const auditor = connect(book.first.auditorUrl, 1);
    expect(await auditor`SELECT leader FROM head`).toEqual([{ leader: 'us-east.example:1' }]);
    await auditor.end();

    const stopping = performance.now();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(performance.now() - stopping).toBeLessThan(30_000);
    await expect.poll(() => replies).toHaveLength(1);
    expect(replies[0]?.reply).toMatchObject({ value: { code: FaultCode.OUTCOME_UNKNOWN } });
    client.close();
  },
);
