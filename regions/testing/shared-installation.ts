import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { RunClock } from '../drills/load/run-clock.ts';
import { waitUntilSteady } from '../drills/steady.ts';
import { TrackedFaults } from '../faults/tracked-faults.ts';
import { Watcher } from '../drills/watcher.ts';
import { connectFaults } from '../faults/control.ts';
import type { Faults } from '../faults/faults.ts';
import { type ClusterState, readState } from '../topology/state.ts';
import { Operator } from '../operator/operator.ts';
import { whyNotReplicated } from './replicated-profile.ts';
import type { SharedPlace } from './replicated-setup.ts';

/** A replica may have to be copied again in full, which takes time. */
const STEADY_MS = 180_000;
const FAILBACKS_MOST = 3;

/** Limit of the start for the first file, and of the repair after a file for the next ones. */
const READY_MS = 600_000;

/** Three regions with a copy of every book in each, which other tests use before and after. */
export interface SharedInstallation {
  readonly dataDir: string;
  readonly state: ClusterState;
  /** What a test breaks is always repaired after the file. */
  readonly faults: Faults;
}

/**
 * The installation of the `replicated` project, for all tests of a file: all books are led at home
 * and all their copies stream when the first begins. Data from the tests of other files stays in
 * its books, so every file uses its own names.
 *
 * It is absent where the replicated profile cannot run; no test may ask for it there.
 */
export function sharedInstallation(): () => SharedInstallation {
  let installation: SharedInstallation | undefined;
  let faults: TrackedFaults | undefined;
  const isThere = whyNotReplicated() === '';
  beforeAll(async () => {
    if (!isThere) return;
    const state = await startedOnce(inject('replicated'));
    await untilWell(state);
    faults = new TrackedFaults(connectFaults(state.controlSocket));
    installation = { dataDir: state.dataDir, state, faults };
  }, READY_MS);
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') writeFileSync(inject('replicated').failedFile, '');
  });
  afterAll(async () => {
    const failed = (await faults?.repairAll()) ?? [];
    if (failed.length > 0) throw new Error(`not repaired: ${failed.join('; ')}`);
  });
  return () => must(installation, 'the installation runs');
}

/** Returns the installation once it is ready; the first call starts it. */
async function startedOnce({ dataDir, socket }: SharedPlace): Promise<ClusterState> {
  const error = await new Promise<string>((resolve, reject) => {
    const call = request({ socketPath: socket }, (reply) => {
      text(reply).then(resolve, reject);
    });
    call.once('error', reject);
    call.end();
  });
  if (error !== '') throw new Error(`the installation that tests share did not start: ${error}`);
  return must(readState(dataDir), 'the installation that tests share runs');
}

/** Waits until all is well, and fails back books that are led elsewhere. */
export async function untilWell(state: ClusterState): Promise<void> {
  const members = must(state.replicated, 'it is replicated').members;
  const { signal } = new AbortController();
  const watcher = new Watcher(members, new RunClock(), () => undefined);
  const operator = new Operator(state);
  const steady = async () => {
    const problems = await waitUntilSteady(watcher, state, STEADY_MS, signal);
    if (problems.length === 0) return;
    throw new Error(`the installation is not well: ${problems.join('; ')}`);
  };
  watcher.start();
  try {
    await steady();
    const away = () =>
      state.books.filter(({ name, region }) => watcher.leader(name)?.member.region !== region);
    const why = 'every file of tests begins with all books at home';
    let left = FAILBACKS_MOST;
    while (away().length > 0) {
      left -= 1;
      try {
        for (const region of new Set(away().map((book) => book.region))) {
          await operator.make({ kind: 'failback', region }, { by: 'the tests', why });
        }
      } catch (error) {
        // On a busy machine one of the members may not answer in time.
        if (left <= 0) throw error;
      }
      await steady();
    }
  } finally {
    await Promise.all([watcher.stop(), operator.close()]);
  }
}
