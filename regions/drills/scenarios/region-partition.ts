import { type Drill, type Scenario, untilReplaced } from '../scenario.ts';

export const regionPartition: Scenario = {
  name: 'region-partition',
  hypothesis:
    'A region that lives but is cut off acknowledges nothing for the books it led; other ' +
    'regions take them over within 15 s, and nothing acknowledged is lost.',
  breaks: 'all links between one region and the others swallow everything, in both directions',
  steps: [
    'cut the links of the region in both directions, so that they stay silent',
    'wait until other regions lead its books',
    'keep it cut off for 8 s more, longer than the lease of its old leader',
    'heal the links',
  ],
  abortConditions: [],
  affected: 'led-there',
  healthy: 'others',
  limits: { rtoMs: 15_000, collateralMs: 1_000 },
  notTested: [
    'callers who are cut off together with the region: those of the drill reach every router',
    'a link that is cut in one direction only',
  ],
  async run(drill) {
    const { region } = drill;
    drill.mark('injected', `${region} is cut off`, { region });
    await eachLink(drill, (from, to) => drill.faults.cut(from, to, 'blackhole'));
    await untilReplaced(drill, 60_000);
    await drill.pause(8_000);
    await eachLink(drill, (from, to) => drill.faults.heal(from, to));
    drill.mark('healed', `${region} is connected again`, { region });
  },
};

/** Applies the work to every link of the broken region, in both directions. */
export async function eachLink(
  { region, others }: Drill,
  work: (from: Drill['region'], to: Drill['region']) => Promise<void>,
): Promise<void> {
  await Promise.all(others.flatMap((other) => [work(region, other), work(other, region)]));
}
