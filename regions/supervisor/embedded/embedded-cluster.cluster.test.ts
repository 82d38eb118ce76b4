import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { type ClusterEvent, type ClusterOptions, startCluster } from './embedded-cluster.ts';
import { connectFaults } from '../../faults/control.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { probeHealth } from '../../processes/probes.ts';
import { commandLine, processIdentity } from '../../processes/process-identity.ts';
import { hasRedis } from '../redis.ts';
import { readState, removeData } from '../../topology/state.ts';
import { testFolder } from '../../testing/folder.ts';
import { topologyOf } from '../../testing/topologies.ts';
import { recordedTopology } from '../../topology/topology-record.ts';
import type { ChangeStep } from './topology-change.ts';
import { applyTopology } from './topology-control.ts';

const standIn = join(import.meta.dirname, '..', '..', 'processes', 'test', 'stand-in.ts');
const programs = { ledger: standIn, router: standIn, migrate: () => Promise.resolve() };
const perRegion = hasRedis() ? 4 : 3;

async function start(dataDir: string, basePort: number, over: Partial<ClusterOptions> = {}) {
  const events: ClusterEvent[] = [];
  const cluster = await startCluster({
    dataDir,
    basePort,
    programs,
    onEvent: (event) => events.push(event),
    ...over,
  });
  onTestFinished(() => cluster.stop());
  return { cluster, events };
}

async function countRows(url: string): Promise<number> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql`CREATE TABLE IF NOT EXISTS probe (n int)`;
    await sql`INSERT INTO probe VALUES (1)`;
    return (await sql`SELECT * FROM probe`).length;
  } finally {
    await sql.end();
  }
}

test('three regions start, survive kills, stop, and find their data again', async () => {
  const dataDir = join(testFolder(), 'data');
  const basePort = await findFreeBase();
  const { cluster, events } = await start(dataDir, basePort, { links: true });
  const names = cluster.processes.names();
  expect(names).toHaveLength(3 * perRegion);
  expect(names.map((name) => cluster.processes.state(name))).toEqual(names.map(() => 'ready'));
  const state = readState(dataDir);
  expect(state?.status).toBe('ready');
  expect(state?.regions).toEqual(cluster.regions);
  expect(state?.processes.map(({ pid }) => pid)).toEqual(
    names.map((name) => cluster.processes.pid(name)),
  );
  expect(events.filter(({ kind }) => kind === 'migrated')).toHaveLength(3);
  expect(events.filter(({ kind }) => kind === 'ready')).toHaveLength(3);
  await expect(start(dataDir, basePort)).rejects.toThrow(/running already/u);

  // A ledger server reaches the others through its own links.
  const log = readFileSync(join(dataDir, 'logs', 'eu-west-ledger.log'), 'utf8');
  expect(log).toContain(`"MERIDIAN_LEDGERS":"127.0.0.1:${basePort + 1},127.0.0.1:${basePort + 30}`);
  const link = cluster.links.get('eu-west>us-east-1');
  await expect.poll(() => probeHealth(`127.0.0.1:${link?.port}`)).toBe(true);
  link?.cut();
  expect(await probeHealth(`127.0.0.1:${link?.port}`)).toBe(false);

  // Another process breaks and repairs it through the control socket, under its new pids.
  const faults = connectFaults(state?.controlSocket ?? '');
  await faults.stop('us-east/router');
  expect(cluster.processes.state('us-east/router')).toBe('stopped');
  await faults.start('us-east/router');
  expect(cluster.processes.state('us-east/router')).toBe('ready');
  await faults.loseRegion('ap-south');
  expect(cluster.state().processes.filter(({ state: is }) => is === 'stopped')).toHaveLength(
    perRegion,
  );
  await faults.restoreRegion('ap-south');
  await expect(faults.signal('eu-west/unknown', 'SIGKILL')).rejects.toThrow(
    /no process .*unknown/u,
  );

  for (const name of names.filter((candidate) => candidate.startsWith('eu-west/'))) {
    const pid = cluster.processes.pid(name);
    cluster.processes.kill(name, 'SIGKILL');
    await cluster.processes.waitReady(name, 30_000);
    expect(cluster.processes.pid(name)).not.toBe(pid);
    expect(readState(dataDir)?.processes.find((each) => each.name === name)?.starts).toBe(2);
  }
  expect(() => cluster.processes.kill('mars/router', 'SIGKILL')).toThrow(/no process mars/u);

  const urls = cluster.regions.map(({ adminUrl }) => adminUrl);
  expect(await Promise.all(urls.map(countRows))).toEqual([1, 1, 1]);
  const pids = names.map((name) => cluster.processes.pid(name) ?? 0);
  await cluster.stop();
  expect(pids.filter((pid) => processIdentity(pid) !== undefined)).toEqual([]);
  expect(readState(dataDir)).toBeUndefined();
  expect(existsSync(join(dataDir, 'cluster.json'))).toBe(false);

  const { cluster: again } = await start(dataDir, basePort);
  expect(await Promise.all(again.regions.map((each) => countRows(each.adminUrl)))).toEqual([
    2, 2, 2,
  ]);
  await expect(removeData(dataDir)).rejects.toThrow(/running already/u);
  await again.stop();
  await removeData(dataDir);
  expect(existsSync(dataDir)).toBe(false);
});

