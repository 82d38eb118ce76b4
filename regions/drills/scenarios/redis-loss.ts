import type { Scenario } from '../scenario.ts';

export const redisLoss: Scenario = {
  name: 'redis-loss',
  hypothesis:
    'Redis only makes things faster: without it, and with an empty one after it, every answer ' +
    'is the same and no call waits longer than a second.',
  breaks: 'the Redis of one region is killed and stays away for 8 s',
  steps: ['kill Redis', 'wait 8 s', 'start it again'],
  abortConditions: [],
  affected: 'none',
  healthy: 'all',
  limits: { noErrors: true, collateralMs: 1_000 },
  notTested: ['a Redis that hangs instead of being gone', 'a Redis with wrong values in it'],
  async run(drill) {
    const { region, faults } = drill;
    drill.mark('injected', `Redis of ${region} is gone`, { region });
    await faults.stop(`${region}/redis`);
    await drill.pause(8_000);
    await faults.start(`${region}/redis`);
    drill.mark('healed', `Redis of ${region} runs again`, { region });
  },
};
