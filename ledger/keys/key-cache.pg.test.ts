import { randomUUID } from 'node:crypto';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { ledgerTuning } from '../ledger-tuning.ts';
import { redisClient, SILENT } from '../testing/database/leading.ts';
import { memberOf } from './ids-command.ts';
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
  const tuning = { ...ledgerTuning, redisTimeoutMs: 20_000 };
  const keys = new KeyCache(inject('servers').redisUrl, instance, SILENT, tuning);
  onTestFinished(() => {
    keys.close();
    monitor.disconnect();
    redis.disconnect();
  });
  await expect.poll(() => keys.up).toBe(true);
  const ids = Array.from({ length: 40 }, () => randomUUID());
  // The bytes of this one look like the end of a line.
  ids.push('0d0a0d0a-0d0a-7d0a-8d0a-0d0a0d0a0d0a');
  // The expiry is put off when a second has passed, which it must not here.
  const clock = vi.spyOn(performance, 'now').mockReturnValue(1_000_000);
  onTestFinished(() => clock.mockRestore());
  for (const id of ids) keys.add([id]);
  await expect.poll(async () => (await keys.known(ids))?.size).toBe(ids.length);
  await expect.poll(() => commands).toContain('expire');
  const stored = await redis.smembersBuffer(`meridian:ids:{${instance}}:a`);
  expect(stored.map((member) => member.toString('hex')).toSorted()).toEqual(
    ids.map((id) => memberOf(id).toString('hex')).toSorted(),
  );
  keys.add([randomUUID()]);
  await expect.poll(() => commands.filter((name) => name === 'sadd')).toHaveLength(2);
  expect(commands.filter((name) => name === 'sadd' || name === 'expire')).toEqual([
    'sadd',
    'expire',
    'sadd',
  ]);
});
