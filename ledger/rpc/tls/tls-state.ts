import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { identityOf } from './certificate-names.ts';
import { type Identity, identityUri } from './identity.ts';

/** What a process proves itself with, and which authorities it trusts. It was checked as a whole. */
export interface TlsState {
  /** PEM. */
  readonly authorities: readonly string[];
  /** The own certificate, then those between it and an authority, in PEM. */
  readonly certificates: string;
  /** PEM. */
  readonly key: string;
  readonly identity: Identity;
  readonly facts: CertificateFacts;
}

/** What is shown of a certificate. Times are in milliseconds since 1970. */
export interface CertificateFacts {
  readonly identity: string;
  /** Hexadecimal. */
  readonly serial: string;
  /** SHA-256, hexadecimal with colons. */
  readonly fingerprint: string;
  readonly validFrom: number;
  readonly expiresAt: number;
}

/** The contents of the files; all three may be of one file. */
export interface TlsTexts {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: string;
}

/** A certificate is renewed once this part of its life has passed. */
const RENEWED_AT = 0.6;
/** From here on a certificate that was not renewed is warned of. */
const WARNED_AT = 2 / 3;

/**
 * Checks that certificate, key and authorities are whole, belong together and are valid now.
 * Throws an Error that states what is wrong, without the text of any file.
 */
export function tlsState(texts: TlsTexts, now: number): TlsState {
  const [leaf, ...between] = readCertificates(texts.certificate, 'the certificate file');
  const authorities = readCertificates(texts.authorities, 'the file of authorities');
  if (leaf === undefined) throw new Error('the certificate file has no certificate');
  if (authorities.length === 0) throw new Error('the file of authorities has no certificate');
  if (!leaf.checkPrivateKey(readKey(texts.key))) {
    throw new Error('the key is not the one of the certificate');
  }
  const facts = factsOf(leaf);
  if (facts.expiresAt <= now) {
    throw new Error(`the certificate expired at ${new Date(facts.expiresAt).toISOString()}`);
  }
  if (facts.validFrom > now) {
    throw new Error(`the certificate is valid from ${new Date(facts.validFrom).toISOString()} on`);
  }
  requireChain(leaf, between, authorities, now);
  return {
    authorities: authorities.map(String),
    certificates: [leaf, ...between].map(String).join(''),
    key: pemBlocks(texts.key, '[A-Z ]*PRIVATE KEY').join('\n'),
    identity: identityOf(leaf),
    facts,
  };
}

/** What is shown of a certificate. Throws an Error if it names no identity. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    identity: identityUri(identityOf(certificate)),
    serial: certificate.serialNumber.toLowerCase(),
    fingerprint: certificate.fingerprint256,
    validFrom: certificate.validFromDate.getTime(),
    expiresAt: certificate.validToDate.getTime(),
  };
}

type Life = Pick<CertificateFacts, 'validFrom' | 'expiresAt'>;

/** The part of its life that has passed, 0 to 1. */
const passed = ({ validFrom, expiresAt }: Life, now: number): number =>
  (now - validFrom) / (expiresAt - validFrom);

/** True when it is time to renew a certificate. */
export const isDue = (life: Life, now: number): boolean => passed(life, now) >= RENEWED_AT;

/** True when a certificate should have been renewed by now. */
export const isOverdue = (life: Life, now: number): boolean => passed(life, now) >= WARNED_AT;

/** All certificates of a text in PEM; what else is in it is passed over. Throws if one is malformed. */
export function readCertificates(text: string, where: string): X509Certificate[] {
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  const blocks = pemBlocks(text, 'CERTIFICATE');
  if (blocks.length !== begun) throw new Error(`${where} ends in the middle of a certificate`);
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new Error(`${where} has a malformed certificate`, { cause: error });
    }
  });
}

function readKey(text: string): KeyObject {
  const [block] = pemBlocks(text, '[A-Z ]*PRIVATE KEY');
  if (block === undefined) throw new Error('the key file has no whole private key');
  try {
    return createPrivateKey(block);
  } catch {
    // The cause may quote the key.
    throw new Error('the key file has a malformed private key');
  }
}

function pemBlocks(text: string, label: string): string[] {
  const block = new RegExp(`-----BEGIN (${label})-----[A-Za-z0-9+/=\\s]*-----END \\1-----`, 'gu');
  return [...text.matchAll(block)].map(([whole]) => whole);
}

export const isIssuedBy = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);

/**
 * True if a way leads from the certificate of a connection to one of the authorities, through those
 * that the other end has sent with it.
 *
 * @param authorities in PEM
 */
export function isOfAny(leaf: X509Certificate, authorities: readonly string[]): boolean {
  const parsed = authorities.map((one) => new X509Certificate(one));
  const seen = new Set<string>();
  let certificate: X509Certificate | undefined = leaf;
  while (certificate !== undefined && !seen.has(certificate.fingerprint256)) {
    const subject: X509Certificate = certificate;
    if (parsed.some((one) => isIssuedBy(subject, one))) return true;
    seen.add(subject.fingerprint256);
    certificate = subject.issuerCertificate;
  }
  return false;
}

/** Throws unless a way leads from the certificate to one of the authorities. */
function requireChain(
  leaf: X509Certificate,
  between: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  now: number,
): void {
  const isValid = (one: X509Certificate) =>
    one.ca && one.validFromDate.getTime() <= now && one.validToDate.getTime() > now;
  let last = leaf;
  for (let step = 0; step <= between.length; step += 1) {
    const subject = last;
    if (authorities.some((one) => isValid(one) && isIssuedBy(subject, one))) return;
    const next = between.find((one) => isValid(one) && isIssuedBy(subject, one));
    if (next === undefined) break;
    last = next;
  }
  throw new Error('the certificate was issued by none of the authorities that are trusted');
}
