// Must be loaded first: the library below registers its parts with it.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata';
import { randomBytes, webcrypto, type X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate as ParsedCertificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type Identity, identityPath, identityUri } from '../../ledger/rpc/tls/identity.ts';

/** Makes authorities and certificates: elliptic-curve keys (P-256), in PEM. Nothing is written. */

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const YEAR_MS = 365.25 * 86_400_000;
const AUTHORITY_YEARS = 10;
/** The clocks of two machines may differ by this much. */
const BACKDATED_MS = 5 * 60_000;

/** A private key and its certificate in PEM, in one text: a file of it is never half of a pair. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** The text of a file with both. */
export const pairText = ({ certificate, key }: Issued): string => `${key}${certificate}`;

/** What a certificate is issued for. */
export interface LeafRequest {
  readonly identity: Identity;
  /** DNS names and IP addresses that a server is reached by. */
  readonly hosts: readonly string[];
  /** From `now` on, in milliseconds. */
  readonly validForMs: number;
}

/** An authority of an installation, which signs certificates and no further authorities. */
export async function makeAuthority(trustDomain: string, now: Date): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  // Two authorities of an installation must have names of their own: chains are found by them.
  const mark = randomBytes(4).toString('hex');
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `O=Meridian, CN=${trustDomain} authority ${mark}`,
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_YEARS * YEAR_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      new SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${trustDomain}` }]),
    ],
  });
  return issued(certificate, keys.privateKey);
}

/** A certificate with a new key, signed by the authority. */
export async function issueLeaf(
  authority: Issued,
  { identity, hosts, validForMs }: LeafRequest,
  now: Date,
): Promise<Issued> {
  const issuer = new ParsedCertificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    PemConverter.decodeFirst(authority.key),
    ALGORITHM,
    false,
    ['sign'],
  );
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const isServer = identity.kind === 'router' || identity.kind === 'ledger';
  const uses = [ExtendedKeyUsage.clientAuth, ...(isServer ? [ExtendedKeyUsage.serverAuth] : [])];
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(uses),
    new SubjectAlternativeNameExtension([
      { type: 'url', value: identityUri(identity) },
      ...hosts.map((value) => ({
        type: isIP(value) > 0 ? ('ip' as const) : ('dns' as const),
        value,
      })),
    ]),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer),
  ];
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `O=Meridian, CN=${identityPath(identity)}`.slice(0, 'O=Meridian, CN='.length + 64),
    issuer: issuer.subject,
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(Math.min(now.getTime() + validForMs, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions,
  });
  return issued(certificate, keys.privateKey);
}

/** DNS names and IP addresses of a certificate. */
export function hostsOf(certificate: X509Certificate): string[] {
  const parsed = new ParsedCertificate(certificate.raw);
  const names = parsed.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  return names.flatMap(({ type, value }) => (type === 'dns' || type === 'ip' ? [value] : []));
}

/** How long a certificate was issued for, in milliseconds. */
export function lifeOf({ validFromDate, validToDate }: X509Certificate): number {
  return validToDate.getTime() - validFromDate.getTime() - BACKDATED_MS;
}

async function issued(
  certificate: ParsedCertificate,
  privateKey: webcrypto.CryptoKey,
): Promise<Issued> {
  const key = await webcrypto.subtle.exportKey('pkcs8', privateKey);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${PemConverter.encode(key, PemConverter.PrivateKeyTag)}\n`,
  };
}

/** Positive, and of the same length always: 16 bytes. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
