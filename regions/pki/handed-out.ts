import type { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf } from '../../ledger/rpc/tls/certificate-names.ts';
import type { Identity } from '../../ledger/rpc/tls/identity.ts';
import { readCertificates } from '../../ledger/rpc/tls/tls-state.ts';
import type { PkiFolder } from '../links/pki-files.ts';
import { writeFileAtomic } from '../processes/atomic-file.ts';
import { removeFile } from './pki-folder.ts';

/**
 * Certificates that were written outside of the folder, for others. A copy of each, without its key,
 * is kept until it expires: an authority is not removed while one of its certificates is in use.
 */

/** A certificate that another place has. */
export interface HandedOut {
  /** Where it was written. */
  readonly file: string;
  readonly identity: Identity;
  readonly parsed: X509Certificate;
}

const FILE_LINE = /^File: (.+)$/mu;

/** Records a certificate before it is written to a file, in place of the one that was there. */
export function recordHandedOut(folder: PkiFolder, file: string, certificate: string): void {
  const [parsed] = readCertificates(certificate, file);
  if (parsed === undefined) throw new Error(`there is no certificate for ${file}`);
  mkdirSync(folder.handedOut, { recursive: true, mode: 0o711 });
  const record = join(folder.handedOut, `${parsed.serialNumber.toLowerCase()}.pem`);
  writeFileAtomic(record, `File: ${file}\n${certificate}`, 0o644);
  for (const one of readRecords(folder)) {
    const isReplaced = one.file === file && one.record !== record;
    if (isReplaced || isOver(one, Date.now())) removeFile(one.record);
  }
}

/** Those that have not expired, by file. */
export function listHandedOut(folder: PkiFolder, now: number): HandedOut[] {
  return readRecords(folder)
    .filter((one) => !isOver(one, now))
    .toSorted((a, b) => (a.file < b.file ? -1 : 1));
}

const isOver = ({ parsed }: HandedOut, now: number): boolean => parsed.validToDate.getTime() <= now;

function readRecords(folder: PkiFolder): (HandedOut & { readonly record: string })[] {
  if (!existsSync(folder.handedOut)) return [];
  return readdirSync(folder.handedOut)
    .filter((name) => name.endsWith('.pem'))
    .map((name) => {
      const record = join(folder.handedOut, name);
      const text = readFileSync(record, 'utf8');
      const [parsed] = readCertificates(text, record);
      const file = FILE_LINE.exec(text)?.[1];
      if (parsed === undefined || file === undefined) throw new Error(`${record} is damaged`);
      return { record, file, parsed, identity: identityOf(parsed) };
    });
}
