import { AbortedDrill, type Scenario, withLeadersStaying } from '../scenario.ts';

export const etcdMinority: Scenario = {
  name: 'etcd-minority',
  hypothesis:
    'One member of etcd may be gone: no book changes its leader and no call ' +
    'waits longer than a second.',
  breaks: 'the etcd of one region is killed and stays away for 15 s, twice the lease of a leader',
  steps: ['kill etcd in the region', 'wait 15 s', 'start it again'],
  abortConditions: [],
  affected: 'none',
  healthy: 'all',
  limits: { noErrors: true, collateralMs: 1_000 },
  notTested: ['the loss of a majority: see double-failure', 'an etcd that is slow'],
  async run(drill) {
    const { region, faults, replicated } = drill;
    const members = replicated.etcd.map((member) => member.region);
    if (!members.includes(region)) {
      throw new AbortedDrill(`${region} has no member of etcd; ${members.join(', ')} have one`);
    }
    drill.mark('injected', `etcd of ${region} is gone`, { region });
    await withLeadersStaying(drill, async () => {
      await faults.stop(`${region}/etcd`);
      await drill.pause(15_000);
    });
    await faults.start(`${region}/etcd`);
    drill.mark('healed', `etcd of ${region} runs again`, { region });
  },
};
