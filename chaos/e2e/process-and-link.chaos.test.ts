import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import type { Cluster } from '../../regions/supervisor/embedded/embedded-cluster.ts';
import { endFolder, makeFolder } from '../../regions/testing/folder.ts';
import { touches } from '../judge/checkers/available.ts';
import { type Breaking, strikeWith } from '../drive/nemeses/breaking.ts';
import { freezeLedger } from '../drive/nemeses/freeze-ledger.ts';
import { kill } from '../drive/nemeses/kill.ts';
import { killBackend } from '../drive/nemeses/kill-backend.ts';
import { gracefulStop } from '../drive/nemeses/graceful-stop.ts';
import { loseRegion, regionAdrift } from '../drive/nemeses/lose-region.ts';
import type { Nemesis, Strike } from '../drive/nemeses/nemesis.ts';
import { oneWayConnections, oneWayLoss } from '../drive/nemeses/one-way.ts';
import { bridge, isolateRegion, ring } from '../drive/nemeses/partition.ts';
import { pauseLeader } from '../drive/nemeses/pause-leader.ts';
import { freezeRouter, restartRouter, routerWithoutHome } from '../drive/nemeses/router-faults.ts';
import { victimRoles } from '../drive/nemeses/victims.ts';
import { type Payment, startStruck, type Struck } from './test/struck.ts';
import { flapping, silentThenRefused, slowLinks } from '../drive/nemeses/unsteady-links.ts';

/**
 * Every nemesis of processes, links and regions, against one installation with one copy of each
 * book: it hits what it names and nothing else, and what it broke is whole again afterwards.
 */

let cluster: Cluster;
let struck: Struck;
let failed = false;
const folder = makeFolder();

beforeAll(async () => {
  ({ cluster, struck } = await startStruck(folder, { links: true }));
});

afterAll(async () => {
  struck?.close();
  await cluster?.stop();
  endFolder(folder, failed);
});

/** Strikes, checks the effect, and expects everything to be whole again. */
async function strike(nemesis: Nemesis, seed: number, look: (strike: Strike) => Promise<void>) {
  try {
    expect(await nemesis.whyNot(struck.installation)).toBe('');
    const aimed = await nemesis.aim(struck.scene(seed));
    expect(aimed.targets).not.toEqual([]);
    try {
      await aimed.begin();
      await look(aimed);
    } finally {
      await aimed.end();
    }
    await expectWhole();
  } catch (error) {
    failed = true;
    throw error;
  }
}

async function expectWhole(): Promise<void> {
  expect(struck.broken).toEqual([]);
  expect([...cluster.links.values()].filter(({ state }) => state !== 'open')).toEqual([]);
  // How long a process takes to start depends on the machine.
  await struck.untilStarted();
  expect(await struck.untilWell(15_000)).toEqual([]);
}

const wrong = (begin: (breaking: Breaking) => Promise<void>) =>
  strikeWith(struck.scene(1), { targets: ['some'], harms: [{}], begin });

const withoutBeginning = [...victimRoles.map(kill), pauseLeader, flapping, slowLinks, loseRegion];

const isTouched =
  ({ harms }: Strike) =>
  ({ via, payer, payee }: Payment) =>
    harms.some((harm) => touches(harm, via, [payer, payee]));

/** Calls that must not arrive: a router asks the payer's book, which delivers to the payee's. */
const isCutOff =
  ({ harms }: Strike) =>
  ({ via, payer, payee }: Payment) =>
    harms.some(({ router, book, and }) => {
      if (and !== undefined) return payer === book && payee === and;
      if (router === undefined) return payer === book || payee === book;
      return via === router && (book ?? payer) === payer;
    });

/** No other process notices anything. */
async function expectOthersServed(aimed: Strike): Promise<void> {
  const touched = isTouched(aimed);
  const others = struck.payments.filter((payment) => !touched(payment));
  expect(others.length).toBeGreaterThan(0);
  expect(await struck.unpaid(others, 5_000)).toEqual([]);
}

describe('processes that end', () => {
  const enders = [...victimRoles.map(kill), ...victimRoles.map(gracefulStop), restartRouter];
  test.each(enders)('$name', async (nemesis) => {
    const before = new Map(cluster.state().processes.map(({ name, starts }) => [name, starts]));
    await strike(nemesis, 1, async (aimed) => {
      const target = must(aimed.targets[0], 'it has a target');
      const started = () => struck.starts(target) - must(before.get(target), 'it ran');
      const down = () => struck.broken.includes(`${target} is down`);
      await expect.poll(() => started() > 0 || down(), { timeout: 10_000 }).toBe(true);
      await expectOthersServed(aimed);
    });
  });

  test.each([killBackend])('$name', async (nemesis) => {
    await strike(nemesis, 1, async (aimed) => {
      const copy = must(
        struck.installation.copies.find(({ processes }) => processes.postgres === aimed.targets[0]),
        'it hits a copy',
      );
      // Postgres reports when it came back from the crash.
      const admin = postgres(copy.adminUrl, { max: 1, onnotice: () => {} });
      try {
        const recovered = async () => {
          const [row] = await admin<{ sinceMs: number }[]>`
            SELECT extract(epoch FROM now() - min(backend_start)) * 1000 AS "sinceMs"
              FROM pg_stat_activity WHERE backend_type = 'checkpointer'`;
          return Number(row?.sinceMs) < 10_000;
        };
        await expect.poll(() => recovered().catch(() => false), { timeout: 10_000 }).toBe(true);
      } finally {
        await admin.end({ timeout: 1 });
      }
      await expectOthersServed(aimed);
    });
  });
});

