import postgres from 'postgres';
import { acknowledgedWithin, type Drill, type Scenario, standbysOf } from '../scenario.ts';

const CANCEL_FOR_MS = 4_000;

export const cancelledSyncWait: Scenario = {
  name: 'cancelled-sync-wait',
  hypothesis:
    'A commit whose wait for a second region is cancelled by hand is not acknowledged, though ' +
    'it is visible; its outcome is reported only when a second region has it.',
  breaks:
    "both standbys of one book are frozen, so that its commits wait; the leader's waiting " +
    'backends are cancelled with pg_cancel_backend',
  steps: [
    'freeze the Postgres of both standbys of a book of the region',
    'wait until a commit waits for a second region',
    'cancel every such wait for 4 s',
    'thaw the standbys',
  ],
  abortConditions: [],
  affected: 'target',
  healthy: 'others',
  limits: { rtoMs: 30_000, collateralMs: 1_000 },
  notTested: ['pg_terminate_backend and the crash of the leader in the same state'],
  async run(drill) {
    const { faults, target, clock } = drill;
    const standbys = standbysOf(drill).map((one) => `${one.region}/postgres-${one.bookName}`);
    const admin = postgres(target.adminUrl, { max: 1, connect_timeout: 5, onnotice: () => {} });
    try {
      await admin`SELECT 1`;
      drill.mark('injected', `no standby of ${target.bookName} confirms anything`);
      await Promise.all(standbys.map((name) => faults.signal(name, 'SIGSTOP')));
      const waits = await drill.until(async () => (await waiting(admin)).length > 0, 10_000);
      // Commits that a standby had confirmed before have been answered by now.
      await drill.pause(1_000);
      const fromMs = clock.now();
      const cancelled = waits ? await cancelFor(drill, admin) : 0;
      const toMs = clock.now();
      const given = acknowledgedWithin(drill, [target.book], fromMs, toMs);
      drill.mark('other', `${cancelled} waits were cancelled`, { book: target.bookName });
      drill.check({
        name: 'commits that waited were cancelled',
        limit: 'at least 1',
        measured: String(cancelled),
        result: cancelled > 0 ? 'pass' : 'unknown',
      });
      drill.check({
        name: 'no cancelled wait is acknowledged',
        limit: '0',
        measured: `${given} in ${((toMs - fromMs) / 1_000).toFixed(1)} s`,
        result: given === 0 ? 'pass' : 'fail',
      });
    } finally {
      await admin.end({ timeout: 1 });
    }
    await Promise.all(standbys.map((name) => faults.signal(name, 'SIGCONT')));
    drill.mark('healed', `the standbys of ${target.bookName} run again`);
  },
};

/** Backends of the ledger whose commit waits for a second region. */
async function waiting(admin: postgres.Sql): Promise<number[]> {
  const rows = await admin<{ pid: number }[]>`
    SELECT pid FROM pg_stat_activity
     WHERE wait_event = 'SyncRep' AND usename = 'meridian_ledger'`;
  return rows.map(({ pid }) => pid);
}

/** Cancels every wait, again and again. Returns the number of backends that were cancelled. */
async function cancelFor(drill: Drill, admin: postgres.Sql): Promise<number> {
  const cancelled = new Set<number>();
  const until = drill.clock.now() + CANCEL_FOR_MS;
  while (drill.clock.now() < until) {
    for (const pid of await waiting(admin)) {
      await admin`SELECT pg_cancel_backend(${pid})`;
      cancelled.add(pid);
    }
    await drill.pause(100);
  }
  return cancelled.size;
}
