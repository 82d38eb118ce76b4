import { defineConfig } from 'vitest/config';

const include = (suffix: string) => [`{ledger,router,regions,chaos,bench}/**/*${suffix}`];

export default defineConfig({
  test: {
    // How random tests are run and replayed; ledger/test/seed.ts says what they mean.
    provide: { seed: process.env['SEED'] ?? '', histories: process.env['HISTORIES'] ?? '' },
    projects: [
      {
        // Pure code: no server, no process, no clock.
        test: {
          name: 'unit',
          include: ['*.test.ts', ...include('.test.ts')],
          exclude: ['**/*.{pg,cluster}.test.ts', '**/node_modules/**'],
          testTimeout: 120_000,
        },
      },
      {
        // Needs Postgres and Redis; one of each is started for all of them.
        test: {
          name: 'pg',
          globalSetup: ['regions/test/postgres-setup.ts'],
          include: include('.pg.test.ts'),
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        // Starts whole regions as processes and breaks them.
        test: {
          name: 'cluster',
          include: include('.cluster.test.ts'),
          testTimeout: 300_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