describe('processes that are frozen', () => {
  test.each([pauseLeader, freezeRouter])('$name', async (nemesis) => {
    await strike(nemesis, 1, async (aimed) => {
      expect(struck.broken.filter((text) => text.endsWith('is frozen'))).not.toEqual([]);
      const touched = struck.payments.filter(isTouched(aimed));
      expect(await struck.unpaid(touched, 500)).toEqual(touched);
      await expectOthersServed(aimed);
    });
  });

  test.each([freezeLedger])('$name', async (nemesis) => {
    await strike(nemesis, 1, async (aimed) => {
      const ledger = must(aimed.targets[0], 'it has a target');
      const startsBefore = struck.starts(ledger);
      const touched = struck.payments.filter(isTouched(aimed));
      expect(await struck.unpaid(touched, 500)).toEqual(touched);
      await expectOthersServed(aimed);
      // It is never thawed: the process that pays again was started by its supervisor.
      expect(await struck.unpaid(touched, 25_000)).toEqual([]);
      expect(struck.starts(ledger)).toBe(startsBefore + 1);
    });
  });
});

describe('links that are cut', () => {
  const cutters = [
    isolateRegion,
    bridge,
    ring,
    oneWayConnections,
    oneWayLoss,
    silentThenRefused,
    routerWithoutHome,
    regionAdrift,
    loseRegion,
  ];
  test.each(cutters)('$name', async (nemesis) => {
    await strike(nemesis, 1, async (aimed) => {
      const cutOff = struck.payments.filter(isCutOff(aimed));
      expect(cutOff.length).toBeGreaterThan(0);
      const [unpaid] = await Promise.all([struck.unpaid(cutOff, 800), expectOthersServed(aimed)]);
      expect(unpaid).toEqual(cutOff);
    });
  });

  test.each([flapping])('$name', async (nemesis) => {
    await strike(nemesis, 1, async (aimed) => {
      const seen = new Set<string>();
      for (let look = 0; look < 200 && seen.size < 2; look += 1) {
        for (const { state } of cluster.links.values()) if (state !== 'open') seen.add('cut');
        if ([...cluster.links.values()].every(({ state }) => state === 'open')) seen.add('healed');
        await sleep(25);
      }
      expect([...seen].toSorted()).toEqual(['cut', 'healed']);
      await expectOthersServed(aimed);
    });
  });

  test.each([slowLinks])('$name', async (nemesis) => {
    await strike(nemesis, 1, async (aimed) => {
      const cutOff = struck.payments.filter(isCutOff(aimed));
      const startedAt = performance.now();
      // A round trip of at least 80 ms each; nothing is lost.
      expect(await struck.unpaid(cutOff, 40)).toEqual(cutOff);
      expect(await struck.unpaid(cutOff, 5_000)).toEqual([]);
      expect(performance.now() - startedAt).toBeGreaterThan(80);
      await expectOthersServed(aimed);
    });
  });
});

describe('a strike that goes wrong', () => {
  test('one that could not begin repairs what it had broken by then', async () => {
    const half = wrong(async ({ faults }) => {
      await faults.signal('us-east/ledger', 'SIGSTOP');
      await faults.stop('eu-west/router');
      await faults.cut('eu-west', 'ap-south', 'lost_replies');
      await faults.signal('us-east/nothing', 'SIGSTOP');
    });
    await expect(half.begin()).rejects.toThrow(/no process us-east.nothing/u);
    expect(struck.broken).toHaveLength(2);
    await half.end();
    await expectWhole();
  });

  test('what is frozen may be killed, and started again, before it is thawed', async () => {
    const dead = wrong(async ({ faults }) => {
      await faults.signal('us-east/postgres', 'SIGSTOP');
      await faults.signal('us-east/postgres', 'SIGKILL');
      await faults.signal('ap-south/ledger', 'SIGSTOP');
      await faults.signal('ap-south/ledger', 'SIGKILL');
    });
    await dead.begin();
    await expect(dead.end()).resolves.toBeUndefined();
    await expectWhole();
  });

  test('what is not begun before the end is not begun at all', async () => {
    const late = wrong(async ({ faults, pause }) => {
      await pause(60_000).catch(() => undefined);
      await faults.stop('eu-west/router');
    });
    const begun = late.begin();
    await late.end();
    await expect(begun).rejects.toThrow(/aborted/u);
    await expectWhole();
  });

  test.each(withoutBeginning)('$name ends without having begun', async (nemesis) => {
    const aimed = await nemesis.aim(struck.scene(3));
    await aimed.end();
    expect(struck.broken).toEqual([]);
  });
});

test('the same seed aims at the same targets', async () => {
  for (const nemesis of [isolateRegion, pauseLeader, flapping]) {
    const aim = async () => (await nemesis.aim(struck.scene(7))).targets;
    expect(await aim()).toEqual(await aim());
  }
});
