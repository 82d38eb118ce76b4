import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createServer } from 'node:net';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import type { FindAccountsResponse } from '../../../proto/gen/meridian/v1/account.ts';
import { drainedRegions, markDrained, unmarkDrained } from '../../etcd/drained.ts';
import { Etcd } from '../../etcd/etcd.ts';
import { startCluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { childEnvironment } from '../../processes/environment.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { probeAnswers, probeHealth } from '../../processes/probes.ts';
import { testFolder } from '../../testing/folder.ts';
import { Api } from '../../testing/api-client.ts';
import { findPrograms } from '../../supervisor/replicated/packages.ts';
import { endChild, startRouter } from '../../testing/more-processes.ts';
import { whyNotReplicated } from '../../testing/replicated-profile.ts';

/** Draining a region through a real etcd. */

const why = whyNotReplicated();

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

function startEtcd(folder: string, port: number): ChildProcess {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${port + 1}`;
  const settings = {
    'data-dir': folder,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
  };
  const options = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(findPrograms().etcd, options, {
    stdio: 'ignore',
    env: childEnvironment(),
  });
  cleanUp.push(() => endChild(child));
  return child;
}

const again = <T>(call: () => Promise<T>) => vi.waitFor(call, { timeout: 20_000, interval: 100 });

/** Repeats what a busy machine keeps etcd from answering in time. */
class PatientEtcd extends Etcd {
  override get(key: string) {
    return again(() => super.get(key));
  }

  override list(prefix: string) {
    return again(() => super.list(prefix));
  }

  override put(key: string, value: string) {
    return again(() => super.put(key, value));
  }

  override delete(key: string) {
    return again(() => super.delete(key));
  }
}

async function etcdFixture() {
  const folder = path.join(testFolder(), 'etcd');
  const port = await findFreeBase(4);
  const urls = [`http://127.0.0.1:${port + 2}`, `http://127.0.0.1:${port}`];
  const child = startEtcd(folder, port);
  // The first address is that of a member that is down.
  const once = new Etcd(urls);
  const answers = () => once.get('nothing').then(() => true, String);
  await expect.poll(answers, { timeout: 30_000 }).toBe(true);
  return {
    etcd: new PatientEtcd(urls),
    once,
    urls,
    child,
    restart: () => startEtcd(folder, port),
    answers,
  };
}

test.skipIf(why !== '')('keys and values are stored unchanged', async () => {
  const { etcd, once, child, urls } = await etcdFixture();
  expect(await etcd.get('a/1')).toBeUndefined();
  await etcd.put('a/2', 'zwei — ½ "€"\n');
  await etcd.put('a/1', '');
  await etcd.put('a', 'shorter');
  await etcd.put('b/1', 'other');
  await etcd.put('a/3', 'old');
  await etcd.put('a/3', 'new');
  expect(await etcd.get('a/1')).toBe('');
  expect(await etcd.get('a/2')).toBe('zwei — ½ "€"\n');
  expect([...(await etcd.list('a/'))]).toEqual([
    ['a/1', ''],
    ['a/2', 'zwei — ½ "€"\n'],
    ['a/3', 'new'],
  ]);
  expect(await etcd.list('c')).toEqual(new Map());
  await etcd.delete('a/1');
  await etcd.delete('a/1');
  expect(await etcd.get('a/1')).toBeUndefined();

  // A member that accepts connections and never answers costs a second, then the next is asked.
  const silent = createServer();
  const port = Number(new URL(must(urls[0], 'it has one')).port);
  await new Promise<void>((resolve) => silent.listen(port, '127.0.0.1', resolve));
  const sockets: { destroy(): void }[] = [];
  silent.on('connection', (socket) => sockets.push(socket));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  await again(async () => {
    const began = performance.now();
    expect(await once.get('b/1')).toBe('other');
    expect(performance.now() - began).toBeGreaterThan(900);
  });
  expect(sockets.length).toBeGreaterThan(0);

  await endChild(child);
  await expect(once.get('b/1')).rejects.toThrow(/etcd does not answer: .*ECONNREFUSED/u);
});

test.skipIf(why !== '')(
  'a drained router turns load balancers away and still serves every call',
  async () => {
    const { etcd, urls, child, restart, answers } = await etcdFixture();
    const basePort = await findFreeBase();
    const dataDir = path.join(testFolder(), 'data');
    const cluster = await startCluster({ dataDir, basePort });
    cleanUp.push(() => cluster.stop());
    const place = must(cluster.layout.regions[0], 'there is a region');
    const listen = `127.0.0.1:${basePort + 38}`;
    const { name: region, ledgers, allBooks: books } = place;
    const start = () => {
      const router = startRouter(listen, { region, ledgers, books }, urls);
      cleanUp.push(() => endChild(router));
      return router;
    };
    const router = start();
    const serving = (is: boolean) =>
      expect.poll(() => probeHealth(listen), { timeout: 30_000 }).toBe(is);
    await serving(true);

    const mark = { by: 'sre@example.org', why: 'works on the roof', at: '2026-11-21T10:00:00Z' };
    await markDrained(etcd, 'us-east', mark);
    await markDrained(etcd, region, mark);
    expect(await drainedRegions(etcd)).toEqual(
      new Map([
        [region, mark],
        ['us-east', mark],
      ]),
    );
    await serving(false);
    const api = new Api(listen);
    cleanUp.push(() => api.close());
    const find = { externalId: 'alice', homeRegion: region };
    const id = await api.account('alice', { homeRegion: region });
    const found = await api.call<FindAccountsResponse>((stub, ...rest) =>
      stub.findAccounts(find, ...rest),
    );
    expect(found.accounts.map((account) => account.id)).toEqual([id]);

    // Without etcd the last known state holds.
    await endChild(child);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(await probeHealth(listen)).toBe(false);
    await expect.poll(() => probeAnswers(listen)).toBe(true);
    restart();
    await expect.poll(answers, { timeout: 30_000 }).toBe(true);

    // A router that starts in a drained region never reports that it serves.
    await endChild(router);
    start();
    await expect.poll(() => probeAnswers(listen), { timeout: 30_000, interval: 10 }).toBe(true);
    expect(await probeHealth(listen)).toBe(false);

    await unmarkDrained(etcd, region);
    expect([...(await drainedRegions(etcd)).keys()]).toEqual(['us-east']);
    await serving(true);
  },
);
