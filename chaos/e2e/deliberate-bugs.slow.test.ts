import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { endFolder, makeFolder } from '../../regions/testing/folder.ts';
import { type OwnInstallation, startOwn } from '../drive/installation/own.ts';
import { nemeses } from '../drive/nemeses/all.ts';
import { restoredBook } from '../drive/nemeses/restored-book.ts';
import { workloads } from '../drive/workloads/all.ts';
import { deliberateBugs } from '../drive/deliberate-bugs/all.ts';
import type { DeliberateBug } from '../drive/deliberate-bugs/deliberate-bug.ts';
import { startAfresh } from './test/start-afresh.ts';
import { briefRun, convicted, type Trouble, violationsOf } from './test/brief-run.ts';
import { redisAhead, secondServer, silentThenGone, strikeOf } from './test/troubles.ts';

const STRIKE_MS = 1_200;
const LOAD = { loadMs: 1_000, calls: 300 };

interface Place {
  readonly folder: string;
  readonly installation: OwnInstallation;
}

/**
 * Two installations: a bug at a time in each. Most of a run is a wait, for calls to end or for a
 * process to start.
 */
const PLACES = 2;
const places: Place[] = [];
const free: Place[] = [];
const queue: ((place: Place) => void)[] = [];

beforeAll(async () => {
  for (let left = PLACES; left > 0; left -= 1) {
    const folder = makeFolder();
    const place = { folder, installation: await startOwn({ profile: 'embedded', folder }) };
    places.push(place);
    free.push(place);
  }
}, 240_000);
afterAll(async () => {
  await Promise.all(places.map(({ installation }) => installation.stop()));
  for (const { folder } of places) endFolder(folder, false);
}, 60_000);

/** Works in an installation that no other test uses meanwhile. */
async function inPlace(work: (place: Place) => Promise<void>): Promise<void> {
  const place = free.pop() ?? (await new Promise<Place>((resolve) => queue.push(resolve)));
  try {
    await work(place);
  } finally {
    const next = queue.shift();
    if (next === undefined) free.push(place);
    else next(place);
  }
}

function troubleOf(
  { name, nemeses: names }: DeliberateBug,
  { folder }: Place,
): Trouble | undefined {
  // With one ledger server for a book, no server takes over from one that is frozen.
  if (name === 'skip-head-compare') return secondServer(join(folder, 'programs'));
  if (name === 'trust-redis-alone') return redisAhead;
  if (name === 'refund-on-timeout') return silentThenGone;
  const strikes = nemeses.filter((one) => names.includes(one.name));
  if (strikes.length === 0) return undefined;
  return async (...scene) => {
    for (const nemesis of strikes) await strikeOf(nemesis, STRIKE_MS)(...scene);
  };
}

const embedded = deliberateBugs.filter(
  ({ profile, nemeses: names }) =>
    // The losses of a restored book are judged separately: restored-book.chaos.test.ts.
    profile === 'embedded' && !names.includes(restoredBook().name),
);

/** Includes the wait for an installation. */
const LIMIT_MS = 600_000;

test.concurrent.for(embedded)(
  'a server with the bug $name is convicted',
  { timeout: LIMIT_MS },
  async (bug, { expect }) => {
    await inPlace(async (place) => {
      const { folder, installation } = place;
      await startAfresh(installation, folder, bug.name);
      const verdicts = await briefRun(installation, join(folder, bug.name), {
        workloads: workloads.filter(({ name }) => bug.workloads.includes(name)),
        trouble: troubleOf(bug, place),
        ...LOAD,
        drainMs: 3_000,
      });
      const found = convicted(verdicts);
      expect(found.filter((name) => bug.invariants.some((one) => one === name))).not.toEqual([]);
    });
  },
);

test.concurrent(
  'servers without a bug pass every workload and nemesis that convicted the others',
  { timeout: LIMIT_MS },
  async ({ expect }) => {
    await inPlace(async (place) => {
      const { folder, installation } = place;
      await startAfresh(installation, folder, undefined);
      const used = new Set(embedded.flatMap((bug) => [...bug.workloads, ...bug.nemeses]));
      const verdicts = await briefRun(installation, join(folder, 'no-bug'), {
        workloads: workloads.filter(({ name }) => used.has(name)),
        trouble: async (...scene) => {
          for (const bug of embedded) await troubleOf(bug, place)?.(...scene);
        },
        ...LOAD,
        drainMs: 30_000,
      });
      expect(violationsOf(verdicts)).toEqual([]);
    });
  },
);
