import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { endFolder, makeFolder } from '../../regions/testing/folder.ts';
import { nearbyTopology, whyNotReplicated } from '../../regions/testing/replicated-profile.ts';
import { type OwnInstallation, startOwn } from '../drive/installation/own.ts';
import { workloads } from '../drive/workloads/all.ts';
import { deliberateBugs } from '../drive/deliberate-bugs/all.ts';
import { restartWith } from './test/start-afresh.ts';
import { briefRun, convicted, type Trouble } from './test/brief-run.ts';
import { allBehind, lostWithItsRegion } from './test/troubles.ts';

/** Bugs that are harmful only where a book has several copies. */

const skipped = whyNotReplicated() !== '';

let folder: string;
let installation: OwnInstallation | undefined;
beforeAll(async () => {
  if (skipped) return;
  folder = makeFolder();
  installation = await startOwn({ profile: 'replicated', folder, topology: nearbyTopology });
}, 300_000);
afterAll(async () => {
  if (skipped) return;
  await installation?.stop();
  endFolder(folder, false);
}, 120_000);

/** In this order: the second one leaves a journal behind that differs from what it did. */
const troubles: readonly (readonly [string, Trouble])[] = [
  ['read-without-position', allBehind],
  ['exists-before-barrier', lostWithItsRegion],
];

test.skipIf(skipped).each(troubles)(
  'a server with the bug %s is convicted',
  async (name, trouble) => {
    const running = must(installation, 'it was started');
    const bug = must(
      deliberateBugs.find((one) => one.name === name),
      'there is such a bug',
    );
    await restartWith(running, folder, name);
    const verdicts = await briefRun(running, join(folder, name), {
      // A leader that waits for its barrier is stuck as soon as it has anything to commit.
      workloads:
        trouble === lostWithItsRegion
          ? []
          : workloads.filter((one) => bug.workloads.includes(one.name)),
      trouble,
      loadMs: 1_000,
      calls: trouble === lostWithItsRegion ? 0 : 200,
      drainMs: 20_000,
    });
    const found = convicted(verdicts);
    expect(found.filter((one) => bug.invariants.some((named) => named === one))).not.toEqual([]);
  },
  240_000,
);

test('every bug of the replicated profile is tried', () => {
  const all = deliberateBugs.filter(({ profile }) => profile === 'replicated');
  expect(all.map(({ name }) => name).toSorted()).toEqual(troubles.map(([name]) => name).toSorted());
});
