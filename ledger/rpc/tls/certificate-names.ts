import type { X509Certificate } from 'node:crypto';
import { type Identity, parseIdentity } from './identity.ts';

/**
 * The URIs of a certificate, read from its bytes. The text that Node makes of all names joins
 * them by commas, so that a name with a comma in it could pass for two.
 */

/** 2.5.29.17, the subject alternative name. */
const ALTERNATIVE_NAME = Buffer.from('551d11', 'hex');

const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
/** Of a TBSCertificate: its extensions. */
const EXTENSIONS = 0xa3;
/** Of a GeneralName: uniformResourceIdentifier. */
const URI = 0x86;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** The identity that a certificate names. Throws an Error if it has not exactly one URI. */
export function identityOf(certificate: X509Certificate): Identity {
  const uris = certificateUris(certificate.raw);
  if (uris.length !== 1) {
    throw new Error(`the certificate has ${uris.length} URIs in place of one SPIFFE identity`);
  }
  const identity = parseIdentity(uris[0] ?? '');
  if (identity === undefined) {
    throw new Error(`the URI of the certificate is no identity of Meridian: ${uris[0]}`);
  }
  return identity;
}

/** All URIs among the alternative names of a certificate in DER. Throws if it is malformed. */
export function certificateUris(der: Buffer): string[] {
  const [whole] = elements(der);
  const [signed] = elements(whole?.content ?? Buffer.of());
  const fields = elements(signed?.content ?? Buffer.of());
  const extensions = fields.find(({ tag }) => tag === EXTENSIONS);
  if (extensions === undefined) return [];
  const [list] = elements(extensions.content);
  return elements(list?.content ?? Buffer.of())
    .filter(({ tag }) => tag === SEQUENCE)
    .flatMap(({ content }) => urisOf(elements(content)));
}

/** The URIs of one extension; none if it is another one. */
function urisOf(parts: readonly Element[]): string[] {
  const [id] = parts;
  if (id?.tag !== OBJECT_IDENTIFIER || !id.content.equals(ALTERNATIVE_NAME)) return [];
  const value = parts.find(({ tag }) => tag === OCTET_STRING);
  const [names] = elements(value?.content ?? Buffer.of());
  return elements(names?.content ?? Buffer.of())
    .filter(({ tag }) => tag === URI)
    .map(({ content }) => content.toString('latin1'));
}

/** The elements that follow each other in DER. */
function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at);
    let length = bytes.readUInt8(at + 1);
    at += 2;
    if (length > 0x7f) {
      const count = length & 0x7f;
      if (count === 0 || count > 4) throw new Error('the certificate is malformed');
      length = bytes.readUIntBE(at, count);
      at += count;
    }
    if (at + length > bytes.length) throw new Error('the certificate is malformed');
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}
