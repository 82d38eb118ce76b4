import { writeFileAtomic } from '../../processes/atomic-file.ts';
import { chmodSync } from 'node:fs';
import type { ReplicatedPrograms } from './packages.ts';
import type { ReplicatedRegion } from '../../topology/replicated-layout.ts';

/**
 * Resolves the names of all regions, for the processes of one region, to the links that lead there,
 * with a hosts file for them alone. At three real sites DNS does this and none of it is needed.
 */

/** Writes the hosts file of a region, which every user may read. */
export function writeHosts(path: string, region: ReplicatedRegion): void {
  const lines = [...region.hosts].map(([host, ip]) => `${ip} ${host}`);
  writeFileAtomic(path, `${lines.join('\n')}\n`);
  chmodSync(path, 0o644);
}

/** What a process must inherit for the hosts file to apply to it and its children. */
export function hostsEnvironment(
  path: string,
  { hostsLibrary }: ReplicatedPrograms,
): Record<string, string> {
  return {
    LD_PRELOAD: hostsLibrary,
    NSS_WRAPPER_HOSTS: path,
    // etcd is written in Go, which uses the C library for names only with this setting.
    GODEBUG: 'netdns=cgo',
  };
}
