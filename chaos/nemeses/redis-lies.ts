import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { profiles } from '../installation/installation.ts';
import type { SeededRandom } from '../random.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { needsRedis } from './needs.ts';
import type { Nemesis } from './nemesis.ts';
import { askRedis, keyHashes, redisOf } from './redis.ts';
import { aLeader, ownRandom } from './targets.ts';

/** A Redis that says what is not so, any more or at all (N30). */

/** Of each hash, at most, in one go. */
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
  says: 'a Redis dies and comes back as it was some seconds before',
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
    // It would come back so at its next start too.
    const finish = async () => {
      if (saved !== undefined) await rm(saved, { force: true });
    };
    // See redis-lost: what Redis knows decides nothing, and without it calls are answered.
    return Promise.resolve(strikeWith(scene, { targets: [process], harms: [], begin, finish }));
  },
};

/** Writes all that it has to its disk; gives the file. */
async function save(redis: Redis): Promise<string> {
  await redis.save();
  const [, dir = ''] = await configured(redis, 'dir');
  const [, name = ''] = await configured(redis, 'dbfilename');
  if (dir === '' || name === '') throw new Error('Redis does not say where its file is');
  return join(dir, name);
}

async function configured(redis: Redis, name: string): Promise<string[]> {
  const answer: unknown = await redis.config('GET', name);
  return Array.isArray(answer) ? answer.map(String) : [];
}

export const redisLies: Nemesis = {
  ...common,
  name: 'redis-lies',
  says:
    'a Redis has other outcomes than the journal, as values of an earlier leader, and the leader ' +
    'that might know better is killed; or it has garbage',
  lastsMs: [3_000, 10_000],
  aim: (scene) => {
    const leader = aLeader(scene);
    const { ledger } = leader.processes;
    const { process, url } = redisOf(scene.installation, leader.region);
    const how = scene.random.weighted({ outcomes: 4, garbage: 1, kinds: 1 }) ?? 'outcomes';
    const kills = how === 'outcomes';
    const random = ownRandom(scene.random);
    const lie = () =>
      askRedis(url, (redis) => {
        if (how === 'kinds') return spoilKinds(redis);
        return falsify(redis, how === 'outcomes' ? otherOutcome : () => garbage(random));
      });
    const begin = async ({ faults, goOn, pause }: Breaking) => {
      scene.tell(`${process}: ${how}`);
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
        for (const name of await keyHashes(redis)) await redis.unlink(name);
      });
    return Promise.resolve(
      strikeWith(scene, {
        targets: kills ? [process, ledger] : [process],
        // The lies themselves touch no call, see redis-lost. A leader that is killed does.
        harms: kills ? [{ book: leader.book }] : [],
        begin,
        finish,
      }),
    );
  },
};

/** Every value is replaced by what `other` makes of it; undefined: left as it is. */
async function falsify(redis: Redis, other: (value: string) => string | undefined): Promise<void> {
  for (const name of await keyHashes(redis)) {
    if ((await redis.type(name)) !== 'hash') continue;
    let cursor = '0';
    let seen = 0;
    do {
      const [next, pairs] = await redis.hscan(name, cursor, 'COUNT', 1_000);
      cursor = next;
      seen += pairs.length / 2;
      const changed: string[] = [];
      for (let at = 0; at < pairs.length; at += 2) {
        const value = other(pairs[at + 1] ?? '');
        if (value !== undefined) changed.push(pairs[at] ?? '', value);
      }
      if (changed.length > 0) await redis.hset(name, ...changed);
    } while (cursor !== '0' && seen < VALUES_MOST);
  }
}

/** No leader makes this token: one has eight letters. */
const FOREIGN_TOKEN = 'earlier-leader';

/**
 * The opposite outcome, as if another leader had written it: as after a take-over whose loser had
 * told Redis of what was never committed. A value of the leader itself is never false, for it
 * tells Redis what it has committed and nobody else knows its token.
 */
function otherOutcome(value: string): string | undefined {
  const [token, reason, epoch, seq, ...rest] = value.split(' ');
  if (token === FOREIGN_TOKEN || seq === undefined) return undefined;
  const posted = reason === String(Reason.UNSPECIFIED);
  const other = posted ? Reason.INSUFFICIENT_FUNDS : Reason.UNSPECIFIED;
  return [FOREIGN_TOKEN, other, epoch, Number(seq) + 1, ...rest].join(' ');
}

function garbage(random: SeededRandom): string {
  const texts = ['', ' ', '\u0000\u0001', '{"reason":0}', '-1 -1 -1', 'x'.repeat(10_000)];
  return random.pick(texts);
}

/** What should be a hash is something else. */
async function spoilKinds(redis: Redis): Promise<void> {
  for (const name of await keyHashes(redis)) await redis.set(name, 'no hash');
}
