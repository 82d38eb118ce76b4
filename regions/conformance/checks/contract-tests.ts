import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import type { Finding } from '../finding.ts';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const LIMIT_MS = 600_000;
const CHECK = 'store contract';

const Results = z.object({
  numPassedTests: z.number(),
  numTotalTests: z.number(),
  testResults: z.array(
    z.object({
      message: z.string().optional(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

/**
 * Runs the tests that every store of books has to pass against the database: they are those of
 * this repository, so that they need its packages for tests.
 *
 * @param url database of the run; it is handed over in the environment, where no list of processes
 *   shows it
 */
export async function checkStoreContract(url: string): Promise<Finding> {
  const runner = findRunner();
  if (runner === undefined) {
    const text = 'vitest is not installed here: run it in a checkout with its packages';
    return { check: CHECK, verdict: 'not checked', text };
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'meridian-conformance-'));
  const file = path.join(folder, 'results.json');
  try {
    const args = [runner, 'run', '--project', 'conformance', '--reporter=json'];
    await new Promise<void>((resolve) => {
      execFile(
        process.execPath,
        [...args, `--outputFile=${file}`],
        { cwd: ROOT, env: { ...process.env, CONFORMANCE_DATABASE: url }, timeout: LIMIT_MS },
        () => resolve(),
      );
    });
    return findingOf(Results.parse(JSON.parse(readFileSync(file, 'utf8'))));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { check: CHECK, verdict: 'lacks', text: `its tests did not end: ${text}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function findRunner(): string | undefined {
  try {
    return path.join(
      path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
      'vitest.mjs',
    );
  } catch {
    return undefined;
  }
}

function findingOf({
  numPassedTests,
  numTotalTests,
  testResults,
}: z.infer<typeof Results>): Finding {
  const failed = testResults.flatMap(({ assertionResults, message = '' }) => {
    const names = assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => fullName);
    return assertionResults.length === 0 ? [message.split('\n')[0] ?? ''] : names;
  });
  const figures = { passed: numPassedTests, tests: numTotalTests };
  if (failed.length === 0 && numTotalTests > 0 && numPassedTests === numTotalTests) {
    return { check: CHECK, verdict: 'passed', text: `${numPassedTests} tests`, figures };
  }
  const text = `${failed.length} of ${numTotalTests} tests fail: ${failed.slice(0, 3).join('; ')}`;
  return { check: CHECK, verdict: 'lacks', text, figures };
}
