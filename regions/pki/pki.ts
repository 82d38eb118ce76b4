import { existsSync, renameSync } from 'node:fs';
import { identityPath, type PathIdentity } from '../../ledger/rpc/tls/identity.ts';
import {
  type CertificateFacts,
  factsOf,
  isDue,
  isIssuedBy,
  readCertificates,
} from '../../ledger/rpc/tls/tls-state.ts';
import { CommandFailure, ExitCode } from '../terminal/failure.ts';
import { certificateFile, type PkiFolder } from '../links/pki-files.ts';
import { listHandedOut, recordHandedOut } from './handed-out.ts';
import {
  type Authority,
  hasAuthority,
  hasNext,
  isOther,
  type IssuedFile,
  listIssued,
  readAuthority,
  readAuthorityFile,
  readTrusted,
  removeFile,
  withPkiLock,
  writeSecret,
  writeTrusted,
} from './pki-folder.ts';

/** What is done with the authority of an installation and the certificates that it has issued. */

export const DEFAULT_TRUST_DOMAIN = 'meridian.local';
const HOUR_MS = 3_600_000;
export const DEFAULT_LIFE_MS = 24 * HOUR_MS;

/** Loaded where it is needed: the library takes longer to load than most commands take. */
const issuing = () => import('./issue.ts');

const refused = (message: string) => new CommandFailure(ExitCode.refused, message);

/**
 * Makes an authority, and trusts it. What was begun by one that was killed is completed.
 * Throws CommandFailure (refused) if the folder has an authority.
 */
export function initPki(folder: PkiFolder, trustDomain: string): Promise<void> {
  return withPkiLock(folder, async () => {
    if (hasAuthority(folder) && existsSync(folder.authorities)) {
      throw refused(`${folder.root} has an authority already; nothing was changed`);
    }
    await ensureAuthority(folder, trustDomain);
  });
}

async function ensureAuthority(folder: PkiFolder, trustDomain: string): Promise<void> {
  if (!hasAuthority(folder)) {
    if (listIssued(folder).issued.length > 0 || readTrusted(folder).length > 0) {
      throw new CommandFailure(
        ExitCode.environment,
        `${folder.authority} is missing, though it has issued certificates: restore it from a copy`,
      );
    }
    const { makeAuthority, pairText } = await issuing();
    writeSecret(folder.authority, pairText(await makeAuthority(trustDomain, new Date())));
  }
  const trusted = readTrusted(folder);
  if (trusted.length === 0) writeTrusted(folder, [readAuthority(folder).parsed]);
}

export interface IssueOptions {
  readonly hosts?: readonly string[];
  readonly validForMs?: number;
  /** In place of the identity's own file in the folder, where it is renewed. */
  readonly out?: string;
}

/** Issues a certificate with a new key. Returns its file. */
export function issueCertificate(
  folder: PkiFolder,
  identity: PathIdentity,
  options: IssueOptions = {},
): Promise<{ readonly file: string; readonly facts: CertificateFacts }> {
  return withPkiLock(folder, async () => {
    const authority = readAuthority(folder);
    const file = options.out ?? certificateFile(folder, identity);
    const { hosts = [], validForMs = DEFAULT_LIFE_MS } = options;
    const { certificate, text } = await issuePair(authority, identity, hosts, validForMs);
    if (options.out !== undefined) recordHandedOut(folder, options.out, certificate);
    writeSecret(file, text);
    return { file, facts: mustHaveFacts(certificate, file) };
  });
}

function mustHaveFacts(text: string, file: string): CertificateFacts {
  const [certificate] = readCertificates(text, file);
  if (certificate === undefined) throw new Error('nothing was issued');
  return factsOf(certificate);
}

async function issuePair(
  authority: Authority,
  identity: PathIdentity,
  hosts: readonly string[],
  validForMs: number,
): Promise<{ readonly certificate: string; readonly text: string }> {
  const { trustDomain } = authority;
  const { issueLeaf, pairText } = await issuing();
  const request = { identity: { ...identity, trustDomain }, hosts, validForMs };
  const pair = await issueLeaf(authority, request, new Date());
  return { certificate: pair.certificate, text: pairText(pair) };
}

/** A certificate that an installation needs, and the hosts that it is good for. */
export interface NeededCertificate {
  readonly identity: PathIdentity;
  readonly hosts: readonly string[];
}

/**
 * Makes the authority if there is none, and issues what is missing, due for renewal, of other
 * hosts or of an authority that does not issue any more. Returns the identities that were issued.
 */
export function ensureCertificates(
  folder: PkiFolder,
  needed: readonly NeededCertificate[],
): Promise<string[]> {
  return withPkiLock(folder, async () => {
    await ensureAuthority(folder, DEFAULT_TRUST_DOMAIN);
    const authority = readAuthority(folder);
    const { issued } = listIssued(folder);
    const { hostsOf, lifeOf } = await issuing();
    const made: string[] = [];
    for (const { identity, hosts } of needed) {
      const file = certificateFile(folder, identity);
      const before = issued.find((one) => one.file === file);
      const isGood =
        before !== undefined &&
        hostsOf(before.parsed).toSorted().join() === hosts.toSorted().join() &&
        !needsRenewal(before, authority);
      if (isGood) continue;
      const life = before === undefined ? DEFAULT_LIFE_MS : lifeOf(before.parsed);
      const { text } = await issuePair(authority, identity, hosts, life);
      writeSecret(file, text);
      made.push(identityPath(identity));
    }
    return made;
  });
}

