import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { checkout } from '../topology/layout.ts';
import type { ReplicatedState } from '../topology/state.ts';
import type { Watcher } from './watcher.ts';

const run = promisify(execFile);
const ASK_MS = 1_000;

/** The commit that runs, with "+changes" if files differ from it; '' where git is not available. */
export async function commitOf(): Promise<string> {
  try {
    const { stdout: hash } = await run('git', ['rev-parse', 'HEAD'], { cwd: checkout });
    const { stdout: changes } = await run('git', ['status', '--porcelain'], { cwd: checkout });
    return `${hash.trim()}${changes === '' ? '' : '+changes'}`;
  } catch {
    return '';
  }
}

/** Releases of all components by name; those that do not answer are left out. */
export async function versionsOf(
  { etcd }: ReplicatedState,
  watcher: Watcher,
): Promise<Record<string, string>> {
  const patroni = watcher.members().find((member) => member.patroni !== undefined)?.patroni;
  const server = patroni?.serverVersion ?? 0;
  const etcdVersion = await askEtcd(etcd[0]?.url ?? '');
  return {
    meridian: await ownVersion(),
    node: process.versions.node,
    ...(patroni === undefined ? {} : { patroni: patroni.version }),
    // 150018 is 15.18.
    ...(server === 0 ? {} : { postgres: `${Math.floor(server / 10_000)}.${server % 10_000}` }),
    ...(etcdVersion === undefined ? {} : { etcd: etcdVersion }),
  };
}

export async function ownVersion(): Promise<string> {
  const text = await readFile(join(checkout, 'package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

async function askEtcd(url: string): Promise<string | undefined> {
  try {
    const reply = await fetch(`${url}/version`, { signal: AbortSignal.timeout(ASK_MS) });
    return z.object({ etcdserver: z.string() }).parse(await reply.json()).etcdserver;
  } catch {
    return undefined;
  }
}
