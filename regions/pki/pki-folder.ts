import type { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Identity, parseIdentity } from '../../ledger/rpc/tls/identity.ts';
import { certificateUris } from '../../ledger/rpc/tls/certificate-names.ts';
import { readCertificates } from '../../ledger/rpc/tls/tls-state.ts';
import type { PkiFolder } from '../links/pki-files.ts';
import { writeFileAtomic } from '../processes/atomic-file.ts';
import { CommandFailure, ExitCode } from '../terminal/failure.ts';
import type { Issued } from './issue.ts';

/** Reads and writes the files of an authority. */

/** An authority, with its key. */
export interface Authority extends Issued {
  readonly parsed: X509Certificate;
  readonly trustDomain: string;
}

/** True once the folder has an authority. */
export const hasAuthority = ({ authority }: PkiFolder): boolean => existsSync(authority);

/** True while the next authority waits to issue. */
export const hasNext = ({ nextAuthority }: PkiFolder): boolean => existsSync(nextAuthority);

export const isOther = (one: X509Certificate, { parsed }: Authority): boolean =>
  one.fingerprint256 !== parsed.fingerprint256;

/** The authority that issues. Throws CommandFailure (environment) if there is none that is whole. */
export function readAuthority(folder: PkiFolder): Authority {
  if (!hasAuthority(folder)) {
    throw notPossible(`there is no authority in ${folder.root}; "meridian pki init" makes one`);
  }
  return readAuthorityFile(folder.authority);
}

export function readAuthorityFile(file: string): Authority {
  const text = read(file);
  const [parsed] = readCertificates(text, file);
  const key = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n?/u.exec(text)?.[0];
  const [uri = ''] = parsed === undefined ? [] : certificateUris(parsed.raw);
  const trustDomain = /^spiffe:\/\/([^/]+)$/u.exec(uri)?.[1];
  if (parsed === undefined || key === undefined || trustDomain === undefined) {
    throw notPossible(`${file} is damaged: restore it from a copy`);
  }
  return { parsed, trustDomain, key, certificate: String(parsed) };
}

/** The authorities that are trusted, in the order of the file. */
export function readTrusted({ authorities }: PkiFolder): X509Certificate[] {
  return existsSync(authorities) ? readCertificates(read(authorities), authorities) : [];
}

export function writeTrusted(
  { authorities }: PkiFolder,
  trusted: readonly X509Certificate[],
): void {
  const unique = new Map(trusted.map((one) => [one.fingerprint256, String(one)]));
  const text = [...unique.values()].join('');
  if (!existsSync(authorities) || read(authorities) !== text) {
    writeFileAtomic(authorities, text, 0o644);
  }
}

/** A certificate of the folder. */
export interface IssuedFile {
  readonly file: string;
  readonly identity: Identity;
  readonly parsed: X509Certificate;
}

/** The certificates of the folder, by path. A file that is damaged is `unreadable`. */
export function listIssued(folder: PkiFolder): {
  readonly issued: IssuedFile[];
  readonly unreadable: { readonly file: string; readonly problem: string }[];
} {
  const issued: IssuedFile[] = [];
  const unreadable: { file: string; problem: string }[] = [];
  if (!existsSync(folder.certificates)) return { issued, unreadable };
  const names = readdirSync(folder.certificates, { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((one) => one.endsWith('.pem')).toSorted()) {
    const file = join(folder.certificates, name);
    try {
      const [parsed] = readCertificates(read(file), file);
      const uri = parsed === undefined ? undefined : certificateUris(parsed.raw)[0];
      const identity = uri === undefined ? undefined : parseIdentity(uri);
      if (parsed === undefined || identity === undefined) throw new Error('it names no identity');
      issued.push({ file, identity, parsed });
    } catch (error) {
      unreadable.push({ file, problem: error instanceof Error ? error.message : String(error) });
    }
  }
  return { issued, unreadable };
}

/** Writes a key, with what goes with it, so that only this user can read it. */
export function writeSecret(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o711 });
    writeFileAtomic(file, text, 0o600);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(ExitCode.environment, `cannot write ${file}: ${why}`);
  }
}

export const removeFile = (file: string): void => rmSync(file, { force: true });

/**
 * Runs `work` while no other process changes the folder. A holder that was killed delays the next
 * one by up to 5 s.
 */
export async function withPkiLock<T>(folder: PkiFolder, work: () => Promise<T>): Promise<T> {
  try {
    mkdirSync(folder.root, { recursive: true, mode: 0o711 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(ExitCode.environment, `cannot use ${folder.root}: ${why}`);
  }
  const { lock } = await import('proper-lockfile');
  let lost: Error | undefined;
  const release = await lock(folder.root, {
    lockfilePath: join(folder.root, 'pki.lock'),
    stale: 5_000,
    update: 1_000,
    retries: { retries: 300, minTimeout: 100, maxTimeout: 100, factor: 1 },
    // A process that stood still for longer than a lock lasts: the library's default is to throw.
    onCompromised: (error) => {
      lost = error;
    },
  });
  try {
    return await work();
  } finally {
    if (lost === undefined) await release();
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw notPossible(`cannot read ${file}: ${why}`);
  }
}

const notPossible = (message: string) => new CommandFailure(ExitCode.environment, message);
