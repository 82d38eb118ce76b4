import * as fc from 'fast-check';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** SEED=<seed> runs one seed, SEED=<seed>:<path> one case of it; '' a seed of its own. */
    seed: string;
    /** HISTORIES=<number> is how many random cases a test tries; '' its own number. */
    histories: string;
  }
}

/**
 * Checks a property with random cases and returns how many there were.
 * Throws an Error that states how to see it fail again.
 */
export function checkRandomly<T>(
  file: string,
  title: string,
  property: fc.IProperty<T>,
  runs: number,
): number {
  const [seedText = '', path = ''] = inject('seed').split(/:(.*)/su);
  const seed = seedText === '' ? Math.floor(Math.random() * 2 ** 31) : Number(seedText);
  const numRuns = Number(inject('histories') || runs);
  const result = fc.check(property, {
    seed,
    numRuns,
    ...(path === '' ? {} : { path, endOnFailure: true }),
  });
  if (!result.failed) return result.numRuns;
  const place = `${result.seed}:${result.counterexamplePath ?? ''}`;
  const command = `SEED='${place}' npx vitest run --project unit ${file} -t '${title}'`;
  const report = fc.defaultReportMessage(result) ?? '';
  const text = `seed ${result.seed}, path ${result.counterexamplePath ?? 'none'}
replay:      ${command}
more cases:  HISTORIES=${numRuns * 10} npx vitest run --project unit ${file}
${String(result.errorInstance)}
${report}`;
  throw new Error(text, { cause: result.errorInstance });
}
