import { profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { needsRedis } from './needs.ts';
import type { Nemesis } from './nemesis.ts';
import { askRedis, redisOf } from './redis.ts';
import { aLeader } from './targets.ts';

const PAUSE_MS = 1_000;

export const redisLost: Nemesis = {
  name: 'redis-lost',
  place: 'N29',
  description: 'the Redis of a region is killed, frozen, paused or flushed',
  profiles,
  lastsMs: [2_000, 10_000],
  alone: false,
  whyNot: (installation) => Promise.resolve(needsRedis(installation)),
  aim: (scene) => {
    const { installation, random } = scene;
    const { process, url } = redisOf(installation, aLeader(scene).region);
    const how = random.pick(['kill', 'down', 'flush', 'freeze', 'pause'] as const);
    const begin = async ({ faults, goOn, over }: Breaking) => {
      scene.report(`${process}: ${how}`);
      switch (how) {
        case 'kill':
          return faults.signal(process, 'SIGKILL');
        case 'down':
          return faults.stop(process);
        case 'freeze':
          return faults.signal(process, 'SIGSTOP');
        case 'flush':
          await askRedis(url, (redis) => redis.flushall());
          return;
        case 'pause':
          // A pause cannot be ended early, so there are many short ones.
          goOn(() =>
            askRedis(url, async (redis) => {
              while (!over.aborted) await redis.client('PAUSE', PAUSE_MS, 'ALL');
            }),
          );
      }
    };
    const finish = async () => {
      if (how === 'pause') await askRedis(url, (redis) => redis.ping());
    };
    // Redis saves time and decides nothing: a hanging one is given up after a quarter of a second,
    // and no call fails or is noticeably late.
    return Promise.resolve(strikeWith(scene, { targets: [process], harms: [], begin, finish }));
  },
};
