import { hash } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Where a UUID contains its version. */
const VERSION_PLACE = 14;

/**
 * Id of the transfer that a key names: the key itself where it is a UUID and no namespace is
 * given, else a version 8 UUID made from both. A version 8 UUID is hashed like any other
 * text, so that no caller can choose an id which the ledger derives. A key that is a UUID names
 * the same transfer in every letter case.
 */
export function transferIdOf(namespace: string, key: string): string {
  const uuid = uuidOf(key);
  if (uuid === undefined) return derivedId('transfer', namespace, key);
  return isItsOwnId(namespace, uuid) ? uuid : derivedId('transfer', namespace, uuid);
}

/**
 * The id that an earlier release gave to a key, where it differs: letter case counted then
 * in a UUID that is hashed. Undefined for every other key. A book may have a row of this id, and
 * its outcome is that of the key; no new row has it.
 */
export function earlierIdOf(namespace: string, key: string): string | undefined {
  const uuid = uuidOf(key);
  if (uuid === undefined || uuid === key || isItsOwnId(namespace, uuid)) return undefined;
  return derivedId('transfer', namespace, key);
}

/** The key in the form that compares: a UUID is in lower case, other text is as it was typed. */
export function canonicalKey(key: string): string {
  return uuidOf(key) ?? key;
}

/** A key as a row stores it: '' where it is the id of the row, which is not stored twice. */
export function storedKey(id: string, key: string): string {
  if (id === key) return '';
  const canonical = canonicalKey(key);
  return canonical === id ? '' : canonical;
}

/** The text in lower case if it is a UUID of 36 characters. */
function uuidOf(text: string): string | undefined {
  // Only keys of the length of a UUID are matched: most others are shorter.
  if (text.length !== 36) return undefined;
  const lower = text.toLowerCase();
  return UUID.test(lower) ? lower : undefined;
}

function isItsOwnId(namespace: string, uuid: string): boolean {
  return namespace === '' && uuid.charAt(VERSION_PLACE) !== '8';
}

/** True if the text is a UUID in its canonical form. */
export function isTransferId(text: string): boolean {
  return UUID.test(text);
}

/** Id of a row that belongs to another: the second leg of a transfer, its return, and so on. */
export function derivedId(purpose: string, ...parts: string[]): string {
  // Each part is preceded by its length, so that no two lists of parts read the same.
  let text = `${purpose.length}:${purpose}`;
  for (const part of parts) text += `${part.length}:${part}`;
  const hex = hash('sha256', text, 'hex');
  // RFC 9562: version 8 in the 13th digit, variant 10 in the 17th.
  const variant = ((parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return (
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-` +
    `${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  );
}

/** Id of the row by which a book applies, or refuses, the second leg of another's transfer. */
export function settlementId(originBook: number, transferId: string): string {
  // Two books may have sent a transfer of the same id: keys belong to the payer's book.
  return derivedId('settlement', String(originBook), transferId);
}

/** Id of the row that expires a hold. */
export function expiryId(holdId: string): string {
  return derivedId('expiry', holdId);
}

/** Id of a leg of a group. */
export function legId(groupId: string, index: number): string {
  return derivedId('leg', groupId, String(index));
}
