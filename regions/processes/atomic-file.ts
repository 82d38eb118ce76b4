import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/**
 * Replaces a file as a whole: a reader, or a machine that loses power, sees the old text or the
 * new one. Synchronous on purpose: pid files must be on disk before anything else happens.
 * @param mode the permission bits of the file, 0o600 when it holds a secret.
 */
export function writeFileAtomic(path: string, text: string, mode = 0o600): void {
  const draft = `${path}.${process.pid}.tmp`;
  rmSync(draft, { force: true });
  const file = openSync(draft, 'wx', mode);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}
