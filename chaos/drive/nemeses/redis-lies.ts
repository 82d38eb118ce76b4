import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { transferIdOf } from '../../../ledger/core/transfer-id.ts';
import { memberOf } from '../../../ledger/keys/ids-command.ts';
import { profiles } from '../installation/installation.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { needsRedis } from './needs.ts';
import type { Nemesis } from './nemesis.ts';
import { askRedis, idSets, redisOf } from './redis.ts';
import { aLeader, ownRandom } from './targets.ts';

/** A Redis that contains outdated or wrong data (N30). */

/** Maximum number of values for each set at a time. */
const VALUES_MOST = 20_000;

const common = {
  place: 'N30',
  profiles,
  alone: false,
  whyNot: (installation) => Promise.resolve(needsRedis(installation)),
} as const satisfies Partial<Nemesis>;

export const redisPast: Nemesis = {
  ...common,
  name: 'redis-past',
  description: 'a Redis dies and returns with its data of some seconds before',
  lastsMs: [5_000, 12_000],
  aim: (scene) => {
    const { process, url } = redisOf(scene.installation, aLeader(scene).region);
    const afterMs = scene.random.between(1_000, 4_000);
    let saved: string | undefined;
    const begin = async ({ faults, goOn, pause }: Breaking) => {
      saved = await askRedis(url, save);
      goOn(async () => {
        await pause(afterMs);
        await faults.signal(process, 'SIGKILL');
      });
    };
    // It would restore this file at its next start too.
    const finish = async () => {
      if (saved !== undefined) await rm(saved, { force: true });
    };
    // See redis-lost: Redis decides nothing, and without it calls are answered.
    return Promise.resolve(strikeWith(scene, { targets: [process], harms: [], begin, finish }));
  },
};

/** Saves the data of a Redis to disk; returns the path of the file. */
async function save(redis: Redis): Promise<string> {
  await redis.save();
  const [, dir = ''] = await configured(redis, 'dir');
  const [, name = ''] = await configured(redis, 'dbfilename');
  if (dir === '' || name === '') throw new Error('Redis does not report where its file is');
  return join(dir, name);
}

async function configured(redis: Redis, name: string): Promise<string[]> {
  const answer: unknown = await redis.config('GET', name);
  return Array.isArray(answer) ? answer.map(String) : [];
}

/** Kinds of wrong data, with their weights. */
const LIES = { forgotten: 3, exchanged: 2, invented: 2, kinds: 1 } as const;

export const redisLies: Nemesis = {
  ...common,
  name: 'redis-lies',
  description:
    'a Redis forgets, swaps or invents keys while the leader that remembers them is killed; ' +
    'or it holds values of other kinds',
  lastsMs: [3_000, 10_000],
  aim: (scene) => {
    const leader = aLeader(scene);
    const { ledger } = leader.processes;
    const { process, url } = redisOf(scene.installation, leader.region);
    const how = scene.random.weighted(LIES) ?? 'forgotten';
    const kills = how !== 'kinds';
    const random = ownRandom(scene.random);
    const lie = () => askRedis(url, (redis) => lies[how](redis, random));
    const begin = async ({ faults, goOn, pause }: Breaking) => {
      scene.report(`${process}: ${how}`);
      await lie();
      if (kills) await faults.signal(ledger, 'SIGKILL');
      goOn(async () => {
        for (;;) {
          await pause(random.between(200, 1_000));
          await lie();
        }
      });
    };
    const finish = () =>
      askRedis(url, async (redis) => {
        for (const name of await idSets(redis)) await redis.unlink(name);
      });
    return Promise.resolve(
      strikeWith(scene, {
        targets: kills ? [process, ledger] : [process],
        // Wrong data touch no call, see redis-lost. The kill of a leader does.
        harms: kills ? [{ book: leader.book }] : [],
        begin,
        finish,
      }),
    );
  },
};

type Lie = (redis: Redis, random: Random) => Promise<void>;

const lies: Readonly<Record<keyof typeof LIES, Lie>> = {
  forgotten: async (redis) => {
    for (const name of await setsOf(redis)) {
      const [first, ...rest] = await redis.srandmemberBuffer(name, VALUES_MOST / 2);
      if (first !== undefined) await redis.srem(name, first, ...rest);
    }
  },
  // Each set gets the ids of the next one, which is another generation or another book.
  exchanged: async (redis) => {
    const names = await setsOf(redis);
    const members: Buffer[][] = [];
    for (const name of names) members.push(await redis.srandmemberBuffer(name, VALUES_MOST));
    for (const [index, name] of names.entries()) {
      const [first, ...rest] = members[(index + 1) % names.length] ?? [];
      await redis.unlink(name);
      if (first !== undefined) await redis.sadd(name, first, ...rest);
    }
  },
  invented: async (redis, random) => {
    for (const name of await setsOf(redis)) await redis.sadd(name, ...invented(random));
  },
  kinds: async (redis) => {
    for (const name of await idSets(redis)) await redis.set(name, 'no set');
  },
};

async function setsOf(redis: Redis): Promise<string[]> {
  const found: string[] = [];
  for (const name of await idSets(redis)) {
    if ((await redis.type(name)) === 'set') found.push(name);
  }
  return found;
}

/** Ids that were never used, texts that are no ids, and a large one. */
function invented(random: Random): (string | Buffer)[] {
  const ids = Array.from({ length: 1_000 }, (_, index) =>
    memberOf(transferIdOf('invented', `${random.below(1_000_000)} ${index}`)),
  );
  return [...ids, '', '\u0000\u0001', '{"reason":0}', 'x'.repeat(1_000_000)];
}
