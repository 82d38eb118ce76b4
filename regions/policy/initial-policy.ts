import { existsSync } from 'node:fs';
import { identityPath } from '../../ledger/rpc/tls/identity.ts';
import { DEMO_SERVICE, LOCAL_OPERATOR } from '../links/known-links.ts';
import { policyOf } from '../links/pki-files.ts';
import { writeFileAtomic } from '../processes/atomic-file.ts';

const TEXT = `\
# Who may do what at the routers of this installation. What is not granted here is denied. Routers read
# the file again when it changes; "meridian policy check" lists what is wrong with it.
#
# identity: the path of the SPIFFE identity in a certificate, in which "*" stands for any one name:
#   tenant/TENANT/service/SERVICE, operator/NAME, auditor/NAME
# roles:
#   payer          moves money, and reads what it can name
#   reader         reads, searches and follows all accounts and transfers
#   auditor        the same
#   administrator  opens, limits, freezes and closes accounts, registers assets, and reads
#   operator       keeps the servers running: moves no money, and reads no account
grants:
  # The commands of this machine.
  - identity: ${identityPath(LOCAL_OPERATOR)}
    roles: [operator, administrator, auditor, payer]
  # The examples of the README.
  - identity: ${identityPath(DEMO_SERVICE)}
    roles: [payer, administrator]
`;

/** Writes the policy of a new installation. One that is there is kept. Returns its path. */
export function ensurePolicy(dataDir: string): string {
  const path = policyOf(dataDir);
  if (!existsSync(path)) writeFileAtomic(path, TEXT, 0o644);
  return path;
}
