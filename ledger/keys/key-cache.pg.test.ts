import { randomUUID } from 'node:crypto';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { redisClient, SILENT } from '../testing/database/leading.ts';
import { KeyCache } from './key-cache.ts';

const withRedis = inject('servers').redisUrl !== '';

test.skipIf(!withRedis)('ids of small batches go to Redis together, with one expiry', async () => {
  const instance = randomUUID();
  const redis = redisClient();
  const monitor = await redis.monitor();
  const commands: string[] = [];
  monitor.on('monitor', (_time, [name, key]: string[]) => {
    if (key?.includes(instance) === true) commands.push(String(name).toLowerCase());
  });
  const keys = new KeyCache(inject('servers').redisUrl, instance, SILENT);
  onTestFinished(() => {
    keys.close();
    monitor.disconnect();
    redis.disconnect();
  });
  await vi.waitUntil(() => keys.up);
  const ids = Array.from({ length: 40 }, () => randomUUID());
  for (const id of ids) keys.add([id]);
  await vi.waitUntil(async () => (await keys.known(ids))?.size === ids.length);
  await vi.waitUntil(() => commands.includes('expire'));
  keys.add([randomUUID()]);
  await vi.waitUntil(() => commands.filter((name) => name === 'sadd').length === 2);
  expect(commands.filter((name) => name === 'sadd' || name === 'expire')).toEqual([
    'sadd',
    'expire',
    'sadd',
  ]);
});
