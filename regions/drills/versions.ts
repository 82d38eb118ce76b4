import { z } from 'zod';
import { ownVersion } from '../processes/release.ts';
import type { ReplicatedState } from '../topology/state.ts';
import type { Watcher } from './watcher.ts';

/** A database that does not answer by then is asked for nothing else: the version is for the report. */
const ASK_MS = 1_000;

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

async function askEtcd(url: string): Promise<string | undefined> {
  try {
    const reply = await fetch(`${url}/version`, { signal: AbortSignal.timeout(ASK_MS) });
    return z.object({ etcdserver: z.string() }).parse(await reply.json()).etcdserver;
  } catch {
    return undefined;
  }
}
