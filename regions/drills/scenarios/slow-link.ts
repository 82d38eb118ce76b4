import { type Scenario, withLeadersStaying } from '../scenario.ts';
import { eachLink } from './region-partition.ts';

/** More than any link on Earth has one way, and less than what callers wait. */
const DELAY_MS = 200;

export const slowLink: Scenario = {
  name: 'slow-link',
  hypothesis: 'Slow links make payments slower and nothing else: no error, no change of a leader.',
  breaks: `every link of one region takes ${DELAY_MS} ms one way, in both directions`,
  steps: ['slow the links of the region down', 'wait 15 s', 'give them their usual delay again'],
  abortConditions: [],
  affected: 'none',
  healthy: 'all',
  // A commit waits for a second region: one round trip, and one more for commits in between.
  limits: { noErrors: true, collateralMs: 2_000 },
  notTested: ['loss of packets, jitter, and little bandwidth'],
  async run(drill) {
    const { region, faults } = drill;
    drill.mark('injected', `the links of ${region} are slow`, { region });
    await withLeadersStaying(drill, async () => {
      await eachLink(drill, (from, to) => faults.delay(from, to, DELAY_MS));
      await drill.pause(15_000);
    });
    await eachLink(drill, (from, to) => faults.delay(from, to, undefined));
    drill.mark('healed', `the links of ${region} are as usual`, { region });
  },
};
