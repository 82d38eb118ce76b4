import { missingPackages } from '../supervisor/replicated/packages.ts';
import { defaultTopology, type Topology } from '../topology/topology.ts';

/** The default topology with short delays: tests should not wait for the speed of light. */
export const nearbyTopology: Topology = {
  ...defaultTopology,
  delays: { 'eu-west~us-east': 3, 'eu-west~ap-south': 5, 'us-east~ap-south': 8 },
};

/**
 * Returns why tests of the replicated profile cannot run here; '' if they can. In CI, where
 * everything must be tested, a missing package is an error instead.
 */
export function whyNotReplicated(): string {
  const missing = missingPackages();
  if (missing.length === 0) return '';
  const why = `the replicated profile cannot run here: install ${missing.join(', ')}`;
  if (process.env['CI'] !== undefined) throw new Error(why);
  process.stderr.write(`SKIPPED: ${why}\n`);
  return why;
}
