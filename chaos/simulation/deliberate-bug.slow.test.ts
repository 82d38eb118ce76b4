import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { LEDGER_BUGS } from './ledger-bugs.ts';
import { DELIBERATE_BUGS } from './simulated-bug.ts';
import { namesOf } from '../../ledger/core/random.ts';
import { runSeed } from './simulation.ts';

vi.mock('ioredis', () => import('./stand-ins/ioredis.ts'));

/** Some bugs show only where several faults meet. */
const SEEDS_MAX = 200;

test.each(namesOf(DELIBERATE_BUGS))(
  'the bug %s is convicted by name',
  async (bug) => {
    const named: readonly string[] = DELIBERATE_BUGS[bug];
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const { violations } = await runSeed(seed, { bug });
      const convicting = violations.find(({ invariant }) => named.includes(invariant));
      if (convicting === undefined) continue;
      expect(convicting.what).not.toBe('');
      expect(convicting.evidence.length).toBeGreaterThan(0);
      // The same seed without the bug has no violation: the check found the bug.
      expect((await runSeed(seed)).violations).toEqual([]);
      return;
    }
    expect.fail(`no invariant of ${named.join(', ')} was named within ${SEEDS_MAX} seeds`);
  },
  600_000,
);

/** Bugs in the ledger's own text need a process of their own, which runs this many seeds. */
const SEEDS_AT_ONCE = 12;

test.each(LEDGER_BUGS)(
  'the bug $name of the ledger is convicted by name',
  ({ name, invariants }) => {
    for (let from = 1; from <= SEEDS_MAX; from += SEEDS_AT_ONCE) {
      if (violatedWith(name, from).some((one) => invariants.includes(one))) return;
    }
    expect.fail(`no invariant of ${invariants.join(', ')} was named within ${SEEDS_MAX} seeds`);
  },
  600_000,
);

/** Returns the names of the invariants that the seeds from one on violate with a bug of the ledger. */
function violatedWith(bug: string, from: number): readonly string[] {
  const asked = ['--bug', bug, '--from', String(from), '--seeds', String(SEEDS_AT_ONCE)];
  const main = join(import.meta.dirname, 'main.ts');
  const { stdout, status } = spawnSync(
    process.execPath,
    [main, ...asked, '--threads', '1', '--json'],
    {
      encoding: 'utf8',
      // A bug that shows in every transfer fills more than the default of one MiB.
      maxBuffer: Infinity,
    },
  );
  // 0: no seed of these shows the bug. 1: one does. Others: the simulation itself failed.
  expect([0, 1]).toContain(status);
  const total: unknown = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  return Object.keys(Object(Object(total).invariants));
}
