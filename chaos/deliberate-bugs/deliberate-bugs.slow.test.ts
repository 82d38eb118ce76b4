import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endFolder, makeFolder } from '../../regions/local/test/folder.ts';
import { type OwnInstallation, startOwn } from '../installation/own.ts';
import { nemeses } from '../nemeses/all.ts';
import { restoredBook } from '../nemeses/restored-book.ts';
import { workloads } from '../workloads/all.ts';
import { deliberateBugs } from './all.ts';
import type { DeliberateBug } from './deliberate-bug.ts';
import { beginAnew } from './test/begin-anew.ts';
import { briefRun, convicted, type Trouble, violationsOf } from './test/brief-run.ts';
import { redisAhead, secondServer, silentThenGone, strikeOf } from './test/troubles.ts';

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
  // With one ledger server for a book, nobody takes over from one that is frozen.
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
    // What a restored book loses is judged in a way of its own: restored-book.chaos.test.ts.
    profile === 'embedded' && !names.includes(restoredBook().name),
);

test.each(embedded)(
  'a server with the bug $name is convicted',
  async (bug) => {
    await beginAnew(installation, folder, bug.name);
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

test('servers without a bug are not, whatever the others were convicted with', async () => {
  await beginAnew(installation, folder, undefined);
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
