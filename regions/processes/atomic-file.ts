import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Replaces a file as a whole: a reader, or a machine that loses power, sees the old text or the
 * new one. Synchronous on purpose: pid files must be on disk before anything else happens.
 * Throws what the file system reports, such as ENOSPC; the old text then stays.
 *
 * Not write-file-atomic 7: it writes with a single call, which a full disk may cut short without
 * an error, and then replaces the whole old text by a part of the new one.
 * @param mode the permission bits of the file, 0o600 when it holds a secret.
 */
export function writeFileAtomic(path: string, text: string, mode = 0o600): void {
  const draft = `${path}.${process.pid}.tmp`;
  rmSync(draft, { force: true });
  try {
    writeDraft(draft, text, mode);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function writeDraft(draft: string, text: string, mode: number): void {
  const file = openSync(draft, 'wx', mode);
  try {
    // Unlike writeSync it goes on until everything is written.
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
