import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endFolder, makeFolder } from '../../regions/testing/folder.ts';
import { type OwnInstallation, startOwn } from '../drive/installation/own.ts';
import { nemeses } from '../drive/nemeses/all.ts';
import { restoredBook } from '../drive/nemeses/restored-book.ts';
import { workloads } from '../drive/workloads/all.ts';
import { deliberateBugs } from '../drive/deliberate-bugs/all.ts';
import type { DeliberateBug } from '../drive/deliberate-bugs/deliberate-bug.ts';
import { startAfresh } from './test/start-afresh.ts';
import { briefRun, convicted, type Trouble, violationsOf } from './test/brief-run.ts';
import {
  plainSpending,
  redisAhead,
  secondServer,
  silentThenGone,
  strikeOf,
} from './test/troubles.ts';

const STRIKE_MS = 1_200;
const LOAD = { loadMs: 1_000, calls: 300 };

let folder: string;
let installation: OwnInstallation;
beforeAll(async () => {
  folder = makeFolder();
  installation = await startOwn({ profile: 'embedded', folder });
}, 120_000);
afterAll(async () => {
  await installation?.stop();
  endFolder(folder, false);
}, 60_000);

function troubleOf({ name, nemeses: names }: DeliberateBug): Trouble | undefined {
  // With one ledger server for a book, no server takes over from one that is frozen.
  if (name === 'skip-head-compare') return secondServer(join(folder, 'programs'));
  if (name === 'trust-redis-alone') return redisAhead;
  if (name === 'refund-on-timeout') return silentThenGone;
  if (name === 'ignore-limit-in-plain-lane') return plainSpending;
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

test.each(embedded)(
  'a server with the bug $name is convicted',
  async (bug) => {
    await startAfresh(installation, folder, bug.name);
    const verdicts = await briefRun(installation, join(folder, bug.name), {
      workloads: workloads.filter(({ name }) => bug.workloads.includes(name)),
      trouble: troubleOf(bug),
      ...LOAD,
      drainMs: 3_000,
    });
    const found = convicted(verdicts);
    expect(found.filter((name) => bug.invariants.some((one) => one === name))).not.toEqual([]);
  },
  120_000,
);

test('servers without a bug pass every workload and nemesis that convicted the others', async () => {
  await startAfresh(installation, folder, undefined);
  const used = new Set(embedded.flatMap((bug) => [...bug.workloads, ...bug.nemeses]));
  const verdicts = await briefRun(installation, join(folder, 'no-bug'), {
    workloads: workloads.filter(({ name }) => used.has(name)),
    trouble: async (...scene) => {
      for (const bug of embedded) await troubleOf(bug)?.(...scene);
    },
    ...LOAD,
    drainMs: 30_000,
  });
  expect(violationsOf(verdicts)).toEqual([]);
}, 180_000);