/** Renews the certificates of the folder that are due, or all. Returns the identities. */
export function renewCertificates(folder: PkiFolder, all: boolean): Promise<string[]> {
  return withPkiLock(folder, () => renew(folder, all));
}

async function renew(folder: PkiFolder, all: boolean): Promise<string[]> {
  const authority = readAuthority(folder);
  const { hostsOf, lifeOf } = await issuing();
  const renewed: string[] = [];
  for (const one of listIssued(folder).issued) {
    if (!all && !needsRenewal(one, authority)) continue;
    const { file, identity, parsed } = one;
    const { text } = await issuePair(authority, identity, hostsOf(parsed), lifeOf(parsed));
    writeSecret(file, text);
    renewed.push(identityPath(identity));
  }
  return renewed;
}

/** True if it is time to renew a certificate of the folder, whichever it is. Takes no lock. */
export function isAnyDue(folder: PkiFolder): boolean {
  const authority = readAuthority(folder);
  return listIssued(folder).issued.some((one) => needsRenewal(one, authority));
}

const needsRenewal = ({ parsed }: IssuedFile, authority: Authority): boolean =>
  isDue(factsOf(parsed), Date.now()) || !isIssuedBy(parsed, authority.parsed);

/** The steps by which an authority is replaced while all that it serves goes on. */
export const rotationSteps = ['begin', 'switch', 'finish'] as const;
export type RotationStep = (typeof rotationSteps)[number];

/**
 * One step of the rotation of the authority. Each may be repeated: a step that was killed is
 * completed by the next attempt.
 *
 * begin:  the next authority is trusted next to the one that issues.
 * switch: it issues from now on, and every certificate of the folder is issued by it.
 * finish: the earlier one is trusted no more.
 *
 * @param revoke finish even while certificates of the earlier authority are in use elsewhere: they
 *   are refused from then on
 */
export function rotateAuthority(
  folder: PkiFolder,
  step: RotationStep,
  { revoke = false } = {},
): Promise<string[]> {
  return withPkiLock(folder, async () => {
    const authority = readAuthority(folder);
    if (step === 'begin') return beginRotation(folder, authority);
    if (step === 'switch') return switchAuthority(folder, authority);
    return finishRotation(folder, authority, revoke);
  });
}

async function beginRotation(folder: PkiFolder, authority: Authority): Promise<string[]> {
  if (readTrusted(folder).some((one) => isOther(one, authority)) && !hasNext(folder)) {
    throw refused('the last rotation is not finished: "meridian pki rotate --authority finish"');
  }
  if (!hasNext(folder)) {
    const { makeAuthority, pairText } = await issuing();
    const next = await makeAuthority(authority.trustDomain, new Date());
    writeSecret(folder.nextAuthority, pairText(next));
  }
  const next = readAuthorityFile(folder.nextAuthority).parsed;
  writeTrusted(folder, [...readTrusted(folder), authority.parsed, next]);
  return [];
}

async function switchAuthority(folder: PkiFolder, authority: Authority): Promise<string[]> {
  if (hasNext(folder)) {
    const next = readAuthorityFile(folder.nextAuthority);
    const isTrusted = readTrusted(folder).some((one) => !isOther(one, next));
    if (!isTrusted)
      throw refused('the next authority is not trusted yet: begin the rotation again');
    renameSync(folder.nextAuthority, folder.authority);
  } else if (readTrusted(folder).every((one) => !isOther(one, authority))) {
    throw refused('no rotation has begun: "meridian pki rotate --authority begin"');
  }
  return renew(folder, false);
}

function finishRotation(
  folder: PkiFolder,
  authority: Authority,
  revoke: boolean,
): Promise<string[]> {
  if (hasNext(folder)) {
    throw refused(
      'the next authority does not issue yet: "meridian pki rotate --authority switch"',
    );
  }
  const old = listIssued(folder).issued.filter(
    ({ parsed }) => !isIssuedBy(parsed, authority.parsed),
  );
  if (old.length > 0) {
    const names = old.map(({ identity }) => identityPath(identity)).join(', ');
    throw refused(`certificates of the earlier authority are in use: ${names}; switch again`);
  }
  const elsewhere = listHandedOut(folder, Date.now()).filter(
    ({ parsed }) => !isIssuedBy(parsed, authority.parsed),
  );
  if (elsewhere.length > 0 && !revoke) {
    const files = elsewhere.map(({ file, identity, parsed }) => {
      const until = new Date(parsed.validToDate).toISOString();
      return `${identityPath(identity)} in ${file} until ${until}`;
    });
    throw refused(
      `certificates of the earlier authority are in use elsewhere: ${files.join(', ')}; ` +
        'issue them again to the same files, or give --revoke, which ends them',
    );
  }
  writeTrusted(folder, [authority.parsed]);
  removeFile(folder.nextAuthority);
  return Promise.resolve([]);
}
