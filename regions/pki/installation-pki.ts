import { join } from 'node:path';
import type { PathIdentity, ServerRole } from '../../ledger/rpc/tls/identity.ts';
import { repeat } from '../../ledger/repeat.ts';
import { DEMO_SERVICE, LOCAL_OPERATOR } from '../links/known-links.ts';
import { ensureCertificates, isAnyDue, renewCertificates } from './pki.ts';
import { ensurePolicy } from '../policy/initial-policy.ts';
import { certificateFile, pkiFolder } from '../links/pki-files.ts';
import { noteInsecure, noteSecured } from '../links/secured-addresses.ts';

/** The folder of the authority of an installation on this machine. */
export const pkiOf = (dataDir: string): string => join(dataDir, 'pki');

/**
 * How often certificates are looked at. A machine that slept, or whose clock was set, may find them
 * expired: servers are reached again soon after.
 */
const LOOK_MS = 10_000;

export interface InstallationPki {
  /** Issues what the servers of a region need, and renews it from now on. */
  readonly addRegion: (region: string, hosts: readonly string[]) => Promise<void>;
  /** Notes how the servers at these addresses are reached. */
  readonly note: (addresses: Iterable<string>) => void;
  /** What a server of a region is given in its environment. */
  readonly environment: (role: ServerRole, region: string) => Record<string, string>;
  readonly secure: boolean;
  /** Renews nothing any more. */
  readonly stop: () => void;
}

/** An installation that was explicitly started without TLS. */
export const withoutPki: InstallationPki = {
  addRegion: () => Promise.resolve(),
  note: noteInsecure,
  environment: () => ({ MERIDIAN_INSECURE: 'true' }),
  secure: false,
  stop: () => {},
};

/**
 * The certificates of an installation on this machine. The first start makes its authority.
 *
 * @param report gets a line about a renewal that failed; it is tried again
 */
export function openPki(dataDir: string, report: (line: string) => void): InstallationPki {
  const root = pkiOf(dataDir);
  const folder = pkiFolder(root);
  const hosts = new Map<string, readonly string[]>();
  const ensure = async () => {
    const servers = [...hosts].flatMap(([region, names]) =>
      (['router', 'ledger'] as const).map((kind) => ({ identity: { kind, region }, hosts: names })),
    );
    const users: PathIdentity[] = [LOCAL_OPERATOR, DEMO_SERVICE];
    await ensureCertificates(folder, [
      ...servers,
      ...users.map((identity) => ({ identity, hosts: [] })),
    ]);
  };
  let problem = '';
  const look = async () => {
    try {
      if (!isAnyDue(folder)) return;
      await ensure();
      // Those that were issued by command.
      await renewCertificates(folder, false);
      problem = '';
    } catch (error) {
      const text = `certificates could not be renewed: ${String(error)}`;
      if (text !== problem) report(text);
      problem = text;
    }
  };
  const policy = ensurePolicy(dataDir);
  return {
    addRegion: async (region, names) => {
      hosts.set(region, names);
      await ensure();
    },
    note: (addresses) => noteSecured(addresses, root),
    environment: (kind, region) => ({
      MERIDIAN_TLS_CERTIFICATE: certificateFile(folder, { kind, region }),
      MERIDIAN_TLS_AUTHORITIES: folder.authorities,
      ...(kind === 'router' ? { MERIDIAN_POLICY: policy } : {}),
    }),
    secure: true,
    stop: repeat(LOOK_MS, look),
  };
}
