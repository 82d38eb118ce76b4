import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs';
import { rmdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../processes/atomic-file.ts';
import {
  dataMarker,
  isDataDir,
  isMarkerFile,
  markDataDir,
  regionFolders,
} from './topology-record.ts';
import type { RegionName } from './topology.ts';

/**
 * The folder that holds all data of one cluster:
 *
 *   meridian-data.json   marks the folder as ours, without which nothing is ever deleted, and
 *                        records the topology of the data (see topology-record.ts)
 *   cluster.json         the running cluster (see state.ts)
 *   auditor.pgpass       the passwords of auditors, for psql (see passfile.ts)
 *   run/  logs/          a pid file and a log per process
 *   pki/                 the certificate authority (see regions/pki/)
 *   policy.yaml          who may do what (see regions/policy/)
 *   REGION/              secrets.json, postgres/, redis/
 */

const startLock = 'start.lock';
const ourEntries = [
  'logs',
  'run',
  'pki',
  'policy.yaml',
  'cluster.json',
  'replicated-secrets.json',
  'auditor.pgpass',
];

export interface DataPaths {
  readonly root: string;
  readonly run: string;
  readonly logs: string;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Rewords an error about permissions so that a user can act on it; others pass unchanged. */
export function explainAccess(error: unknown, path: string): Error {
  if (['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error))) {
    return new Error(
      `this user may not use the data folder ${path}: it belongs to another user, ` +
        'or is read-only; choose another one with --data',
      { cause: error },
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** The true path of the folder, which need not exist: Postgres is recognised by it. */
export function canonicalPath(path: string): string {
  const full = resolve(path);
  try {
    return realpathSync(full);
  } catch {
    const parent = dirname(full);
    return parent === full ? full : join(canonicalPath(parent), basename(full));
  }
}

/** Node's own recursive mkdir never ends below a folder that takes none, such as /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o711 });
  } catch (error) {
    // Another start was first.
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/**
 * Makes the data folder if there is none. Throws when the path is a file, when the folder holds
 * something other than our data, or when this user may not write there.
 */
export function openDataDir(path: string): DataPaths {
  const root = canonicalPath(path);
  try {
    // Others may pass through but not list: Postgres may run as another user below it.
    makeFolder(root);
    if (!statSync(root).isDirectory()) throw new Error(`${root} is not a folder`);
    if (!isDataDir(root)) {
      const foreign = readdirSync(root).filter((name) => !isMarkerFile(name));
      if (foreign.length > 0) {
        throw new Error(
          `${root} holds files that are not Meridian's (${foreign.slice(0, 3).join(', ')}); ` +
            'choose an empty or a new folder with --data',
        );
      }
      markDataDir(root);
    }
    const paths = { root, run: join(root, 'run'), logs: join(root, 'logs') };
    mkdirSync(paths.run, { recursive: true, mode: 0o700 });
    mkdirSync(paths.logs, { recursive: true, mode: 0o700 });
    return paths;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new Error(`${root} cannot be created; choose another one with --data`, {
        cause: error,
      });
    }
    if (errorCode(error) === 'EEXIST' || errorCode(error) === 'ENOTDIR') {
      throw new Error(`${root} is not a folder; choose another one with --data`, { cause: error });
    }
    throw explainAccess(error, root);
  }
}

/**
 * Runs `work` while no other process of this user starts, or removes, the cluster in `root`.
 * The lock is held only briefly; a holder that was killed delays the next one by up to 5 s.
 */
export async function withStartLock<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    // Without this the lock would be retried for a minute, as though another process held it.
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw explainAccess(error, root);
  }
  const { lock } = await import('proper-lockfile');
  const release = await lock(root, {
    lockfilePath: join(root, startLock),
    stale: 5_000,
    update: 1_000,
    retries: { retries: 600, minTimeout: 100, maxTimeout: 100, factor: 1 },
  }).catch((error: unknown) => {
    throw explainAccess(error, root);
  });
  try {
    return await work();
  } finally {
    await release();
  }
}

const password = () => randomBytes(24).toString('base64url');

const secrets = z.object({
  postgres: z.string().min(1),
  ledger: z.string().min(1),
  auditor: z.string().min(1),
  redis: z.string().min(1),
});
export type Secrets = z.infer<typeof secrets>;

/**
 * The generated passwords of a region, made at the first call. Throws when they were lost but
 * the database is still there: no one could log in to it.
 */
export function regionSecrets(root: string, region: RegionName): Secrets {
  const folder = join(root, region);
  const path = join(folder, 'secrets.json');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    if (existsSync(path)) return secrets.parse(JSON.parse(readFileSync(path, 'utf8')));
    if (existsSync(join(folder, 'postgres'))) {
      throw new Error(`${path} is missing, so the database next to it cannot be opened`);
    }
    const made = {
      postgres: password(),
      ledger: password(),
      auditor: password(),
      redis: password(),
    };
    writeFileAtomic(path, `${JSON.stringify(made, undefined, 2)}\n`);
    return made;
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) {
      throw new Error(`${path} is damaged: restore it, or start again with --fresh`, {
        cause: error,
      });
    }
    throw explainAccess(error, root);
  }
}

/** Deletes what is ours in the folder, the marker last, and the folder itself if it is empty. */
export function deleteOwnEntries(root: string): void {
  try {
    for (const name of [...regionFolders(root), ...ourEntries]) {
      rmSync(join(root, name), { recursive: true, force: true, maxRetries: 5 });
    }
    rmSync(join(root, dataMarker), { force: true });
  } catch (error) {
    throw explainAccess(error, root);
  }
}

/** Removes the folder when nothing is left in it. */
export function removeIfEmpty(root: string): void {
  try {
    rmdirSync(root);
  } catch {
    // It holds files of the user's, or is a mount point: both stay.
  }
}
