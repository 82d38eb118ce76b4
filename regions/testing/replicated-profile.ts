import { missingPackages } from '../supervisor/replicated/packages.ts';

/** Short ways between the regions: what a test waits for should not be the speed of light. */
export const shortDelays = { 'eu-west~us-east': 3, 'eu-west~ap-south': 5, 'us-east~ap-south': 8 };

/**
 * Why tests of the replicated profile cannot run here; '' if they can. Where everything must be
 * tested, as in CI, a missing package is a failure and not a reason.
 */
export function whyNotReplicated(): string {
  const missing = missingPackages();
  if (missing.length === 0) return '';
  const why = `the replicated profile cannot run here: install ${missing.join(', ')}`;
  if (process.env['CI'] !== undefined) throw new Error(why);
  process.stderr.write(`SKIPPED: ${why}\n`);
  return why;
}