/** Starts a supervisor in a process of its own and waits until its cluster is ready. */
async function startSupervisor(dataDir: string, basePort: number) {
  const script = join(import.meta.dirname, 'test', 'supervisor.ts');
  const child = spawn(process.execPath, [script, dataDir, String(basePort)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const state = readState(dataDir);
  if (state === undefined) throw new Error('the supervisor reports ready, but no cluster runs');
  return { child, pids: state.processes.map(({ pid }) => pid ?? 0), regions: state.regions };
}

const running = (pids: number[]) => pids.filter((pid) => processIdentity(pid) !== undefined);

test('a supervisor that was killed leaves no orphans behind', async () => {
  const dataDir = join(testFolder(), 'data');
  const { child, pids } = await startSupervisor(dataDir, await findFreeBase());
  expect(running(pids)).toHaveLength(3 * perRegion);
  child.kill('SIGKILL');
  await expect.poll(() => running(pids), { timeout: 20_000 }).toEqual([]);
  expect(readState(dataDir)).toBeUndefined();
});

// The guard is found through /proc.
const onLinux = process.platform === 'linux';
test.runIf(onLinux)(
  'after kill -9 of supervisor and guard the next start stops the rest and has all data',
  async () => {
    const dataDir = join(testFolder(), 'data');
    const basePort = await findFreeBase();
    const { child, pids, regions } = await startSupervisor(dataDir, basePort);
    await Promise.all(regions.map(({ adminUrl }) => countRows(adminUrl)));
    const folder = join(dataDir, 'run');
    const guardPids = readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && commandLine(pid).includes(`guard.ts ${folder}`));
    expect(guardPids).toHaveLength(1);
    for (const pid of guardPids) process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
    await once(child, 'exit');
    // A database is killed as well, so that it has to recover.
    const killed = pids[0] ?? 0;
    process.kill(killed, 'SIGKILL');
    const { cluster, events } = await start(dataDir, basePort);
    const notice = events.find((event) => event.kind === 'notice' && event.text.includes('killed'));
    expect(notice).toBeDefined();
    expect(running(pids)).toEqual([]);
    expect(await Promise.all(cluster.regions.map((each) => countRows(each.adminUrl)))).toEqual([
      2, 2, 2,
    ]);
  },
);

test('a taken port is named, and nothing was started', async () => {
  const dataDir = join(testFolder(), 'data');
  const basePort = await findFreeBase();
  const server = createServer().listen(basePort + 12, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  await expect(start(dataDir, basePort)).rejects.toThrow(
    `port ${basePort + 12} (the Postgres of us-east) is taken`,
  );
  expect(existsSync(join(dataDir, 'cluster.json'))).toBe(false);
  expect(existsSync(join(dataDir, 'eu-west'))).toBe(false);
});

test('when one process does not come up, all the others are stopped', async () => {
  const dataDir = join(testFolder(), 'data');
  const refuses = join(import.meta.dirname, '..', '..', 'processes', 'test', 'refuses.ts');
  const events: ClusterEvent[] = [];
  const failing = start(dataDir, await findFreeBase(), {
    programs: { ...programs, router: refuses },
    onEvent: (event) => events.push(event),
  });
  await expect(failing).rejects.toThrow(/\/router ended while it started[^]*is wrong/u);
  const pids = events.flatMap((event) => (event.kind === 'process' ? (event.pid ?? []) : []));
  expect(running(pids)).toEqual([]);
  expect(readState(dataDir)).toBeUndefined();
});

/** What the stand-in for a server has received in its last life. */
function lastEnvironment(dataDir: string, name: string): Record<string, string> {
  const log = readFileSync(join(dataDir, 'logs', `${name.replace('/', '-')}.log`), 'utf8');
  const line = log.split('\n').findLast((one) => one.includes('MERIDIAN_BOOKS')) ?? '{}';
  return z.object({ env: z.record(z.string(), z.string()) }).parse(JSON.parse(line)).env;
}

test('books and a region are added while the rest runs; a failure leaves all as it was', async () => {
  const dataDir = join(testFolder(), 'data');
  const basePort = await findFreeBase();
  let broken = true;
  const migrate = (url: string) =>
    broken && url.endsWith('/a_2') ? Promise.reject(new Error('a_2 is broken')) : Promise.resolve();
  const { cluster } = await start(dataDir, basePort, {
    topology: topologyOf({ a: 1 }),
    programs: { ...programs, migrate },
  });
  const before = cluster.processes.names();
  const next = topologyOf({ a: 2, b: 1 });
  await expect(cluster.applyTopology(topologyOf({ b: 1 }))).rejects.toThrow(/region a is missing/u);

  const server = createServer().listen(basePort + 11, '127.0.0.1');
  await once(server, 'listening');
  await expect(cluster.applyTopology(next)).rejects.toThrow(/the ledger server of b\) is taken/u);
  server.close();
  await expect(cluster.applyTopology(next)).rejects.toThrow('a_2 is broken');
  expect(cluster.processes.names()).toEqual(before);
  expect(cluster.books.map(({ name }) => name)).toEqual(['a-1']);
  expect(recordedTopology(dataDir)).toEqual(topologyOf({ a: 1 }));
  expect(before.map((name) => cluster.processes.starts(name))).toEqual(before.map(() => 1));

  broken = false;
  const planned = await cluster.applyTopology(next, { dryRun: true });
  expect(cluster.processes.names()).toEqual(before);
  const steps: ChangeStep[] = [];
  const socket = cluster.state().controlSocket;
  const report = (step: ChangeStep) => steps.push(step);
  expect(await applyTopology(socket, next, { report })).toEqual(planned);
  expect(planned.books).toEqual(['b-1', 'a-2']);
  expect(planned.restarted).toEqual(['a/ledger', 'a/router']);
  expect(steps.filter(({ kind }) => kind !== 'started')).toEqual([
    { kind: 'recorded' },
    { kind: 'restarted', process: 'a/ledger' },
    { kind: 'restarted', process: 'a/router' },
  ]);
  expect(recordedTopology(dataDir)).toEqual(next);
  const servers = ['a/ledger', 'a/ledger-a-2', 'a/router', 'b/ledger', 'b/router'];
  for (const name of servers) {
    const { MERIDIAN_BOOKS: books, MERIDIAN_LEDGERS: ledgers } = lastEnvironment(dataDir, name);
    expect(books).toBe('1:a-1:a,2:b-1:b,3:a-2:a');
    expect(ledgers?.split(',')).toEqual([1, 11, 4].map((port) => `127.0.0.1:${basePort + port}`));
    expect(cluster.processes.state(name)).toBe('ready');
  }
  expect(readState(dataDir)?.books).toEqual(cluster.books);
  // Once more: nothing is left to do.
  expect(await cluster.applyTopology(next)).toMatchObject({ started: [], restarted: [] });
  await cluster.stop();
  await expect(start(dataDir, basePort, { topology: topologyOf({ a: 1 }) })).rejects.toThrow(
    /book 2 \(b-1 in b\) is missing/u,
  );
});

test('a start can be aborted', async () => {
  const dataDir = join(testFolder(), 'data');
  const abort = new AbortController();
  const pids: number[] = [];
  const starting = start(dataDir, await findFreeBase(), {
    signal: abort.signal,
    onEvent: (event) => {
      if (event.kind !== 'process') return;
      if (event.pid !== undefined) pids.push(event.pid);
      if (event.name.endsWith('/postgres')) abort.abort();
    },
  });
  await expect(starting).rejects.toThrow(/stopped/u);
  expect(running(pids)).toEqual([]);
  expect(readState(dataDir)).toBeUndefined();
});
