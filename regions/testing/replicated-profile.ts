import { missingPackages } from '../supervisor/replicated/packages.ts';
import { defaultCopies, defaultTopology, type Topology } from '../topology/topology.ts';

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

const fiveNames = ['eu-west', 'us-east', 'ap-south', 'us-west', 'sa-east'];
/** Tenths of usual delays. */
const fiveDelays = {
  'eu-west~us-east': 3,
  'eu-west~ap-south': 7,
  'us-east~ap-south': 11,
  'eu-west~us-west': 6,
  'us-east~us-west': 2,
  'ap-south~us-west': 12,
  'eu-west~sa-east': 9,
  'us-east~sa-east': 5,
  'ap-south~sa-east': 15,
  'us-west~sa-east': 8,
};
const places = { regions: fiveNames, delays: fiveDelays };
const bookOf = (number: number, name: string, region: string) => ({
  number,
  name,
  region,
  copies: defaultCopies(places, region),
});

/** Five regions, of which eu-west homes two books; each book has copies in three of them. */
export const fiveRegions: Topology = {
  ...places,
  books: [
    ...fiveNames.map((region, index) => bookOf(index + 1, `${region}-1`, region)),
    bookOf(6, 'eu-west-2', 'eu-west'),
  ],
};
