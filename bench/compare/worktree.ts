import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A commit of a checkout in a temporary folder, with the checkout's installed packages. */
export class Worktree {
  /** The folder that package.json is in. */
  readonly path: string;
  readonly commit: string;
  /** True: the commit asks for other packages than those that it gets. */
  readonly packagesDiffer: boolean;
  readonly #checkout: string;
  readonly #folder: string;

  /**
   * @param checkout a git checkout with node_modules
   * @param reference of the commit: a hash, a branch, a tag
   * @throws Error that states what to do if there is no such commit
   */
  constructor(checkout: string, reference: string) {
    this.#checkout = checkout;
    // A reference that begins with a dash would be an option to git.
    const found = reference.startsWith('-')
      ? undefined
      : git(checkout, 'rev-parse', '--verify', '--quiet', '--short', `${reference}^{commit}`);
    if (found === undefined) {
      throw new Error(`there is no commit ${reference} here; in a shallow clone, fetch it first`);
    }
    this.commit = found;
    this.packagesDiffer =
      git(checkout, 'diff', '--quiet', found, '--', 'package-lock.json') === undefined;
    this.#folder = mkdtempSync(join(tmpdir(), 'meridian-bench-'));
    this.path = join(this.#folder, 'checkout');
    const added = git(checkout, 'worktree', 'add', '--quiet', '--detach', this.path, found);
    if (added === undefined) {
      this.remove();
      throw new Error(`git cannot check ${found} out into ${this.path}`);
    }
    symlinkSync(join(checkout, 'node_modules'), join(this.path, 'node_modules'), 'dir');
  }

  /** Removes everything, in git as well. May be called again. */
  remove(): void {
    git(this.#checkout, 'worktree', 'remove', '--force', this.path);
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What git printed; undefined if it failed. */
function git(cwd: string, ...args: string[]): string | undefined {
  const result = spawnSync('git', args, { cwd, encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}
