import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Worktree } from './worktree.ts';

let checkout = '';

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com'];
  const result = spawnSync('git', [...identity, ...args], { cwd: checkout, encoding: 'utf8' });
  expect(result.stderr).toBe('');
  return result.stdout.trim();
}

function commit(lock: string, content: string): void {
  writeFileSync(join(checkout, 'package-lock.json'), lock);
  writeFileSync(join(checkout, 'file'), content);
  git('add', 'package-lock.json', 'file');
  git('commit', '--quiet', '--message', content);
}

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'meridian-worktree-test-'));
  git('init', '--quiet', '--initial-branch', 'main');
  mkdirSync(join(checkout, 'node_modules'));
  writeFileSync(join(checkout, 'node_modules', 'package'), 'installed');
  commit('{}', 'first');
  commit('{}', 'second');
});

afterEach(() => rmSync(checkout, { recursive: true, force: true }));

test('a worktree has the files of its commit and the packages of the checkout', () => {
  const worktree = new Worktree(checkout, 'main~1');
  expect(worktree.commit).toBe(git('rev-parse', '--short', 'main~1'));
  expect(readFileSync(join(worktree.path, 'file'), 'utf8')).toBe('first');
  expect(readFileSync(join(worktree.path, 'node_modules', 'package'), 'utf8')).toBe('installed');
  expect(worktree.packagesDiffer).toBe(false);
  worktree.remove();
});

test('nothing of it remains, and the packages of the checkout do', () => {
  const worktree = new Worktree(checkout, 'main~1');
  worktree.remove();
  worktree.remove();
  expect(existsSync(dirname(worktree.path))).toBe(false);
  expect(git('worktree', 'list').split('\n')).toHaveLength(1);
  expect(existsSync(join(checkout, 'node_modules', 'package'))).toBe(true);
});

test('it reports if the commit asks for other packages', () => {
  commit('{"packages":{}}', 'third');
  const worktree = new Worktree(checkout, 'main~1');
  expect(worktree.packagesDiffer).toBe(true);
  worktree.remove();
});

test.each(['nowhere', '--all', ''])(
  'a reference that is not a commit is refused: %j',
  (reference) => {
    expect(() => new Worktree(checkout, reference)).toThrow(`there is no commit ${reference} here`);
  },
);
