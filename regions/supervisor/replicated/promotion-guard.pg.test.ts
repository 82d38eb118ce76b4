import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
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

function connectTo(url: string): Sql {
  const sql = connect(url, 1);
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

/** Starts the servers: the first leads a book, and the second copies it; the third is to follow. */
async function startMembers() {
  pair = await ReplicatedPair.start();
  onTestFinished(({ task }) => pair.stop(task.result?.state === 'fail'));
  const { name, second } = await pair.newBook();
  return {
    leader: connectTo(pair.first.urls(name).adminUrl),
    witness: connectTo(second.adminUrl),
    witnessUrl: second.adminUrl,
    candidate: connectTo(pair.third.urls('postgres').adminUrl),
  };
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

/** Where a candidate and its only other member answer. */
interface Ports {
  readonly candidate: number;
  readonly other: number;
  /** That of the Patroni of both. */
  readonly patroni: number;
}

/** Starts the guard of a candidate. */
function startGuard(runDir: string, { candidate, other, patroni }: Ports) {
  writeFileSync(join(runDir, 'guard.pgpass'), '*:*:*:postgres:test-owner\n', { mode: 0o600 });
  const described = describeReplicated(nearbyTopology, 20_000);
  const memberOf = (name: string, postgres: number): MemberLayout => {
    const ports = { postgres, patroni, ledger: 0 };
    return { book: 1, bookName: 'book', home: 'eu-west', region: 'eu-west', name, ports };
  };
  const member = memberOf('third', candidate);
  const regions = [member, memberOf('second', other)].map((one, index) => ({
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
  return spawn('sh', ['-c', script], { env, stdio: 'ignore' });
}

/** Runs the guard of the third server, whose only other member is the second; its exit code. */
async function runGuard(patroni: number): Promise<number> {
  const ports = { candidate: pair.third.port, other: pair.second.port, patroni };
  const [code] = await once(startGuard(testFolder(), ports), 'exit');
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
    const { leader, witness, witnessUrl, candidate } = await startMembers();
    // One record at a time, so that the end of a segment is reached after the change of the leader.
    await configure(pair.second, { max_standby_streaming_delay: '-1', recovery_prefetch: 'off' });
    await follow(pair.third, 'third', pair.first);
    await leader`CREATE TABLE held_up ()`;
    await leader`CREATE TABLE held_up_later ()`;
    const created = await end();
    await expect.poll(() => positionOf(witness, 'replay')).toBeGreaterThanOrEqual(created);
    const release = await holdUp(witnessUrl, 'held_up');
    const releaseLater = await holdUp(witnessUrl, 'held_up_later');

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
       WHERE application_name = 'second' AND state = 'streaming'
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

/** What the walwriter has sent of a record ends with a page, if nothing asks for its end. */
test.skipIf(whyNotReplicated() !== '')(
  'half a record, which no member can replay, keeps none of them from being promoted',
  async () => {
    const { leader, witness, candidate } = await startMembers();
    await follow(pair.third, 'third', pair.first);
    const written = await end();
    await expect.poll(() => positionOf(candidate, 'replay')).toBeGreaterThanOrEqual(written);
    await leader`BEGIN`;
    await leader`SELECT pg_logical_emit_message(false, 'long', repeat('a', 100000))`;
    await expect.poll(() => positionOf(candidate, 'receive')).toBeGreaterThan(written + 90_000);
    const half = await positionOf(candidate, 'receive');
    await expect.poll(() => positionOf(witness, 'receive')).toBe(half);
    await follow(pair.third, 'third', undefined);
    await follow(pair.second, 'second', pair.third);
    await expect
      .poll(() => candidate`SELECT FROM pg_stat_replication WHERE state = 'streaming'`)
      .toHaveLength(1);
    expect(await positionOf(candidate, 'receive')).toBe(half);
    expect(await positionOf(candidate, 'replay')).toBeLessThan(half);
    expect(await runGuard(await statusOf(witness))).toBe(0);
    await leader`ROLLBACK`;
  },
  120_000,
);

test.skipIf(whyNotReplicated() !== '')(
  'an accepted loss counts once, also during the wait, and not if it is old',
  async () => {
    const runDir = testFolder();
    const consent = join(runDir, 'accept-loss');
    // No server answers, so no other member follows.
    const port = await findFreeBase(1);
    const start = () => startGuard(runDir, { candidate: port, other: port, patroni: port });
    const run = async () => {
      const [code] = await once(start(), 'exit');
      return code;
    };
    writeFileSync(consent, '');
    expect(await run()).toBe(0);
    expect(await run()).toBe(1);
    writeFileSync(consent, '');
    const threeMinutesAgo = Date.now() / 1_000 - 180;
    utimesSync(consent, threeMinutesAgo, threeMinutesAgo);
    expect(await run()).toBe(1);
    const waiting = start();
    const exit = once(waiting, 'exit');
    await sleep(1_000);
    writeFileSync(consent, '');
    expect(await exit).toEqual([0, null]);
  },
  60_000,
);
