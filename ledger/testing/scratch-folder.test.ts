import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  keepScratchFolder,
  makeScratchFolder,
  removeAbandoned,
  scratchRoot,
} from './scratch-folder.ts';

function scratch(): string {
  const folder = makeScratchFolder('unit');
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('every user may enter a folder, and list none', () => {
  const folder = scratch();
  expect(folder.startsWith(`${scratchRoot()}/meridian-unit-`)).toBe(true);
  expect(statSync(folder).mode & 0o777).toBe(0o711);
});

test('what a failed test keeps is on a disk, with its modes', () => {
  const folder = scratch();
  writeFileSync(join(folder, 'PG_VERSION'), '18', { mode: 0o600 });
  const kept = keepScratchFolder(folder);
  onTestFinished(() => rmSync(kept, { recursive: true, force: true }));
  expect(kept).toBe(join(tmpdir(), basename(folder)));
  expect(readFileSync(join(kept, 'PG_VERSION'), 'utf8')).toBe('18');
  expect(statSync(join(kept, 'PG_VERSION')).mode & 0o777).toBe(0o600);
  expect(existsSync(folder)).toBe(folder === kept);
});

test('folders of processes that were killed are removed, and no others', () => {
  const root = scratch();
  const { pid: ended } = spawnSync('true');
  const mine = `meridian-pg-${process.pid}-a`;
  for (const name of [`meridian-pg-${ended}-a`, mine, 'meridian', `other-pg-${ended}-a`]) {
    mkdirSync(join(root, name));
  }
  removeAbandoned(root);
  expect(readdirSync(root).toSorted()).toEqual(['meridian', mine, `other-pg-${ended}-a`]);
});
