import type { ClusterState } from '../../topology/state.ts';
import { styled } from '../../terminal/print.ts';

/** What is wrong with the certificates of an installation on this machine. */
export async function alarmsOfCertificates({ tls, dataDir }: ClusterState): Promise<string[]> {
  if (!tls) return [];
  const { certificateAlarms } = await import('../../pki/pki-status.ts');
  const { pkiOf } = await import('../../pki/installation-pki.ts');
  const { pkiFolder } = await import('../../links/pki-files.ts');
  return certificateAlarms(pkiFolder(pkiOf(dataDir)), Date.now());
}

/** The same for a terminal; "meridian pki status" has all of it. */
export const certificateLines = (alarms: readonly string[]): string[] =>
  alarms.map((alarm) => styled('red', `certificate of ${alarm}`));
