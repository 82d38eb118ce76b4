import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const include = (suffix: string) => [`{ledger,router,regions,chaos,bench}/**/*${suffix}`];

/** Files of the `replicated` project, the mildest first: what breaks most has the last word. */
const mildFirst = ['operator/', 'region-loss', 'drills/', 'chaos/'];

/** Files of the `cluster` project that take minutes: one that is begun last would run alone. */
const longFirst = ['deliberate-bugs', 'commands'];

/** Files of all other projects come before those of `replicated`. */
function rank({ project, moduleId }: TestSpecification): number {
  if (project.name === 'replicated') return mildFirst.findIndex((part) => moduleId.includes(part));
  return longFirst.some((part) => moduleId.includes(part)) ? -3 : -2;
}

class Ordered extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is not an array's
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    // How random tests are run and replayed; ledger/test/seed.ts says what they mean.
    provide: { seed: process.env['SEED'] ?? '', histories: process.env['HISTORIES'] ?? '' },
    sequence: { sequencer: Ordered },
    // Servers that all tests of a project share are stopped in order.
    teardownTimeout: 120_000,
    projects: [
      {
        // Pure code: no server, no process, no clock.
        test: {
          name: 'unit',
          include: ['*.test.ts', ...include('.test.ts')],
          exclude: ['**/*.{pg,cluster,replicated,chaos}.test.ts', '**/node_modules/**'],
          testTimeout: 120_000,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Needs Postgres and Redis; one of each is started for all of them. A test waits more
        // than it computes, and each has databases of its own.
        test: {
          name: 'pg',
          globalSetup: ['regions/test/postgres-setup.ts'],
          include: include('.pg.test.ts'),
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Starts whole regions as processes and breaks them. Most of the time they wait, for a
        // time limit to pass or for a process to start; two files at once share the machine well.
        test: {
          name: 'cluster',
          include: include('.cluster.test.ts'),
          testTimeout: 300_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // Breaks one replicated installation that is started for all of them.
        test: {
          name: 'replicated',
          globalSetup: ['regions/test/replicated-setup.ts'],
          include: include('.replicated.test.ts'),
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        // Every workload and every nemesis by itself, to see that it does what it says: of the
        // suite, not of Meridian, so not part of `npm test`.
        test: {
          name: 'chaos',
          include: include('.chaos.test.ts'),
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
