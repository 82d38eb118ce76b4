import { chownSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { writeFileAtomic } from '../processes/atomic-file.ts';
import type { OperatedInstallation } from './operated-installation.ts';
import type { Member } from './member.ts';
import type { Recorder } from './change-recorder.ts';
import { until } from './within.ts';

/** Replicas reconnect within wal_retrieve_retry_interval and a timeout of five seconds. */
const FOLLOWING_MS = 10_000;
const POLL_MS = 100;

/**
 * Makes a copy follow the candidate before the candidate leads, and runs `work` meanwhile. A new
 * leader is promoted, and can commit, only once another copy streams from it; over the longest
 * link connecting takes more than a second, in which writes would pause.
 *
 * Patroni's name for this is the tag `replicatefrom`, in the copy's own configuration. Without
 * access to that file, the change only takes a little longer.
 */
export async function whileFollowing<T>(
  installation: OperatedInstallation,
  copy: Member | undefined,
  candidate: Member,
  recorder: Recorder,
  work: () => Promise<T>,
): Promise<T> {
  const path = copy && configOf(installation, copy);
  if (copy === undefined || path === undefined) return work();
  recorder.step(`letting ${copy.state.region} follow ${candidate.state.region} before the change`);
  try {
    await replicateFrom(copy, path, candidate.state.name);
    await until('the change of its source', FOLLOWING_MS, () => follows(copy, candidate), POLL_MS);
  } catch (error) {
    recorder.step(`it does not follow yet (${String(error)}); continuing`);
  }
  try {
    return await work();
  } finally {
    // It follows the leader again, which by now is the same one.
    await replicateFrom(copy, path, undefined).catch((error: unknown) => {
      recorder.step(`its configuration still names that copy: ${String(error)}`);
    });
  }
}

function configOf({ dataDir }: OperatedInstallation, { state }: Member): string | undefined {
  const path = join(dataDir, state.region, state.bookName, 'patroni.yaml');
  return existsSync(path) ? path : undefined;
}

async function replicateFrom(copy: Member, path: string, name: string | undefined): Promise<void> {
  const config = parseDocument(readFileSync(path, 'utf8'));
  if (name === undefined) config.deleteIn(['tags', 'replicatefrom']);
  else config.setIn(['tags', 'replicatefrom'], name);
  const { uid, gid } = statSync(path);
  writeFileAtomic(path, config.toString());
  chownSync(path, uid, gid);
  await copy.patroni.reload();
}

async function follows(copy: Member, candidate: Member): Promise<true | undefined> {
  const [row] = await candidate.database.ask(
    (sql) => sql`
      SELECT FROM pg_stat_replication
       WHERE application_name = ${copy.state.name} AND state = 'streaming'`,
  );
  return row === undefined ? undefined : true;
}
