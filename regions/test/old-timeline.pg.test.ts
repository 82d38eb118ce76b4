import { appendFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { connect } from '../../ledger/store/connect.ts';
import { ReplicatedPair, setStandbys } from './replicated-pair.ts';

/**
 * A deposed leader that has more than its successor and follows it without a rewind. Postgres asks
 * for WAL from the start of a segment: where the fork is in the segment of the copy's own position,
 * the new leader serves the old timeline up to the fork, the copy reports its own position, and the
 * new leader takes that for a flush of its own WAL. What Postgres does is held here; that a copy
 * must be rewound before it connects follows from it.
 */

let pair: ReplicatedPair;
let failed = false;
afterEach(async ({ task }) => {
  failed = task.result?.state === 'fail';
  await pair.stop(failed);
});

const WATCH_MS = 8_000;

test.each([
  { where: 'in the same segment, counts as a second copy', laterSegment: false, counts: true },
  { where: 'in a later segment, is refused', laterSegment: true, counts: false },
])(
  'Postgres: a copy beyond the fork, $where',
  async ({ laterSegment, counts }) => {
    pair = await ReplicatedPair.start();
    await pair.admin`SELECT pg_switch_wal()`;
    // Waits for the second, which is then in the new segment too.
    await pair.admin`CREATE TABLE before_the_fork ()`;
    await pair.second.process.stop('SIGTERM');
    await setStandbys(pair.admin, '');
    await pair.admin`CREATE TABLE beyond_the_fork AS SELECT repeat('x', 100) FROM generate_series(1, 20000)`;
    if (laterSegment) await pair.admin`SELECT pg_switch_wal()`;
    await pair.admin`INSERT INTO beyond_the_fork SELECT 'y' FROM generate_series(1, 1000)`;
    await pair.first.process.stop('SIGQUIT');

    await pair.second.process.start();
    const admin = connect(pair.second.adminUrl, 3);
    await admin`SELECT pg_promote()`;
    await setStandbys(admin, 'ANY 1 ("first")');
    const url = new URL(pair.second.adminUrl);
    const login = `host=127.0.0.1 port=${url.port} user=postgres password=${url.password}`;
    appendFileSync(
      pair.fileOf('first', 'postgresql.auto.conf'),
      `primary_conninfo = '${login} application_name=first'\nwal_retrieve_retry_interval = 100\n` +
        `wal_receiver_status_interval = 1\nsynchronous_standby_names = ''\n`,
    );
    writeFileSync(pair.fileOf('first', 'standby.signal'), '');
    await pair.first.process.start();

    let acknowledged = false;
    const writing = admin`CREATE TABLE acknowledged ()`.then(
      () => (acknowledged = true),
      () => undefined,
    );
    for (const until = performance.now() + WATCH_MS; performance.now() < until;) {
      if (acknowledged) break;
      await sleep(50);
    }
    const answer = acknowledged;
    await admin.end({ timeout: 1 });
    await writing;
    expect(answer).toBe(counts);
  },
  90_000,
);
