import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../processes/atomic-file.ts';

/** Generated passwords that only the replicated profile needs. */

const replicatedSecrets = z.object({
  /** Of the role that replicas log in with. */
  replication: z.string().min(1),
  /** Of the Patroni REST API. */
  patroni: z.string().min(1),
});
export type ReplicatedSecrets = z.infer<typeof replicatedSecrets>;

const password = () => randomBytes(24).toString('base64url');

/** Made at the first call. Throws when the file is damaged: no replica could log in. */
export function readSecrets(root: string): ReplicatedSecrets {
  const path = join(root, 'replicated-secrets.json');
  if (existsSync(path)) {
    const found = replicatedSecrets.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    if (found.success) return found.data;
    throw new Error(`${path} is damaged: restore it, or start again with --fresh`);
  }
  const made = { replication: password(), patroni: password() };
  writeFileAtomic(path, `${JSON.stringify(made, undefined, 2)}\n`);
  return made;
}
