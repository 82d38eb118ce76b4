import { type Scenario, untilReplaced } from '../scenario.ts';

export const regionLoss: Scenario = {
  name: 'region-loss',
  hypothesis:
    'A region that disappears loses no acknowledged transfer; its books are writable again ' +
    'in other regions within 15 s, and the accounts of other regions do not notice.',
  breaks: 'every process of one region is killed at once, and its links are cut',
  steps: [
    'kill everything in the region with SIGKILL and cut its links',
    'wait until other regions lead its books',
    'keep it away for 5 s more',
    'start everything again and heal the links',
  ],
  abortConditions: [],
  affected: 'led-there',
  healthy: 'others',
  limits: { rtoMs: 15_000, collateralMs: 1_000 },
  notTested: [
    'loss of power: the disks of the lost region keep what its kernel had not written yet',
    'a region that never comes back, and is rebuilt from nothing',
  ],
  async run(drill) {
    const { region, faults } = drill;
    drill.mark('injected', `${region} is lost`, { region });
    await faults.loseRegion(region);
    await untilReplaced(drill, 60_000);
    await drill.pause(5_000);
    await faults.restoreRegion(region);
    drill.mark('healed', `${region} is back`, { region });
  },
};
