import type { X509Certificate } from 'node:crypto';
import {
  type CertificateFacts,
  factsOf,
  isDue,
  isIssuedBy,
  isOverdue,
} from '../../ledger/rpc/tls/tls-state.ts';
import { listHandedOut } from './handed-out.ts';
import type { RotationStep } from './pki.ts';
import { type PkiFolder } from '../links/pki-files.ts';
import {
  hasNext,
  isOther,
  type IssuedFile,
  listIssued,
  readAuthority,
  readTrusted,
} from './pki-folder.ts';

/** What is known of an authority and its certificates. Times are in milliseconds since 1970. */

/** An authority must be rotated before this little is left of it: 180 days. */
const AUTHORITY_WARNED_MS = 180 * 86_400_000;

export interface CertificateStatus extends CertificateFacts {
  readonly file: string;
  /** It was written there for others, who have to be given the next one. */
  readonly handedOut: boolean;
  readonly expiresInSeconds: number;
  /** It is time to renew it. */
  readonly due: boolean;
  /** What is wrong with it; '' if nothing is. */
  readonly problem: string;
}

export interface AuthorityStatus {
  readonly name: string;
  readonly serial: string;
  readonly fingerprint: string;
  readonly expiresAt: number;
  readonly expiresInSeconds: number;
  /** It is the one that issues. */
  readonly issuing: boolean;
  readonly problem: string;
}

export interface PkiStatus {
  readonly folder: string;
  readonly trustDomain: string;
  /** The step of the rotation that comes next; undefined: none has begun. */
  readonly nextStep: RotationStep | undefined;
  readonly authorities: readonly AuthorityStatus[];
  readonly certificates: readonly CertificateStatus[];
  readonly unreadable: readonly { readonly file: string; readonly problem: string }[];
}

/** All that is known of the folder. Changes nothing. */
export function pkiStatus(folder: PkiFolder, now: number): PkiStatus {
  const authority = readAuthority(folder);
  const trusted = readTrusted(folder);
  const { issued, unreadable } = listIssued(folder);
  const others = trusted.filter((one) => isOther(one, authority));
  const nextStep = hasNext(folder) ? 'switch' : others.length > 0 ? 'finish' : undefined;
  return {
    folder: folder.root,
    trustDomain: authority.trustDomain,
    nextStep,
    authorities: [authority.parsed, ...others].map((one) =>
      authorityStatus(one, !isOther(one, authority), trusted, now),
    ),
    certificates: [
      ...issued.map((one) => certificateStatus(one, trusted, now, false)),
      ...listHandedOut(folder, now).map((one) => certificateStatus(one, trusted, now, true)),
    ],
    unreadable,
  };
}

/** A line for each authority, certificate or file with which something is wrong. Never throws. */
export function certificateAlarms(folder: PkiFolder, now: number): string[] {
  try {
    const { authorities, certificates, unreadable } = pkiStatus(folder, now);
    const found = [
      ...authorities.map(({ name, problem }) => [name, problem]),
      ...certificates.map(({ identity, problem }) => [identity, problem]),
      ...unreadable.map(({ file, problem }) => [file, problem]),
    ];
    return found.flatMap(([name, problem]) => (problem === '' ? [] : [`${name}: ${problem}`]));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

function authorityStatus(
  one: X509Certificate,
  isIssuing: boolean,
  trusted: readonly X509Certificate[],
  now: number,
): AuthorityStatus {
  const expiresAt = one.validToDate.getTime();
  const isTrusted = trusted.some(({ fingerprint256 }) => fingerprint256 === one.fingerprint256);
  const late = expiresAt - now < AUTHORITY_WARNED_MS ? 'expires soon: rotate it' : '';
  return {
    name: one.subject.replaceAll('\n', ', '),
    serial: one.serialNumber.toLowerCase(),
    fingerprint: one.fingerprint256,
    expiresAt,
    expiresInSeconds: Math.floor((expiresAt - now) / 1_000),
    issuing: isIssuing,
    problem: !isTrusted
      ? 'is not trusted: "meridian pki init" completes it'
      : isIssuing
        ? late
        : '',
  };
}

function certificateStatus(
  { file, parsed }: IssuedFile,
  trusted: readonly X509Certificate[],
  now: number,
  handedOut: boolean,
): CertificateStatus {
  const facts = factsOf(parsed);
  const problem = () => {
    if (facts.expiresAt <= now) return 'has expired';
    if (!trusted.some((one) => isIssuedBy(parsed, one))) return 'its authority is not trusted';
    // Whether one that was handed out is still wanted is not known here.
    return isOverdue(facts, now) && !handedOut ? 'was not renewed in time' : '';
  };
  return {
    ...facts,
    file,
    handedOut,
    expiresInSeconds: Math.floor((facts.expiresAt - now) / 1_000),
    due: isDue(facts, now),
    problem: problem(),
  };
}
