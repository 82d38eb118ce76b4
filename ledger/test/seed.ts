import fc from 'fast-check';

/**
 * How random tests are run and replayed; the only reader of their two variables:
 *
 * SEED=<seed> or SEED=<seed>:<path> runs one seed, or one failing case of it.
 * HISTORIES=<number> says how many random cases a test tries.
 */

/** Checks a property with random cases. Throws an Error that says how to see it fail again. */
export function checkRandomly<T>(
  file: string,
  title: string,
  property: fc.IRawProperty<T>,
  runs: number,
): void {
  const [seedText = '', path = ''] = (process.env['SEED'] ?? '').split(/:(.*)/su);
  const seed = seedText === '' ? Math.floor(Math.random() * 2 ** 31) : Number(seedText);
  const numRuns = Number(process.env['HISTORIES'] ?? runs);
  const result = fc.check(property, {
    seed,
    numRuns,
    ...(path === '' ? {} : { path, endOnFailure: true }),
  });
  if (!result.failed) return;
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
