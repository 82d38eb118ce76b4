import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { pkiFolder, policyOf } from '../../links/pki-files.ts';
import { pkiOf } from '../../pki/installation-pki.ts';
import { readTrusted } from '../../pki/pki-folder.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { type Cluster, startCluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { Api, ApiError } from '../../testing/api-client.ts';
import { Meridian } from '../../testing/meridian.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

/** Certificates, authority and policy of a whole installation are replaced while it is used. */

const folder = temporaryFolder();
let cluster: Cluster;
let apis: Api[] = [];

beforeAll(async () => {
  const dataDir = path.join(folder(), 'data');
  cluster = await startCluster({ dataDir, basePort: await findFreeBase() });
  // As clients are by default: a connection that is about to end may refuse a call, untouched.
  const asUsual = { retries: 1 };
  apis = cluster.regions.map(({ routerAddress }) => new Api(routerAddress, asUsual));
});

afterAll(async () => {
  for (const api of apis) api.close();
  await cluster?.stop();
});

/** Longer than servers take to read a file again, and to connect with what they have read. */
const READ_MS = 3_000;

test('no call fails while all that proves who is who is replaced', async () => {
  const [first] = apis;
  if (first === undefined) throw new Error('there are three routers');
  const alice = await first.account('alice');
  const bob = await first.account('bob');
  const away = await first.account('away', { homeRegion: 'us-east' });
  const over = new AbortController();
  const failed: unknown[] = [];
  let posted = 0;
  const load = apis.map(async (api, router) => {
    for (let number = 0; !over.signal.aborted && failed.length < 10; number += 1) {
      const creditAccountId = number % 4 === 0 ? away : bob;
      const idempotencyKey = `rotated-${router}-${number}`;
      const transfer = { idempotencyKey, debitAccountId: alice, creditAccountId, amount: 1n };
      try {
        const { status } = await api.transfer(transfer, 5_000);
        if (status === TransferStatus.POSTED) posted += 1;
        else failed.push(status);
      } catch (error) {
        failed.push(error instanceof ApiError ? `${error.code}: ${error.message}` : error);
      }
    }
  });
  const { dataDir } = cluster;
  const meridian = new Meridian(dataDir);
  const pki = pkiFolder(pkiOf(dataDir));
  const [before] = readTrusted(pki);
  await meridian.json(0, 'pki', 'rotate', '--all');
  await sleep(READ_MS);
  for (const step of ['begin', 'switch', 'finish']) {
    await meridian.json(0, 'pki', 'rotate', '--authority', step);
  }
  await sleep(READ_MS);
  const trusted = readTrusted(pki);
  expect(trusted).toHaveLength(1);
  expect(trusted[0]?.fingerprint256).not.toBe(before?.fingerprint256);

  // A policy that is cut short, wrong, and whole again.
  const policy = policyOf(dataDir);
  const text = readFileSync(policy, 'utf8');
  for (const wrong of [text.slice(0, text.length * 0.9), 'grants: 7', `${text}# as before\n`]) {
    writeFileSync(policy, wrong);
    await sleep(1_500);
  }
  over.abort();
  await Promise.all(load);
  expect(failed).toEqual([]);
  expect(posted).toBeGreaterThan(1_000);
}, 120_000);

test('what the policy does not grant any more ends within five seconds', async () => {
  const [first] = apis;
  if (first === undefined) throw new Error('there are three routers');
  const policy = policyOf(cluster.dataDir);
  const text = readFileSync(policy, 'utf8');
  const carol = await first.account('carol');
  const pay = () =>
    first.transfer({ idempotencyKey: 'taken-back', debitAccountId: carol, creditAccountId: carol });
  const codeOf = async (): Promise<string> => {
    const error: unknown = await pay().then(
      () => undefined,
      (failure: unknown) => failure,
    );
    return error instanceof ApiError ? error.code : String(error);
  };
  expect(await codeOf()).not.toBe('PERMISSION_DENIED');
  writeFileSync(policy, text.replace('auditor, payer]', 'auditor]'));
  await expect.poll(codeOf, { timeout: 5_000 }).toBe('PERMISSION_DENIED');
  writeFileSync(policy, text);
  await expect.poll(codeOf, { timeout: 5_000 }).not.toBe('PERMISSION_DENIED');
}, 60_000);
