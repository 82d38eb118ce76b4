import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MB = 1024 * 1024;
/** A segment of the write-ahead log. */
const SEGMENT = 16 * MB;

/**
 * A small disk for the write-ahead log of a Postgres: a file with a file system of its own. The
 * Postgres must not run while the log moves in either direction.
 */
export class SmallDisk {
  readonly #wal: string;
  /** The old log, until the disk has it. */
  readonly #away: string;
  readonly #image: string;
  readonly #mount: string;
  #isMounted = false;

  /** @param postgresFolder its data folder */
  constructor(postgresFolder: string) {
    this.#wal = join(postgresFolder, 'pg_wal');
    this.#away = `${this.#wal}.away`;
    this.#image = `${postgresFolder}.wal.img`;
    this.#mount = `${postgresFolder}.wal`;
  }

  /** Mounts the disk with room for what there is and `spare` more, and moves the log onto it. */
  async begin(spare: number): Promise<void> {
    const size = readdirSync(this.#wal).length * SEGMENT + spare + 16 * MB;
    await run('truncate', ['-s', String(size), this.#image]);
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', this.#image]);
    mkdirSync(this.#mount, { recursive: true });
    await run('mount', ['-o', 'loop', this.#image, this.#mount]);
    this.#isMounted = true;
    rmSync(join(this.#mount, 'lost+found'), { recursive: true });
    const { uid, gid } = statSync(this.#wal);
    chownSync(this.#mount, uid, gid);
    chmodSync(this.#mount, 0o700);
    await run('cp', ['-a', `${this.#wal}/.`, this.#mount]);
    renameSync(this.#wal, this.#away);
    symlinkSync(this.#mount, this.#wal);
    rmSync(this.#away, { recursive: true });
  }

  /** Fills the disk completely. Safe to call again. */
  async fill(): Promise<void> {
    for (let piece = 0; ; piece += 1) {
      const { bavail, bsize } = statfsSync(this.#mount);
      if (bavail === 0) return;
      const path = join(this.#mount, `filler-${process.pid}-${Date.now()}-${piece}`);
      try {
        await run('fallocate', ['-l', String(bavail * bsize), path]);
      } catch {
        // The last blocks hold the metadata of the file itself.
        if (bavail <= 16) return;
      }
    }
  }

  free(): void {
    if (!existsSync(this.#mount)) return;
    for (const name of readdirSync(this.#mount)) {
      if (name.startsWith('filler-')) rmSync(join(this.#mount, name), { force: true });
    }
  }

  /** True: the log is on it. */
  get inUse(): boolean {
    return (
      lstatSync(this.#wal, { throwIfNoEntry: false })?.isSymbolicLink() === true &&
      readlinkSync(this.#wal) === this.#mount
    );
  }

  /** Moves the log back, if it is there, and unmounts the disk. Safe to call at any time. */
  async end(): Promise<void> {
    this.free();
    if (!existsSync(this.#wal) && existsSync(this.#away)) renameSync(this.#away, this.#wal);
    // A copy that was rebuilt meanwhile has a log of its own.
    if (this.inUse) {
      const draft = `${this.#wal}.back`;
      rmSync(draft, { recursive: true, force: true });
      await run('cp', ['-a', this.#mount, draft]);
      rmSync(this.#wal);
      renameSync(draft, this.#wal);
    }
    if (this.#isMounted) {
      await run('umount', [this.#mount]).catch(() => run('umount', ['-l', this.#mount]));
      this.#isMounted = false;
    }
    rmSync(this.#mount, { recursive: true, force: true });
    rmSync(this.#image, { force: true });
  }
}
