import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const isSlow = ({ moduleId }: TestSpecification) => moduleId.endsWith('/history.test.ts');

/** Random histories come last: a change that any other test notices is noticed at once. */
class QuickFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve(files.toSorted((a, b) => Number(isSlow(a)) - Number(isSlow(b))));
  }
}

/** The tests that a change of ledger/core must not survive; see stryker.config.ts. */
export default defineConfig({
  test: {
    include: ['ledger/core/**/*.test.ts'],
    sequence: { sequencer: QuickFirst },
    // Always the same cases, so that the score depends on nothing but the code; and few of
    // them, because they run again for every change.
    provide: { seed: '1', histories: '150' },
    testTimeout: 120_000,
    setupFiles: ['ledger/testing/mutation/fixed-seed.ts'],
  },
});
