import type { PartialStrykerOptions } from '@stryker-mutator/api/core';

/**
 * The mutation gate: `npm run mutation` changes the rules of the ledger in one place at a time
 * and runs the tests of ledger/core that reach the place. A change that no test notices has
 * survived. Everything written lies in `.mutation`, which git ignores.
 */
const options: PartialStrykerOptions = {
  // Not the model in ledger/testing: it is what the rules are compared with, and no rule itself.
  mutate: ['ledger/core/**/*.ts', '!ledger/core/**/*.test.ts'],
  // What the tests need, and no tsconfig.json: Stryker cannot read one with TypeScript 7.
  ignorePatterns: ['**', '!ledger/**/*.ts', '!proto/gen/**/*.ts', '!package.json'],
  plugins: ['@stryker-mutator/vitest-runner', './ledger/testing/mutation/ignore-messages.ts'],
  ignorers: ['messages'],
  // Nothing checks types there: they are only stripped.
  disableTypeChecks: false,
  testRunner: 'vitest',
  vitest: { configFile: 'ledger/testing/mutation/vitest.config.ts', related: false },
  // A busy machine must not be taken for a test that noticed; endless loops are counted anyway.
  timeoutMS: 30_000,
  reporters: ['clear-text', 'progress', 'html'],
  clearTextReporter: { logTests: false, reportTests: false },
  htmlReporter: { fileName: '.mutation/report.html' },
  tempDirName: '.mutation/sandbox',
  cleanTempDir: 'always',
  // Off unless asked for by --incremental: it does not see changes of the model or of histories.
  incrementalFile: '.mutation/incremental.json',
  // The whole run of 2026-11-21 had 88.3; it may only rise.
  thresholds: { high: 100, low: 95, break: 88 },
};

export default options;
