import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { stopLeftovers } from './leftovers.ts';
import { findFreeBase } from './ports.ts';
import { probeAnswers, probeHealth, probeListens } from './probes.ts';
import { processIdentity } from './process-identity.ts';
import { type ProcessSpec, type ProcessState, SupervisedProcess } from './supervised-process.ts';
import { testFolder } from './test/folder.ts';

/** A supervised run of one of the stand-ins, and the states that it went through. */
async function fixture(script: string, over: Partial<ProcessSpec> = {}) {
  const folder = testFolder();
  const address = `127.0.0.1:${await findFreeBase(1)}`;
  const states: ProcessState[] = [];
  const server = new SupervisedProcess({
    name: 'test/server',
    command: process.execPath,
    args: [join(import.meta.dirname, 'test', script)],
    env: { MERIDIAN_LISTEN: address },
    cwd: folder,
    logFile: join(folder, 'server.log'),
    pidFile: join(folder, 'server.pid'),
    stage: 1,
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
    readyTimeoutMs: 20_000,
    probe: () => probeHealth(address),
    onState: (state) => states.push(state),
    ...over,
  });
  onTestFinished(() => server.stop());
  return { process: server, states, folder, address };
}

test('a process is ready when it says so, and stops when told', async () => {
  const { process: server, states, folder } = await fixture('stand-in.ts');
  await server.start();
  expect(server.state).toBe('ready');
  const pid = server.pid ?? 0;
  expect(JSON.parse(readFileSync(join(folder, 'server.pid'), 'utf8'))).toMatchObject({ pid });
  await server.stop();
  expect(states).toEqual(['starting', 'ready', 'stopped']);
  expect(processIdentity(pid)).toBeUndefined();
  expect(existsSync(join(folder, 'server.pid'))).toBe(false);
  await server.stop();
});

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`a process that died of ${signal} is started again`, async () => {
    const { process: server, states } = await fixture('stand-in.ts');
    await server.start();
    const pid = server.pid;
    server.kill(signal);
    await expect.poll(() => server.starts, { timeout: 10_000 }).toBe(2);
    await server.waitReady(10_000);
    expect(server.pid).not.toBe(pid);
    expect(states).toEqual(['starting', 'ready', 'restarting', 'starting', 'ready']);
  });
}

test('a process that was frozen can be stopped', async () => {
  const { process: server } = await fixture('stand-in.ts');
  await server.start();
  server.kill('SIGSTOP');
  await server.stop();
  expect(server.state).toBe('stopped');
});

test('a process that ignores its stop signal is killed after the grace period', async () => {
  const { process: server } = await fixture('stand-in.ts', {
    args: ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log(1)'],
    probe: () => Promise.resolve(true),
    graceMs: 300,
  });
  await server.start();
  const from = Date.now();
  await server.stop();
  expect(Date.now() - from).toBeLessThan(5_000);
  expect(server.pid).toBeUndefined();
});

test('restart gives a new process that is ready', async () => {
  const { process: server } = await fixture('stand-in.ts');
  await server.start();
  const pid = server.pid;
  await server.restart();
  expect(server.state).toBe('ready');
  expect(server.pid).not.toBe(pid);
});

test('a process that ends while it starts is given up, with its last words', async () => {
  const { process: server, folder } = await fixture('refuses.ts');
  const message = /exit code 1\)[^]*\n {2}the configuration is wrong\n[^]*server\.log/u;
  await expect(server.start()).rejects.toThrow(message);
  expect(server.state).toBe('stopped');
  expect(readFileSync(join(folder, 'server.log'), 'utf8').trim().split('\n')).toHaveLength(4);
});

test('a program that is not there is named', async () => {
  const { process: server } = await fixture('', { command: '/nowhere/program' });
  await expect(server.start()).rejects.toThrow(/ENOENT/u);
});

test('a process that never gets ready is given up after the limit', async () => {
  const { process: server } = await fixture('stand-in.ts', {
    probe: () => Promise.resolve(false),
    readyTimeoutMs: 300,
  });
  await expect(server.start()).rejects.toThrow(/was not ready within 0\.3 s/u);
  expect(server.state).toBe('stopped');
});

test('a stop during the start ends both', async () => {
  const { process: server } = await fixture('stand-in.ts');
  const starting = server.start();
  const stopping = server.stop();
  await expect(starting).rejects.toThrow(/stopped before it was ready/u);
  await stopping;
  expect(server.pid).toBeUndefined();
});

test('a pid file finds a process again, unless the pid means another one now', async () => {
  const { process: server, folder } = await fixture('stand-in.ts');
  await server.start();
  const pid = server.pid ?? 0;
  expect(await stopLeftovers(folder, 1)).toEqual([]);
  expect(processIdentity(pid)).toBeDefined();
  const stopped = stopLeftovers(folder);
  await expect(stopped).resolves.toEqual(['test/server']);
  expect(processIdentity(pid)).toBeUndefined();
});

/** The times at which a process that prints each of its starts was started, in ms. */
const startsIn = (folder: string) =>
  readFileSync(join(folder, 'server.log'), 'utf8').trim().split('\n').map(Number);

test('a process that dies again and again is started after pauses that grow', async () => {
  const {
    process: server,
    states,
    folder,
  } = await fixture('', {
    args: ['-e', 'console.log(Date.now()); setTimeout(() => process.exit(70), 50)'],
    probe: () => Promise.resolve(true),
  });
  await server.start();
  await expect.poll(() => startsIn(folder).length, { timeout: 20_000 }).toBe(6);
  expect(states).toContain('backing-off');
  expect(server.lastReason).toBe('exit code 70');
  const starts = startsIn(folder);
  const pauses = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
  expect(pauses[4]).toBeGreaterThan(800);
});

test('a process that is frozen is killed and started again', async () => {
  const silence = { helps: false };
  const { address } = await fixture('stand-in.ts');
  const watched = await fixture('stand-in.ts', {
    env: { MERIDIAN_LISTEN: address },
    probe: () => probeHealth(address),
    liveness: {
      answers: () => probeAnswers(address, 100),
      listens: () => probeListens(address),
      wouldHelp: () => Promise.resolve(silence.helps),
      pauseMs: 20,
    },
  });
  await watched.process.start();
  watched.process.kill('SIGSTOP');
  // What it works with does not answer either: it is left alone.
  await sleep(2_000);
  expect(watched.process.starts).toBe(1);
  silence.helps = true;
  await expect.poll(() => watched.process.starts, { timeout: 20_000 }).toBe(2);
  expect(watched.process.lastReason).toMatch(/did not answer for long/u);
  await watched.process.waitReady(10_000);
});

test('a process that froze before it answered its supervisor is killed as soon as any other', async () => {
  const { address } = await fixture('stand-in.ts');
  const questions = { sinceItListens: 0, listens: false };
  const watched = await fixture('stand-in.ts', {
    env: { MERIDIAN_LISTEN: address },
    probe: () => probeHealth(address),
    liveness: {
      answers: () => {
        if (questions.listens) questions.sinceItListens += 1;
        return Promise.resolve(false);
      },
      listens: async () => (questions.listens = await probeListens(address)),
      wouldHelp: () => Promise.resolve(true),
      pauseMs: 200,
    },
  });
  await watched.process.start();
  watched.process.kill('SIGSTOP');
  await expect.poll(() => watched.process.starts, { timeout: 20_000, interval: 10 }).toBe(2);
  expect(questions.sinceItListens).toBeLessThan(10);
  await watched.process.stop();
});
