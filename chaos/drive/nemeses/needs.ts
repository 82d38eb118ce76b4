import { spawnSync } from 'node:child_process';
import { findProgram } from '../../../regions/processes/environment.ts';
import { copiesBeside, type Installation } from '../installation/installation.ts';

/**
 * Requirements of nemeses that some machines lack: each function returns a sentence, '' if it is
 * met.
 */

export function needsOwn({ own }: Installation): string {
  return own === undefined ? 'it needs an installation that was started for the run' : '';
}

/** For faults of a whole Postgres that must concern one book only. */
export function needsOwnPostgres(installation: Installation): string {
  const alone = installation.copies.every((copy) => copiesBeside(installation, copy).length === 1);
  return alone ? '' : 'it needs a Postgres for each book, and some share one';
}

export function needsRedis(installation: Installation): string {
  const all = installation.state().regions.every(({ redisUrl }) => redisUrl !== undefined);
  return all ? '' : 'there is no Redis; install redis-server';
}

export function needsRoot(what: string): string {
  return process.getuid?.() === 0 ? '' : `it needs root to ${what}`;
}

export function needsPrograms(...names: readonly string[]): string {
  const missing = names.filter((name) => findProgram(name) === undefined);
  return missing.length === 0 ? '' : `it needs ${missing.join(' and ')}, which is not installed`;
}

/** Containers often have no loop devices, even with the programs installed. */
export function needsLoopDevice(): string {
  const asked = spawnSync('losetup', ['--find'], { encoding: 'utf8' });
  return asked.status === 0 ? '' : `there is no loop device: ${asked.stderr.trim()}`;
}

/** Containers often forbid tracing. */
export function needsTracing(): string {
  const traced = ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO', 'true'];
  const asked = spawnSync('strace', traced, { encoding: 'utf8' });
  return asked.status === 0 ? '' : `strace may not trace here: ${asked.stderr.trim()}`;
}
