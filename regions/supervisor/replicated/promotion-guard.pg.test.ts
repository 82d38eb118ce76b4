import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { connect, type Sql } from '../../../ledger/store/postgres/connect.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { testFolder } from '../../testing/folder.ts';
import { configure, follow, ReplicatedPair } from '../../testing/replicated-pair.ts';
import { nearbyTopology, whyNotReplicated } from '../../testing/replicated-profile.ts';
import { describeReplicated, type MemberLayout } from '../../topology/replicated-layout.ts';
import { findPrograms } from './packages.ts';
import { promotionGuard } from './promotion-guard.ts';

/** The promotion guard, run against real servers: an old leader, a candidate and its witness. */

let pair: ReplicatedPair;
afterEach(({ task }) => pair.stop(task.result?.state === 'fail'));

function connectTo(url: string): Sql {
  const sql = connect(url, 1);
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

/** Answers as the Patroni of a standby does; resolves to its port. */
async function statusOf(standby: Sql): Promise<number> {
  const server = createServer((_, reply) => {
    void standby<{ received: string; replayed: string }[]>`
      SELECT coalesce(pg_last_wal_receive_lsn() - '0/0', 0) AS received,
             pg_last_wal_replay_lsn() - '0/0' AS replayed`.then(([row]) =>
      reply.end(
        JSON.stringify({
          xlog: {
            received_location: Number(row?.received),
            replayed_location: Number(row?.replayed),
          },
        }),
      ),
    );
  });
  const port = await findFreeBase(1);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return port;
}

/** Runs the guard of the third server, whose only other member is the second; its exit code. */
async function runGuard(patroni: number): Promise<number> {
  const runDir = testFolder();
  writeFileSync(join(runDir, 'guard.pgpass'), '*:*:*:postgres:test-owner\n', { mode: 0o600 });
  const described = describeReplicated(nearbyTopology, 20_000);
  const memberOf = (name: string, postgres: number): MemberLayout => {
    const ports = { postgres, patroni, ledger: 0 };
    return { book: 1, bookName: 'book', home: 'eu-west', region: 'eu-west', name, ports };
  };
  const member = memberOf('third', pair.third.port);
  const regions = [member, memberOf('second', pair.second.port)].map((one, index) => ({
    ...must(described.regions[index], 'there are three regions'),
    host: '127.0.0.1',
    members: [one],
  }));
  const script = promotionGuard({
    layout: { ...described, regions },
    member,
    ...findPrograms(),
    runDir,
  });
  // These servers have no Unix socket.
  const env = { ...process.env, PGHOSTADDR: '127.0.0.1' };
  const guard = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(guard, 'exit');
  return code;
}

/** How far a standby is in bytes. */
async function positionOf(standby: Sql, which: 'receive' | 'replay'): Promise<number> {
  const [row] = await standby<{ at: string }[]>`
    SELECT ${standby.unsafe(`pg_last_wal_${which}_lsn()`)} - '0/0' AS at`;
  return Number(row?.at);
}

/** How far the first is in bytes. */
async function end(): Promise<number> {
  const [row] = await pair.admin<{ at: string }[]>`
    SELECT pg_current_wal_flush_lsn() - '0/0' AS at`;
  return Number(row?.at);
}

/** Keeps the replay on a standby from passing the next change of a table's columns. */
async function holdUp(url: string, table: string): Promise<() => Promise<void>> {
  const reader = connectTo(url);
  await reader`BEGIN`;
  await reader`SELECT FROM ${reader(table)}`;
  return async () => {
    await reader`COMMIT`;
  };
}

/**
 * The second has acknowledged a commit that the third does not have. Its replay waits before that
 * commit, and its connection to the first was closed at the end of a segment, with what it had
 * received not replayed: so it reports to the third that it is no further than the third.
 */
test.skipIf(whyNotReplicated() !== '')(
  'a witness with unreplayed WAL that the candidate lacks does not let it be promoted',
  async () => {
    pair = await ReplicatedPair.start();
    const { name, second } = await pair.newBook();
    const leader = connectTo(pair.first.urls(name).adminUrl);
    const witness = connectTo(second.adminUrl);
    const candidate = connectTo(pair.third.urls('postgres').adminUrl);
    // One record at a time, so that the end of a segment is reached after the change of the leader.
    await configure(pair.second, { max_standby_streaming_delay: '-1', recovery_prefetch: 'off' });
    await follow(pair.third, 'third', pair.first);
    await leader`CREATE TABLE held_up ()`;
    await leader`CREATE TABLE held_up_later ()`;
    const created = await end();
    await expect.poll(() => positionOf(witness, 'replay')).toBeGreaterThanOrEqual(created);
    const release = await holdUp(second.adminUrl, 'held_up');
    const releaseLater = await holdUp(second.adminUrl, 'held_up_later');

    await leader`ALTER TABLE held_up ADD COLUMN more int`;
    await leader`SELECT pg_switch_wal()`;
    await leader`CREATE TABLE everybody_has_it ()`;
    const written = await end();
    await expect.poll(() => positionOf(candidate, 'replay')).toBeGreaterThanOrEqual(written);
    await follow(pair.third, 'third', undefined);
    await expect.poll(() => candidate`SELECT FROM pg_stat_wal_receiver`).toHaveLength(0);
    const shared = await positionOf(candidate, 'receive');
    // Acknowledged by the second, and by it alone.
    await leader`ALTER TABLE held_up_later ADD COLUMN more int`;
    await follow(pair.second, 'second', pair.third);
    await release();
    const streaming = () => candidate`
      SELECT FROM pg_stat_replication
       WHERE application_name = 'second' AND state = 'streaming' AND replay_lsn >= flush_lsn
         AND flush_lsn <= pg_last_wal_receive_lsn()`;
    await expect.poll(streaming).toHaveLength(1);
    expect(await positionOf(witness, 'receive')).toBeGreaterThan(shared);
    expect(await positionOf(candidate, 'receive')).toBe(shared);

    const patroni = await statusOf(witness);
    expect(await runGuard(patroni)).toBe(1);

    // Once the candidate has it too, the same witness lets it pass.
    await releaseLater();
    await follow(pair.third, 'third', pair.first);
    const all = await end();
    await expect.poll(() => positionOf(candidate, 'replay')).toBeGreaterThanOrEqual(all);
    expect(await runGuard(patroni)).toBe(0);
  },
  120_000,
);
