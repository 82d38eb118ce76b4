import { join } from 'node:path';
import { identityPath, type PathIdentity } from '../../ledger/rpc/tls/identity.ts';

/**
 * The files of an authority. A file with a key has mode 0600 and holds its certificate as well, and
 * is replaced as a whole: no reader sees half of a pair.
 *
 *   authorities.pem      the authorities that are trusted, without keys: what others are given
 *   authority.pem        the one that issues, with its key
 *   next-authority.pem   while the authority is being rotated: the one that will issue
 *   certificates/PATH.pem  a certificate for each identity, by its path: region/eu-west/router.pem
 *   handed-out/SERIAL.pem  one that was written elsewhere, without its key
 */
export interface PkiFolder {
  readonly root: string;
  readonly authorities: string;
  readonly authority: string;
  readonly nextAuthority: string;
  readonly certificates: string;
  readonly handedOut: string;
}

export function pkiFolder(root: string): PkiFolder {
  return {
    root,
    authorities: join(root, 'authorities.pem'),
    authority: join(root, 'authority.pem'),
    nextAuthority: join(root, 'next-authority.pem'),
    certificates: join(root, 'certificates'),
    handedOut: join(root, 'handed-out'),
  };
}

/** The policy file of an installation on this machine. */
export const policyOf = (dataDir: string): string => join(dataDir, 'policy.yaml');

/** The file of an identity's certificate and key. */
export function certificateFile({ certificates }: PkiFolder, identity: PathIdentity): string {
  return join(certificates, `${identityPath(identity)}.pem`);
}
