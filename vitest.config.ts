import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const include = (suffix: string) => [`{ledger,router,regions,chaos,bench}/**/*${suffix}`];

/**
 * Order of the files of `replicated`: the one with an installation of its own comes first; the one
 * that the others share runs from then on. What breaks most has the last word.
 */
const replicatedFirst = ['five-regions'];
const replicatedLast = ['accepted-loss', 'drills'];

/** Files of the other projects that take longest: one that is begun last would run alone. */
const longFirst = [
  'faults.cluster',
  'embedded-cluster',
  'second-region',
  'histories',
  'commands.cluster',
  'deliberate-bugs',
  'old-timeline',
];

/** Smaller is earlier; among equals the files that took longest last time come first. */
function rank({ project, moduleId }: TestSpecification): number {
  const isIn = (part: string) => moduleId.includes(part);
  if (project.name === 'replicated') {
    return replicatedFirst.some(isIn) ? -1 : replicatedLast.findIndex(isIn) + 1;
  }
  const place = longFirst.findIndex(isIn);
  return place === -1 ? longFirst.length : place;
}

class Ordered extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is not an array's
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

/**
 * How many files of `pg` and `cluster` run at once. They wait a good part of their time, for a time limit
 * to pass or for a process to start, so that four of them share two cores well.
 */
const waiting = 4;

/**
 * How long a test waits for what it expects to happen; on a busy machine the default of a second
 * is less than a process may have to wait for a core. How fast something has to be is an
 * assertion of its own.
 */
const expect = { poll: { timeout: 20_000 } };

export default defineConfig({
  test: {
    // How random tests are run and replayed; ledger/testing/history/seed.ts says what they mean.
    provide: { seed: process.env['SEED'] ?? '', histories: process.env['HISTORIES'] ?? '' },
    sequence: { sequencer: Ordered },
    // Servers that all tests of a project share are stopped in order.
    teardownTimeout: 120_000,
    projects: [
      {
        // Pure code: no server, no process, no clock. The files share their workers and what is
        // loaded in them: with a process for each file, half of the time went into loading.
        test: {
          name: 'unit',
          expect,
          include: ['*.test.ts', ...include('.test.ts')],
          exclude: [
            '**/*.{pg,cluster,replicated,slow,chaos,conformance}.test.ts',
            'chaos/simulation/**',
            '**/node_modules/**',
          ],
          testTimeout: 120_000,
          isolate: false,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        // The same in virtual time, with a stand-in for the driver of Redis, which no other file
        // may find loaded.
        test: {
          name: 'simulation',
          expect,
          include: ['chaos/simulation/*.test.ts'],
          exclude: ['**/*.slow.test.ts'],
          testTimeout: 120_000,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Needs Postgres and Redis; one of each is started for all of them. Each test has
        // databases of its own.
        test: {
          name: 'pg',
          expect,
          globalSetup: ['ledger/testing/database/postgres-setup.ts'],
          include: include('.pg.test.ts'),
          testTimeout: 60_000,
          hookTimeout: 120_000,
          isolate: false,
          maxWorkers: waiting,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Starts whole regions as processes and breaks them.
        test: {
          name: 'cluster',
          expect,
          include: include('.cluster.test.ts'),
          testTimeout: 300_000,
          hookTimeout: 180_000,
          isolate: false,
          maxWorkers: waiting,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // What every store of books has to pass, against the database that `npm run conformance`
        // was given. Part of no other command.
        test: {
          name: 'conformance',
          expect,
          provide: { conformance: process.env['CONFORMANCE_DATABASE'] ?? '' },
          include: ['regions/conformance/*.conformance.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        // What takes minutes and starts embedded installations of its own. Not part of `npm test`,
        // like the next project, but of `npm run test:all`.
        test: {
          name: 'slow',
          expect,
          include: include('.slow.test.ts'),
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // The replicated profile, with one installation for nearly all files. One file after the
        // other: an installation takes much of the machine, and a drill measures how long things take.
        test: {
          name: 'replicated',
          expect,
          globalSetup: ['regions/testing/replicated-setup.ts'],
          include: include('.replicated.test.ts'),
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        // Every workload and every nemesis alone, to see that it does what it says: of the
        // suite, not of Meridian, so not part of `npm test` either.
        test: {
          name: 'chaos',
          expect,
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
